//! Users of NATS. Each test sees what is allowed succeed, beside what is not fail.

use serde_json::json;

use super::guest::{Guest, password};
use crate::support::{System, eventually};

const SERVICES: [&str; 3] = ["gateway", "mailer", "notifier"];
const STREAMS: [&str; 3] = ["OTP_REQUESTS", "OTP_EVENTS", "OTP_DEAD"];
/// The end of a subject, where an id stands.
const ID: &str = "x";

/// What nobody hears but its own: events as they happen, and the answers to others.
const NOT_HEARD: [&str; 6] = ["otp.requested.*", "otp.>", ">", "_INBOX.>", "_INBOX.*.>", "$JS.EVENT.ADVISORY.>"];

async fn publishes(guest: &mut Guest, mine: &[&str], others: &[&str]) {
    for event in mine {
        let stored = guest.may(&format!("otp.{event}.{ID}"), "{}").await;
        assert!(stored["seq"].as_u64().is_some(), "{stored}");
    }
    for event in others {
        guest.may_not_say(&format!("otp.{event}.{ID}")).await;
    }
}

async fn hears_its_answers_alone(guest: &mut Guest, user: &str) {
    for subject in NOT_HEARD {
        guest.may_not_hear(subject).await;
    }
    for other in SERVICES.into_iter().filter(|other| *other != user) {
        guest.may_not_hear(&format!("_INBOX.otp-{other}.>")).await;
    }
    // Asked for and answered, on an inbox of its own.
    guest.may("$JS.API.STREAM.INFO.OTP_EVENTS", "").await;
}

