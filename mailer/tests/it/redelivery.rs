//! Requests that come again.

use otp_nats::event::Reason;
use otp_nats::{Body, Event, EventKind, Timestamp};

use crate::relay::{At, Do, Relay};
use crate::stack::{Ask, Stack, ask, eventually};

fn event(asked: &Ask, generation: u32, body: Body) -> Event {
    Event { id: asked.id, at: Timestamp::now(), generation, body }
}

fn sent() -> Body {
    Body::Sent { relay: "relay".to_owned(), reply: "250".to_owned(), to: "***".to_owned(), elapsed_ms: 1 }
}

#[tokio::test]
async fn what_is_done_is_not_done_again() {
    let (stack, relay) = (Stack::start().await, Relay::start(&[]).await);
    let bodies = [
        (2, sent()),
        (3, sent()),
        (2, Body::Failed { reason: Reason::Refused, reply: None }),
        (1, Body::Verified {}),
        (1, Body::Canceled {}),
        (1, Body::Superseded {}),
        (1, Body::Locked { attempts_left: 0 }),
        (1, Body::Expired {}),
    ];
    let mut asked = Vec::new();
    for (number, (generation, body)) in (1..).zip(bodies) {
        let mut ask = ask(number);
        ask.generation = 2;
        stack.ask(&ask).await;
        stack.publish(&event(&ask, generation, body)).await;
        asked.push(ask);
    }
    stack.deliver_in_vain(asked.len()).await;
    let mailer = stack.mailer(&relay.url()).await;
    stack.until_empty().await;
    for ask in &asked {
        assert_eq!(stack.kinds(&ask.id).await.len(), 1, "nothing was added");
    }
    assert!(relay.commands().is_empty());
    mailer.stop().await;
}

#[tokio::test]
async fn what_is_not_done_is_done_once() {
    let (stack, relay) = (Stack::start().await, Relay::start(&[]).await);
    let mut asked = ask(1);
    asked.generation = 2;
    // An older mail of the verification was sent, and this one was tried twice.
    stack.publish(&event(&asked, 1, sent())).await;
    stack.ask(&asked).await;
    let next_attempt_at = Timestamp::now();
    stack.publish(&event(&asked, 2, Body::Deferred { reason: Reason::Busy, next_attempt_at, attempt: 2 })).await;
    stack.deliver_in_vain(1).await;
    let mailer = stack.mailer(&relay.url()).await;
    stack.until_empty().await;
    let events = stack.events(&asked.id).await;
    assert!(events.iter().any(|event| event.body == Body::Processing { attempt: 3 }), "{events:?}");
    assert_eq!(relay.received().len(), 1);
    mailer.stop().await;
}

#[tokio::test]
async fn a_crash_before_the_dot_loses_nothing() {
    let (stack, relay) = (Stack::start().await, Relay::start(&[]).await);
    relay.plan(At::Rcpt, Do::Hold("250 2.1.5 Ok"));
    let crashing = stack.mailer(&relay.url()).await;
    let asked = ask(1);
    stack.ask(&asked).await;
    eventually("the mail is under way", async || relay.is_done().then_some(())).await;
    crashing.crash().await;
    let mailer = stack.mailer(&relay.url()).await;
    // It comes again when `ack_wait` is over.
    stack.until(&asked.id, EventKind::Sent).await;
    stack.until_empty().await;
    assert_eq!(relay.received().len(), 1);
    mailer.stop().await;
}

#[tokio::test]
async fn a_sent_that_cannot_be_told_at_once_is_told_later_and_nothing_is_mailed_twice() {
    let (stack, relay) = (Stack::start().await, Relay::start(&[]).await);
    relay.plan(At::Dot, Do::Hold("250 2.0.0 Ok"));
    let mailer = stack.mailer(&relay.url()).await;
    let asked = ask(1);
    stack.ask(&asked).await;
    eventually("the mail is under way", async || relay.is_done().then_some(())).await;
    stack.nats.freeze().unwrap();
    relay.release();
    eventually("the relay has it", async || (relay.received().len() == 1).then_some(())).await;
    // Long enough for the first attempts to publish to fail.
    let frozen = std::time::Instant::now();
    eventually("some time", async || (frozen.elapsed().as_secs() >= 4).then_some(())).await;
    stack.nats.thaw().unwrap();
    stack.until(&asked.id, EventKind::Sent).await;
    stack.until_empty().await;
    let kinds = stack.kinds(&asked.id).await;
    assert_eq!(kinds.iter().filter(|kind| **kind == EventKind::Sent).count(), 1);
    assert_eq!(relay.received().len(), 1);
    mailer.stop().await;
}
