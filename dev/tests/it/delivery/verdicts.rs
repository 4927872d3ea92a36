//! What a relay may say or fail to say, and what becomes of the request.

use otp_nats::Timestamp;
use serde_json::{Value, json};

use super::{dead_letter, system, timeline, unlimited};
use crate::support::{System, eventually, names};

fn time(value: &Value) -> Timestamp {
    Timestamp::parse(value.as_str().expect("a time")).expect("RFC 3339")
}

#[tokio::test]
async fn a_refusal_is_final_and_kept_as_a_dead_letter() {
    let system = system().await;
    for (address, reply) in [("fail550+ada@verdict.test", "550 "), ("reject-data+ada@verdict.test", "554 ")] {
        let asked = system.api().accepted(address).await;
        let events = timeline(&system, &asked, "failed", 1).await;
        assert_eq!(names(&events), ["requested", "processing", "failed"]);
        let failed = &events[2]["data"];
        assert_eq!(failed["reason"], "refused");
        assert!(failed["reply"].as_str().is_some_and(|text| text.starts_with(reply)), "{failed}");
        let read = system.api().read(&asked.id, Some(&asked.ticket)).await;
        assert_eq!(read.body["status"], "failed");

        let letter = eventually("the dead letter", async || dead_letter(&system, &asked).await).await;
        assert_eq!(
            (&letter["id"], &letter["reason"], &letter["attempts"]),
            (&json!(asked.id), &json!("refused"), &json!(1))
        );
        assert!(!letter.to_string().contains("verdict.test"), "still sealed: {letter}");
        assert_eq!(system.inbox().to(address).await.len(), 0);

        // It may be asked for again, and fails again.
        system.api().resend(&asked.id).await.accepted();
        let events = timeline(&system, &asked, "failed", 2).await;
        assert_eq!(names(&events), ["requested", "processing", "failed", "processing", "failed"]);
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn a_deferral_is_told_and_tried_again() {
    let system = system().await;
    let asked = system.api().accepted("defer-once+ada@verdict.test").await;
    let events = timeline(&system, &asked, "sent", 1).await;
    assert_eq!(names(&events), ["requested", "processing", "deferred", "processing", "sent"]);
    let deferred = &events[2]["data"];
    assert_eq!((&deferred["reason"], &deferred["attempt"]), (&json!("busy"), &json!(1)));
    assert_eq!((&events[1]["data"]["attempt"], &events[3]["data"]["attempt"]), (&json!(1), &json!(2)));
    // Two seconds after the first, give or take a fifth, and not before it was said to be.
    let (told, next) = (time(&events[2]["at"]), time(&deferred["next_attempt_at"]));
    let pause_ms = told.until(next).as_millis();
    assert!((1_500..=2_500).contains(&pause_ms), "{pause_ms} ms");
    assert!(time(&events[3]["at"]) + std::time::Duration::from_millis(50) >= next, "{events:?}");
    let sent = &events[4]["data"];
    assert_eq!((&sent["to"], &sent["relay"]), (&json!("d***a@verdict.test"), &json!(relay(&system))));
    assert!(sent["reply"].as_str().is_some_and(|text| text.starts_with("250 ")), "{sent}");
    assert!(sent["elapsed_ms"].is_u64(), "{sent}");
    assert_eq!(system.inbox().to("defer-once+ada@verdict.test").await.len(), 1);
    assert_eq!(dead_letter(&system, &asked).await, None);
    system.stack.stop().await;
}

fn relay(system: &System) -> String {
    system.stack.file().smtp.trim_start_matches("smtp://").to_owned()
}

#[tokio::test]
async fn who_is_deferred_for_ever_is_told_so_in_time() {
    let system = System::with(|options| {
        unlimited(options);
        options.caller.set("OTP_CODE_TTL", "8s");
    })
    .await;
    let asked = system.api().accepted("defer451+ada@verdict.test").await;
    let events = timeline(&system, &asked, "failed", 1).await;
    assert_eq!(events.last().expect("events")["data"]["reason"], "no-time-left");
    let attempts = names(&events).iter().filter(|name| **name == "processing").count();
    assert!(attempts >= 2, "{events:?}");
    let ends = time(&asked.body["expires_at"]);
    assert!(events.iter().all(|event| time(&event["at"]) < ends), "while the code is still valid: {events:?}");
    let letter = eventually("the dead letter", async || dead_letter(&system, &asked).await).await;
    assert_eq!((&letter["reason"], &letter["attempts"]), (&json!("no-time-left"), &json!(attempts)), "{letter}");
    system.stack.stop().await;
}

#[tokio::test]
async fn a_connection_that_breaks_within_the_mail_is_no_delivery() {
    let system = system().await;
    let asked = system.api().accepted("drop+ada@verdict.test").await;
    let events = timeline(&system, &asked, "deferred", 2).await;
    assert_eq!(names(&events), ["requested", "processing", "deferred", "processing", "deferred"]);
    for event in events.iter().filter(|event| event["event"] == "deferred") {
        assert_eq!(event["data"]["reason"], "connection-lost", "{event}");
    }
    assert_eq!(system.inbox().to("drop+ada@verdict.test").await.len(), 0);
    // Another request on the same relay is not drawn into it.
    let other = system.api().accepted("fine@verdict.test").await;
    timeline(&system, &other, "sent", 1).await;
    system.stack.stop().await;
}

#[tokio::test]
async fn a_mail_whose_reply_was_lost_comes_again_as_the_same_mail() {
    let system = system().await;
    let address = "drop-after+ada@verdict.test";
    let asked = system.api().accepted(address).await;
    let mails = eventually("a second mail", async || {
        let mails = system.inbox().to(address).await;
        (mails.len() >= 2).then_some(mails)
    })
    .await;
    assert_eq!(mails[0]["MessageID"], mails[1]["MessageID"], "recognisable as the same");
    assert_eq!(mails[0]["Text"], mails[1]["Text"]);
    let events = timeline(&system, &asked, "deferred", 1).await;
    assert!(!names(&events).contains(&"sent"), "nobody has said 250: {events:?}");
    // The code in it is good all the same.
    let code = system.inbox().code_for(address).await;
    assert_eq!(system.api().check(&asked.id, &code).await.status, 200);
    system.stack.stop().await;
}

#[tokio::test]
async fn a_relay_that_hangs_is_given_up_on_in_time() {
    let system = system().await;
    let asked = system.api().accepted("hang+ada@verdict.test").await;
    // Meanwhile others are served.
    let other = system.api().accepted("not-hanging@verdict.test").await;
    timeline(&system, &other, "sent", 1).await;
    let events = timeline(&system, &asked, "deferred", 1).await;
    assert_eq!(names(&events), ["requested", "processing", "deferred"]);
    assert_eq!(events[2]["data"]["reason"], "timed-out");
    let waited = time(&events[1]["at"]).until(time(&events[2]["at"]));
    assert!(waited.as_secs() < 30, "within ack_wait: {waited:?}");
    // The half-used connection is gone: the next mail gets its own reply.
    let next = system.api().accepted("fail550+next@verdict.test").await;
    let events = timeline(&system, &next, "failed", 1).await;
    assert_eq!(events.last().expect("events")["data"]["reason"], "refused");
    system.stack.stop().await;
}
