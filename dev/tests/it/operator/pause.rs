//! Mailing is paused and goes on, by the page's own commands.

use super::{NEWER_ONLY, PAGES, Shell, cli, lines, path_with, until_status};
use otp_dev::process::Signal;
use otp_dev::stack::Part;

use crate::support::{System, eventually, servers};

/// The commands of the page that begin so.
fn command(start: &str) -> String {
    let all = PAGES.iter().flat_map(|(page, _)| lines(page));
    all.into_iter().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start}on the pages"))
}

#[tokio::test]
async fn mailing_is_paused_and_goes_on() {
    let (Some(cli), Some(server)) = (cli(), servers::newer()) else {
        println!("skipped: the nats CLI or a nats-server of 2.11 or later is not installed");
        return;
    };
    let system = System::with(|options| options.programs.nats = server).await;
    let home = tempfile::tempdir().expect("a directory");
    let shell = Shell { system: &system, path: path_with(&cli), home: home.path() };
    let [pause, resume] = NEWER_ONLY.map(command);
    assert!(shell.run(&pause, "").await.contains("Paused"));
    // A mailer that starts meanwhile keeps to it: neither settings nor consumer are made anew.
    system.stack.hold(Part::Mailer, Signal::Terminate).await.expect("held");
    system.stack.release(Part::Mailer).await.expect("released");
    system.stack.ready(Part::Mailer).await.expect("ready all the same");
    let asked = system.api().accepted("slartibartfast@pause.test").await;
    let waiting = eventually("the request to wait", async || {
        let said = shell.run("nats consumer info OTP_REQUESTS mailer", "").await;
        said.contains("Unprocessed Messages: 1").then_some(said)
    })
    .await;
    assert!(waiting.contains("Paused Until"), "{waiting}");
    assert_eq!(system.api().read(&asked.id, Some(&asked.ticket)).await.body["status"], "queued");
    assert!(system.inbox().to("slartibartfast@pause.test").await.is_empty(), "mailed although it is paused");
    assert!(shell.run(&resume, "").await.contains("resumed"));
    until_status(&system, &asked, "sent").await;
    system.stack.stop().await;
}
