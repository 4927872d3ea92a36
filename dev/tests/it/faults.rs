//! Servers that die, hang and come back: what a client sees meanwhile, and that nobody has to lend a hand.

use std::time::{Duration, Instant};

use otp_dev::process::Signal;
use otp_dev::stack::Part;
use serde_json::json;

use crate::support::{Answer, Api, Socket, System, eventually, names, other_code};

/// A refusal within this time: 3 s for NATS to come back, and what a busy machine adds.
const REFUSED_MAX: Duration = Duration::from_secs(6);

/// How a server goes away, and how it comes back.
#[derive(Clone, Copy, Debug)]
enum Away {
    /// The process is gone.
    Dead,
    /// The process stands still; connections stay open and nobody answers.
    Still,
}

impl Away {
    async fn begin(self, system: &System, server: Part) {
        match self {
            Self::Dead => system.stack.hold(server, Signal::Kill).await.expect("held"),
            Self::Still => {
                system.stack.kill(server, Signal::Stop).await.expect("stopped");
                let pid = system.stack.pid(server).expect("it exists");
                eventually("all its threads to stand still", async || stands_still(pid).then_some(())).await;
            }
        }
    }

    async fn end(self, system: &System, server: Part) {
        match self {
            Self::Dead => system.stack.release(server).await.expect("released"),
            Self::Still => system.stack.kill(server, Signal::Continue).await.expect("goes on"),
        }
    }
}

/// A signal reaches one thread after the other. Where there is no `/proc` they are taken to be fast enough.
fn stands_still(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('T'))
    })
}

async fn system() -> System {
    System::with(|options| {
        options.caller.set("OTP_LIMIT_IP", "off");
        options.caller.set("OTP_CLOSE_SPREAD", "500ms");
    })
    .await
}

/// The answer, and that it did not take too long.
async fn soon(what: &str, answer: impl Future<Output = Answer>) -> Answer {
    let start = Instant::now();
    let answer = answer.await;
    let elapsed = start.elapsed();
    assert!(elapsed < REFUSED_MAX, "{what} took {elapsed:?}: {}", answer.text);
    answer
}

async fn unavailable(what: &str, answer: impl Future<Output = Answer>) {
    soon(what, answer).await.problem(503, "unavailable");
}

/// Waits until a request for this address is accepted.
async fn accepted_again(api: &Api, email: &str) {
    eventually("a request to be accepted", async || {
        let answer = api.ask(&json!({"email": email})).await;
        assert!([202, 503].contains(&answer.status), "a refused request has spent nothing: {}", answer.text);
        (answer.status == 202).then_some(())
    })
    .await;
}

async fn readiness(api: &Api) -> Answer {
    api.get("/ready").await
}

#[tokio::test]
async fn without_redis_nothing_is_guessed_and_nothing_let_through() {
    let system = system().await;
    let api = system.api();
    let asked = api.accepted("ada@redis.test").await;
    let code = system.inbox().code_for("ada@redis.test").await;
    api.check(&asked.id, &other_code(&code)).await.problem(422, "incorrect-code");
    for (n, away) in [Away::Still, Away::Dead].into_iter().enumerate() {
        // What Redis was told a second ago is on its disk; a check answered later is not of interest here.
        away.begin(&system, Part::Redis).await;
        unavailable("a request", api.ask(&json!({"email": format!("new{n}@redis.test")}))).await;
        unavailable("a right code", api.check(&asked.id, &code)).await;
        unavailable("a wrong code", api.check(&asked.id, &other_code(&code))).await;
        unavailable("a resend", api.resend(&asked.id)).await;
        unavailable("a cancel", api.cancel(&asked.id, Some(&asked.ticket))).await;
        let ready = soon("readiness", readiness(&api)).await;
        assert_eq!(ready.status, 503, "{away:?}");
        assert!(ready.body["faults"].to_string().to_lowercase().contains("redis"), "{}", ready.text);
        assert_eq!(api.get("/health").await.status, 200, "it lives");
        away.end(&system, Part::Redis).await;
        // What a hanging server was sent it may still do when it goes on, so that only a dead one has spent nothing.
        let again = if matches!(away, Away::Dead) { "new" } else { "other" };
        accepted_again(&api, &format!("{again}{n}@redis.test")).await;
        eventually("readiness", async || (readiness(&api).await.status == 200).then_some(())).await;
    }
    let answer = api.check(&asked.id, &code).await;
    // A check that hung may have been counted, or even been the one that was right; nobody was told so.
    assert!([200, 410].contains(&answer.status), "{}", answer.text);
    system.stack.stop().await;
}

