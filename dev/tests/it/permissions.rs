//! What each user of the bus and the store may do, on a stack that is locked down as production is: all that its
//! service needs, and no more than that.

mod bus;
mod guest;
mod store;

use otp_dev::stack::{NatsNodes, Part};

use crate::support::{System, other_code};

/// A verification from the request to the proof, with a wrong guess, watched and read.
pub(crate) async fn proves(system: &System, address: &str) {
    let api = system.api();
    let asked = api.accepted(address).await;
    let mut events = system.events().await;
    events.subscribe(&asked.body).await;
    events.until("sent").await;
    let code = system.inbox().code_for(address).await;
    api.check(&asked.id, &other_code(&code)).await.problem(422, "incorrect-code");
    assert_eq!(api.check(&asked.id, &code).await.status, 200);
    events.until("verified").await;
    let read = api.read(&asked.id, Some(&asked.ticket)).await;
    assert!(read.body["timeline"].as_array().is_some_and(|timeline| timeline.len() >= 3), "{}", read.text);
    // One more, which is given up: the mailer files a dead letter.
    let again = api.accepted(&format!("fail550+{address}")).await;
    events.subscribe(&again.body).await;
    events.until("failed").await;
}

/// What the servers and the services of a stack have written.
fn logs(system: &System) -> Vec<(String, String)> {
    let files = std::fs::read_dir(system.stack.file().logs).expect("logs").flatten().map(|file| file.path());
    files.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("a log"))).collect()
}

/// All passwords of a stack.
fn passwords(system: &System) -> Vec<String> {
    let folders = std::fs::read_dir(system.stack.dir().join("secrets")).expect("secrets").flatten();
    let files = folders.flat_map(|folder| ["password", "route"].map(|file| folder.path().join(file)));
    files.filter_map(|path| Some(std::fs::read_to_string(path).ok()?.trim().to_owned())).collect()
}

/// The servers had nothing to refuse, and nobody has written a password down.
pub(crate) fn nothing_refused_and_nothing_told(system: &System) {
    let (logs, passwords) = (logs(system), passwords(system));
    assert!(logs.iter().any(|(path, text)| path.ends_with("nats.log") && !text.is_empty()), "NATS has a log");
    assert_eq!(passwords.len(), 7);
    for (path, text) in logs {
        let refused: Vec<&str> = text.lines().filter(|line| line.contains("Violation")).collect();
        assert!(refused.is_empty(), "{path}: {refused:#?}");
        assert!(passwords.iter().all(|password| !text.contains(password.as_str())), "{path} has a password in it");
    }
}

#[tokio::test]
async fn every_service_can_do_its_work() {
    let system = System::start().await;
    proves(&system, "ada@guarded.test").await;
    let mut redis = system.stack.file().redis_client().expect("a client").get_connection().expect("connected");
    let refused: Vec<redis::Value> = redis::cmd("ACL").arg("LOG").query(&mut redis).expect("a log");
    assert!(refused.is_empty(), "{refused:?}");
    nothing_refused_and_nothing_told(&system);
    system.stack.stop().await;
}

#[tokio::test]
async fn every_service_can_do_its_work_on_three_nodes() {
    let system = System::with(|options| options.nats_nodes = NatsNodes::Three).await;
    proves(&system, "ada@clustered.test").await;
    nothing_refused_and_nothing_told(&system);
    system.stack.stop().await;
}

#[tokio::test]
async fn another_life_of_codes_is_put_into_the_streams_by_the_gateway_and_waited_for_by_the_others() {
    let system = System::start().await;
    let dir = system.end().await;
    let mut options = otp_dev::stack::Options::isolated(dir.path()).expect("servers and services");
    options.caller.set("OTP_CODE_TTL", "200s");
    let stack = otp_dev::stack::Stack::start(options).await.expect("ready");
    let nats = async_nats::jetstream::new(stack.file().connect_nats().await.expect("connected"));
    let events = nats.get_stream("OTP_EVENTS").await.expect("the stream");
    assert_eq!(events.cached_info().config.max_age, std::time::Duration::from_secs(200 + 600));
    let log = |part: Part| std::fs::read_to_string(stack.log(part)).expect("a log");
    assert!(log(Part::Gateway).contains("changing the stream's settings"), "{}", log(Part::Gateway));
    for part in [Part::Mailer, Part::Notifier] {
        assert!(!log(part).contains("changing the stream's settings"), "{}", log(part));
    }
    assert!(!log(Part::Nats).contains("Violation"), "{}", log(Part::Nats));
    stack.stop().await;
}