#[tokio::test]
async fn the_notifier_reads_events_and_nothing_else() {
    let system = System::start().await;
    let mut guest = Guest::of(&system, "notifier").await;
    publishes(&mut guest, &["expired"], &["verified", "sent", "requested", "failed", "rejected", "dead"]).await;
    hears_its_answers_alone(&mut guest, "notifier").await;
    let consumer = json!({"stream_name": "OTP_EVENTS", "config": {"ack_policy": "none", "deliver_policy": "all"}});
    let made = guest.may("$JS.API.CONSUMER.CREATE.OTP_EVENTS", &consumer.to_string()).await;
    let next = format!("$JS.API.CONSUMER.MSG.NEXT.OTP_EVENTS.{}", made["name"].as_str().expect("a name"));
    let event = guest.fetch(&next, "1").await;
    assert_eq!(event.payload, "{}", "the event of this test");
    // The same question about the other stream, under a name that it may use, and under those that it may not.
    let spy = json!({"stream_name": "OTP_REQUESTS", "config": {"ack_policy": "none", "deliver_policy": "all"}});
    let answer = guest.ask("$JS.API.CONSUMER.CREATE.OTP_EVENTS", &spy.to_string()).await;
    assert!(String::from_utf8_lossy(&answer.payload).contains("\"error\""), "{answer:?}");
    for subject in [
        "$JS.API.CONSUMER.CREATE.OTP_REQUESTS",
        "$JS.API.CONSUMER.CREATE.OTP_REQUESTS.spy",
        "$JS.API.CONSUMER.DURABLE.CREATE.OTP_REQUESTS.spy",
        "$JS.API.CONSUMER.MSG.NEXT.OTP_REQUESTS.mailer",
        "$JS.API.STREAM.MSG.GET.OTP_REQUESTS",
        "$JS.API.DIRECT.GET.OTP_REQUESTS",
        "$JS.ACK.OTP_REQUESTS.mailer.1.1.1.1.1",
        "$JS.API.STREAM.UPDATE.OTP_EVENTS",
    ] {
        guest.may_not_say(subject).await;
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn the_mailer_takes_requests_up_and_decides_nothing() {
    let system = System::start().await;
    let mut guest = Guest::of(&system, "mailer").await;
    let mine = ["processing", "sent", "deferred", "failed", "expired", "dead"];
    publishes(&mut guest, &mine, &["verified", "requested", "rejected", "locked", "canceled", "superseded"]).await;
    hears_its_answers_alone(&mut guest, "mailer").await;
    let next = guest.ask("$JS.API.CONSUMER.MSG.NEXT.OTP_REQUESTS.mailer", r#"{"batch":1,"no_wait":true}"#).await;
    assert_eq!(next.status.map(|status| status.as_u16()), Some(404), "there is no request now");
    let other = json!({"stream_name": "OTP_REQUESTS", "config": {"durable_name": "other", "ack_policy": "explicit"}});
    let answer = guest.ask("$JS.API.CONSUMER.CREATE.OTP_REQUESTS.mailer", &other.to_string()).await;
    assert!(String::from_utf8_lossy(&answer.payload).contains("\"error\""), "{answer:?}");
    for subject in [
        "$JS.API.CONSUMER.CREATE.OTP_REQUESTS.other",
        "$JS.API.CONSUMER.DURABLE.CREATE.OTP_REQUESTS.other",
        "$JS.API.CONSUMER.DELETE.OTP_REQUESTS.mailer",
        "$JS.API.CONSUMER.CREATE.OTP_EVENTS",
        "$JS.API.STREAM.MSG.GET.OTP_REQUESTS",
        "$JS.API.STREAM.MSG.GET.OTP_DEAD",
        "$JS.API.STREAM.UPDATE.OTP_REQUESTS",
        "$JS.API.STREAM.CREATE.OTHER",
    ] {
        guest.may_not_say(subject).await;
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn the_gateway_decides_and_consumes_nothing() {
    let system = System::start().await;
    let mut guest = Guest::of(&system, "gateway").await;
    let mine = ["rejected", "locked", "verified", "canceled", "superseded", "expired"];
    publishes(&mut guest, &mine, &["processing", "sent", "deferred", "failed", "dead"]).await;
    hears_its_answers_alone(&mut guest, "gateway").await;
    let read = guest.ask("$JS.API.DIRECT.GET.OTP_EVENTS", r#"{"seq":1}"#).await;
    assert_eq!(read.payload, "{}", "the event of this test");
    for subject in [
        "$JS.API.CONSUMER.CREATE.OTP_REQUESTS",
        "$JS.API.CONSUMER.CREATE.OTP_REQUESTS.mailer",
        "$JS.API.CONSUMER.MSG.NEXT.OTP_REQUESTS.mailer",
        "$JS.API.CONSUMER.CREATE.OTP_EVENTS",
        "$JS.API.STREAM.MSG.GET.OTP_REQUESTS",
        "$JS.API.STREAM.MSG.GET.OTP_EVENTS",
        "$JS.API.DIRECT.GET.OTP_DEAD",
        "$JS.ACK.OTP_REQUESTS.mailer.1.1.1.1.1",
    ] {
        guest.may_not_say(subject).await;
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn nobody_but_an_operator_deletes_or_purges() {
    let system = System::start().await;
    let kept = json!({"event": "dead"}).to_string();
    Guest::of(&system, "mailer").await.may(&format!("otp.dead.{ID}"), &kept).await;
    for user in SERVICES {
        let mut guest = Guest::of(&system, user).await;
        for stream in STREAMS {
            for what in ["DELETE", "PURGE", "MSG.DELETE", "RESTORE", "SNAPSHOT", "LEADER.STEPDOWN"] {
                guest.may_not_say(&format!("$JS.API.STREAM.{what}.{stream}")).await;
            }
        }
        guest.may_not_say("$JS.API.STREAM.LIST").await;
        guest.may_not_say("$SYS.REQ.SERVER.PING").await;
    }
    let mut operator = Guest::of(&system, "operator").await;
    let dead = operator.may("$JS.API.STREAM.INFO.OTP_DEAD", "").await;
    assert_eq!(dead["state"]["messages"], 1, "{dead}");
    assert_eq!(operator.may("$JS.API.STREAM.PURGE.OTP_DEAD", "").await["purged"], 1);
    system.stack.stop().await;
}

#[tokio::test]
async fn nobody_comes_in_with_a_wrong_password_or_none() {
    let system = System::start().await;
    for user in SERVICES.into_iter().chain(["operator"]) {
        let right = password(system.stack.dir(), &format!("nats-{user}"));
        // The server gives three seconds for a login, which a busy machine may need for something else.
        eventually(user, async || Guest::with(&system, user, &right).await.ok()).await;
        let others = password(system.stack.dir(), if user == "mailer" { "nats-gateway" } else { "nats-mailer" });
        for wrong in ["wrong", "", &others, &right.to_uppercase()] {
            assert!(Guest::with(&system, user, wrong).await.is_err(), "{user}");
        }
    }
    let address = system.stack.address(otp_dev::stack::Part::Nats).expect("an address").to_string();
    assert!(async_nats::connect(&address).await.is_err(), "nobody without a name");
    system.stack.stop().await;
}
