//! Requests that cannot be read, or not yet: each ends once, filed with its reason, and those beside it are mailed.

use std::time::Duration;

use async_nats::jetstream::AckKind;
use futures_util::StreamExt;
use otp_nats::event::Reason;
use otp_nats::request::MailRequest;
use otp_nats::{Body, Event, EventKind, Timestamp, VerificationId, subject};
use tokio_util::sync::CancellationToken;

use crate::relay::Relay;
use crate::stack::{PATIENCE, Stack, ask, eventually, keys};

/// Deliveries after which a request of a newer version is given up.
const NEWER_DELIVERIES: u32 = 30;
/// Largest payload that the stream of requests takes, its subject and headers aside.
const LARGEST: usize = 16 * 1024;

const NEWER: &[u8] = br#"{"v":2,"id":7,"generation":3,"everything":"else"}"#;

async fn publish(stack: &Stack, id: &VerificationId, payload: Vec<u8>) {
    let subject = subject::event(EventKind::Requested, id);
    stack.bus.jetstream().publish(subject, payload.into()).await.unwrap().await.unwrap();
}

/// Payloads that no mailer can ever read, each for the verification with the number that it stands at.
fn poison() -> Vec<Vec<u8>> {
    let json = |number| String::from_utf8(ask(number).event().to_json()).unwrap();
    let with_address = |number, email: String| {
        let mut asked = ask(number);
        asked.email = email;
        asked.event().to_json()
    };
    let other = Event { body: Body::Canceled {}, ..ask(7).event() };
    let sealed = MailRequest::seal(
        &MailRequest {
            email: "a@b.test".into(),
            code: "1".into(),
            locale: String::new(),
            app: String::new(),
            sender: String::new(),
            templates: String::new(),
            blocked: false,
            report_url: String::new().into(),
            place: String::new(),
        },
        &keys(),
        &ask(8).id,
        1,
    );
    let later = Body::Requested { sealed: sealed.unwrap(), expires_at: Timestamp::now() + Duration::from_secs(300) };
    vec![
        b"\xff\x00 no JSON".to_vec(),
        Vec::new(),
        // Sealed for another verification, and one that claims to be another one.
        json(102).replace(&ask(102).id.to_string(), &ask(2).id.to_string()).into_bytes(),
        json(103).into_bytes(),
        json(4).replace("\"sealed\":\"k1.", "\"sealed\":\"k9.").into_bytes(),
        with_address(5, "person-5@example.com>\r\nRCPT TO:<eve@example.net".to_owned()),
        with_address(6, format!("{}@example.com", "x".repeat(8000))),
        other.to_json(),
        // Sealed for another mail of the same verification.
        Event { id: ask(8).id, at: Timestamp::now(), generation: 2, body: later }.to_json(),
        // As JSON in a dead letter it is six times as long: more than that stream takes.
        vec![1; LARGEST - 200],
    ]
}

#[tokio::test]
async fn what_cannot_be_read_is_filed_and_never_loops() {
    let (stack, relay) = (Stack::start().await, Relay::start(&["PIPELINING"]).await);
    let mailer = stack.mailer(&relay.url()).await;
    let poison = poison();
    for (number, payload) in (0..).zip(poison.clone()) {
        publish(&stack, &ask(number).id, payload).await;
        stack.ask(&ask(number + 50)).await;
    }
    for (number, payload) in (0..).zip(&poison) {
        let id = ask(number).id;
        let failed = stack.until(&id, EventKind::Failed).await;
        assert_eq!(failed.body, Body::Failed { reason: Reason::Unreadable, reply: None }, "{number}");
        let letter = stack.dead_letter(&id).await.unwrap();
        assert_eq!((letter.id, letter.reason, letter.attempts), (Some(id), Reason::Unreadable, 1), "{number}");
        let kept = if payload.len() > LARGEST / 2 && payload[0] == 1 { b"" } else { payload.as_slice() };
        assert_eq!(letter.request, String::from_utf8_lossy(kept), "{number}");
        stack.until(&ask(number + 50).id, EventKind::Sent).await;
    }
    stack.until_empty().await;
    assert_eq!(relay.received().len(), poison.len(), "its neighbours are mailed, and it is not");
    for number in [102, 103] {
        assert!(stack.kinds(&ask(number).id).await.is_empty(), "nothing is said of who was only named");
    }
    mailer.stop().await;
}

#[tokio::test]
async fn a_newer_request_waits_for_a_newer_mailer() {
    let (stack, relay) = (Stack::start().await, Relay::start(&[]).await);
    let older = stack.mailer(&relay.url()).await;
    let id = ask(1).id;
    publish(&stack, &id, NEWER.to_vec()).await;
    let newer = stack.bus.mailer_consumer(&CancellationToken::new()).await.unwrap();
    eventually("it was left alone once", async || (newer.get_info().await.ok()?.num_redelivered > 0).then_some(()))
        .await;
    let taken = eventually("the newer mailer gets it", async || {
        let mut pull = newer.batch().max_messages(1).expires(PATIENCE).messages().await.ok()?;
        pull.next().await?.ok()
    })
    .await;
    assert_eq!(taken.payload, NEWER);
    taken.ack_with(AckKind::Ack).await.unwrap();
    stack.until_empty().await;
    assert!(stack.dead_letter(&id).await.is_none() && stack.kinds(&id).await.is_empty());
    older.stop().await;
}

#[tokio::test]
async fn a_newer_request_that_nobody_can_read_is_filed() {
    let (stack, relay) = (Stack::start().await, Relay::start(&[]).await);
    let id = ask(1).id;
    publish(&stack, &id, NEWER.to_vec()).await;
    for _ in 1..NEWER_DELIVERIES {
        stack.deliver_in_vain(1).await;
    }
    let mailer = stack.mailer(&relay.url()).await;
    let failed = stack.until(&id, EventKind::Failed).await;
    assert_eq!((failed.generation, failed.body), (3, Body::Failed { reason: Reason::Unreadable, reply: None }));
    let letter = stack.dead_letter(&id).await.unwrap();
    assert_eq!((letter.reason, letter.generation, letter.attempts), (Reason::Unreadable, Some(3), NEWER_DELIVERIES));
    stack.until_empty().await;
    mailer.stop().await;
}
