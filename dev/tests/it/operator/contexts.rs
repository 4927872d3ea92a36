//! The contexts that the page installs, and the lines that set them up.

use std::process::Command;

use otp_dev::workspace;

use super::{CONTEXT, PAGES, Shell, cli, lines, path_with};
use crate::support::System;

/// The lines of the operator's page that begin so.
fn line(start: &str) -> String {
    let (page, _) = PAGES[1];
    lines(page).into_iter().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} on the page"))
}

#[tokio::test]
async fn a_context_of_the_page_leads_to_the_streams() {
    let Some(cli) = cli() else {
        println!("skipped: the nats CLI is not installed");
        return;
    };
    let system = System::start().await;
    let home = tempfile::tempdir().expect("a directory");
    let shell = Shell { system: &system, path: path_with(&cli), home: home.path() };
    let installed = Command::new("sh")
        .args(["-c", &line("install ")])
        .env("XDG_CONFIG_HOME", home.path())
        .current_dir(workspace::root())
        .status();
    assert!(installed.expect("sh").success());
    shell.run(&line(CONTEXT), "").await;
    // Server and password are this system's; that the operator is the user is the context's.
    let nats: reqwest::Url = system.stack.file().nats.parse().expect("a URL");
    let (host, port) = (nats.host_str().expect("a host"), nats.port().expect("a port"));
    let asked = format!(
        "unset NATS_URL; nats --server nats://{host}:{port} --password '{}' stream ls --names",
        nats.password().expect("a password")
    );
    let said = shell.run(&asked, "").await;
    assert!(["OTP_REQUESTS", "OTP_EVENTS", "OTP_DEAD"].iter().all(|stream| said.contains(stream)), "{said}");
    for context in ["otp-compose", "otp-cluster"] {
        let file = home.path().join(format!("nats/context/{context}.json"));
        let text = std::fs::read_to_string(&file).expect("installed");
        assert!(!text.contains("\"password\""), "{context} has a password in it");
        assert!(shell.run(&format!("nats context info {context} --json"), "").await.contains("operator"));
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn the_url_in_stack_json_is_the_operators() {
    let system = System::start().await;
    let wanted = system.stack.file().nats;
    let dir = system.stack.dir();
    let set = line("export NATS_URL=").replace("target/dev", &dir.display().to_string());
    let said = Command::new("sh").args(["-c", &format!("{set}; printf %s \"$NATS_URL\"")]).output().expect("sh");
    assert_eq!(String::from_utf8_lossy(&said.stdout), wanted);
    system.stack.stop().await;
}
