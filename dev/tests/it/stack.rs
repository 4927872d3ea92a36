//! The stack itself: what the tests of all else rely on.

use otp_dev::process::{self, Signal};
use otp_dev::stack::{self, Claim, NatsNodes, Notices, Options, Part, Phase, Stack, StackFile, Status, WantedPorts};

use crate::support::{System, eventually};

const ALL: [Part; 5] = [Part::Gateway, Part::Mailer, Part::Notifier, Part::Nats, Part::Redis];

#[tokio::test]
async fn everything_is_ready_and_written_down_and_gone_afterwards() {
    let system = System::start().await;
    let dir = system.stack.dir().to_owned();
    let file = StackFile::read(&dir).expect("stack.json");
    assert_eq!(file, system.stack.file());
    assert_eq!(file.phase, Phase::Ready);
    assert_eq!(file.pids.get("dev"), Some(&std::process::id()));
    for part in ALL {
        let pid = system.stack.pid(part).expect("running");
        assert_eq!(file.pids.get(part.name()), Some(&pid));
        assert!(process::alive(pid), "{part:?}");
    }
    for part in Part::SERVICES {
        for path in ["health", "ready", "metrics"] {
            let url = format!("{}/{path}", file.admin.get(part.name()).expect("an admin URL"));
            let answer = system.client.get(&url).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{url}");
        }
    }
    let status = Status::of(&dir).await.expect("asked");
    assert!(status.all_ready(), "{status:?}");
    assert_eq!(stack::holder(&dir), Some(std::process::id()));
    let refused =
        Claim::take(&dir, &WantedPorts::default(), NatsNodes::One, &Notices::silent()).expect_err("taken").to_string();
    assert!(refused.contains("already running"), "{refused}");

    system.stack.stop().await;
    assert!(StackFile::read(&dir).is_none());
    assert_eq!(stack::holder(&dir), None);
    assert!(!Status::of(&dir).await.expect("asked").all_ready());
    assert!(file.pids.iter().all(|(name, pid)| name == "dev" || !process::alive(*pid)), "{:?}", file.pids);
}

#[tokio::test]
async fn a_part_that_is_killed_is_started_again_in_its_place() {
    let system = System::start().await;
    for part in ALL {
        let before = system.stack.pid(part).expect("running");
        system.stack.kill(part, Signal::Kill).await.expect("killed");
        system.stack.ready(part).await.expect("ready again");
        let after = system.stack.pid(part).expect("running");
        assert_ne!(before, after, "{part:?}");
        let file = StackFile::read(system.stack.dir()).expect("stack.json");
        assert_eq!(file.pids.get(part.name()), Some(&after));
    }
    // The servers came back at their ports, so the services find them again.
    for part in Part::SERVICES {
        system.stack.ready(part).await.expect("ready after all");
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn a_part_is_held_down_and_let_go_and_doubled() {
    let mut system = System::start().await;
    system.stack.hold(Part::Mailer, Signal::Kill).await.expect("held");
    assert_eq!(system.stack.pid(Part::Mailer), None);
    let status = Status::of(system.stack.dir()).await.expect("asked");
    let mailer = status.lines.iter().find(|line| line.name == "mailer").expect("the mailer");
    assert!(mailer.fault.is_some() && !status.all_ready(), "{status:?}");
    system.stack.release(Part::Mailer).await.expect("ready");

    let second = system.stack.add(Part::Gateway, &[("OTP_CODE_LENGTH", "8")]).await.expect("a second gateway");
    assert_eq!(second.to_string(), "gateway-2");
    let url = format!("http://{}/health", system.stack.address(second).expect("an address"));
    assert_eq!(system.client.get(&url).send().await.expect("an answer").status(), 200);
    assert!(StackFile::read(system.stack.dir()).expect("stack.json").pids.contains_key("gateway-2"));
    system.stack.remove(second).await.expect("removed");
    assert!(system.client.get(&url).send().await.is_err());
    assert!(!StackFile::read(system.stack.dir()).expect("stack.json").admin.contains_key("gateway-2"));

    let starts = system.stack.condition(Part::Notifier).expect("known").borrow().starts;
    system.stack.restart(Part::Notifier).await.expect("ready");
    assert_eq!(system.stack.condition(Part::Notifier).expect("known").borrow().starts, starts + 1);
    system.stack.stop().await;
}

#[tokio::test]
async fn a_service_that_does_not_start_says_why() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = Options::isolated(dir.path()).expect("servers and services");
    options.caller.set("OTP_CODE_LENGTH", "99");
    let said = format!("{:#}", Stack::start(options).await.expect_err("a faulty setting"));
    assert!(said.contains("gateway ended before it was ready"), "{said}");
    assert!(said.contains("OTP_CODE_LENGTH"), "{said}");
    assert!(StackFile::read(dir.path()).is_none());
}

#[tokio::test]
async fn a_stack_that_is_dropped_leaves_no_process() {
    let system = System::start().await;
    let pids = system.stack.file().pids;
    drop(system);
    eventually("the end of all processes", async || {
        pids.iter().all(|(name, pid)| name == "dev" || !process::alive(*pid)).then_some(())
    })
    .await;
}