#[tokio::test]
async fn without_nats_checks_are_answered_and_requests_are_not_promised() {
    let system = system().await;
    let api = system.api();
    for (n, away) in [Away::Still, Away::Dead].into_iter().enumerate() {
        let address = format!("grace{n}@nats.test");
        let asked = api.accepted(&address).await;
        let code = system.inbox().code_for(&address).await;
        let mut socket = Socket::watching(&system.stack.file().events, &asked).await;
        socket.until("sent").await;
        away.begin(&system, Part::Nats).await;
        unavailable("a request", api.ask(&json!({"email": format!("new{n}@nats.test")}))).await;
        let wrong = soon("a wrong code", api.check(&asked.id, &other_code(&code))).await;
        assert_eq!(wrong.problem(422, "incorrect-code").body["attempts_left"], 4);
        let right = soon("a right code", api.check(&asked.id, &code)).await;
        assert_eq!(right.status, 200, "{away:?}: {}", right.text);
        let read = soon("a read", api.read(&asked.id, Some(&asked.ticket))).await;
        assert_eq!((read.status, &read.body["status"]), (200, &json!("verified")), "{away:?}: {}", read.text);
        assert_eq!(read.body["timeline_complete"], false, "{}", read.text);
        let ready = soon("readiness", readiness(&api)).await;
        assert_eq!(ready.status, 503, "{away:?}");
        assert!(ready.body["faults"].to_string().to_lowercase().contains("nats"), "{}", ready.text);
        away.end(&system, Part::Nats).await;
        accepted_again(&api, &format!("new{n}@nats.test")).await;
        system.inbox().wait_for(&format!("new{n}@nats.test")).await;
        // What was decided meanwhile is told now, here to a client that comes anew.
        let events = eventually("the events of the checks", async || {
            let read = api.read(&asked.id, Some(&asked.ticket)).await;
            let events = read.body["timeline"].as_array().expect("a timeline").clone();
            names(&events).contains(&"verified").then_some(events)
        })
        .await;
        assert_eq!(names(&events), ["requested", "processing", "sent", "rejected", "verified"]);
        let (told, _) = Socket::watching(&system.stack.file().events, &asked).await.rest().await;
        assert_eq!(names(&told), names(&events));
        for part in Part::SERVICES {
            system.stack.ready(part).await.expect("ready by itself");
        }
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn a_mailer_that_is_away_delays_and_loses_nothing() {
    let system = system().await;
    let api = system.api();
    system.stack.hold(Part::Mailer, Signal::Kill).await.expect("held");
    let mut waiting = Vec::new();
    for n in 0..5 {
        let asked = api.accepted(&format!("waits{n}@mailer.test")).await;
        let read = api.read(&asked.id, Some(&asked.ticket)).await;
        assert_eq!(read.body["status"], "queued", "{}", read.text);
        waiting.push(asked);
    }
    assert_eq!(system.inbox().count().await, 0);
    system.stack.release(Part::Mailer).await.expect("released");
    for asked in &waiting {
        Socket::watching(&system.stack.file().events, asked).await.until("sent").await;
    }
    assert_eq!(system.inbox().count().await, 5);
    system.stack.stop().await;
}
