//! A request that was given up and is sent again, as an operator does it: the payload of the dead letter on its old subject.

use std::time::Duration;

use otp_nats::event::Reason;
use otp_nats::{Body, EventKind, Timestamp, subject};

use crate::relay::{At, Do, Relay};
use crate::stack::{Ask, Stack, ask, eventually};

/// As the `nats` CLI publishes it: without headers.
async fn send_again(stack: &Stack, asked: &Ask) {
    let letter = stack.dead_letter(&asked.id).await.unwrap();
    let subject = subject::event(EventKind::Requested, &asked.id);
    stack.bus.jetstream().publish(subject, letter.request.into()).await.unwrap().await.unwrap();
}

async fn given_up(stack: &Stack, relay: &Relay, asked: &Ask) {
    relay.plan(At::Rcpt, Do::Reply("550 5.1.1 no such user"));
    stack.ask(asked).await;
    stack.until(&asked.id, EventKind::Failed).await;
    stack.until_empty().await;
}

async fn count(stack: &Stack, asked: &Ask, kind: EventKind) -> usize {
    stack.kinds(&asked.id).await.into_iter().filter(|other| *other == kind).count()
}

#[tokio::test]
async fn a_dead_letter_that_is_sent_again_is_mailed() {
    let (stack, relay) = (Stack::start().await, Relay::start(&[]).await);
    let mailer = stack.mailer(&relay.url()).await;
    let asked = ask(1);
    given_up(&stack, &relay, &asked).await;
    send_again(&stack, &asked).await;
    stack.until(&asked.id, EventKind::Sent).await;
    stack.until_empty().await;
    assert_eq!(relay.received().len(), 1);
    let kinds = stack.kinds(&asked.id).await;
    assert_eq!(kinds, [EventKind::Processing, EventKind::Failed, EventKind::Sent], "the newest tells how it stands");
    // Once more by mistake: it is known to be sent when it is delivered a second time, and mailed again otherwise.
    mailer.stop().await;
    send_again(&stack, &asked).await;
    stack.deliver_in_vain(1).await;
    let mailer = stack.mailer(&relay.url()).await;
    stack.until_empty().await;
    assert_eq!(relay.received().len(), 1);
    mailer.stop().await;
}

#[tokio::test]
async fn its_first_delivery_may_be_interrupted() {
    let (stack, relay) = (Stack::start().await, Relay::start(&[]).await);
    let mailer = stack.mailer(&relay.url()).await;
    let asked = ask(1);
    given_up(&stack, &relay, &asked).await;
    mailer.stop().await;
    send_again(&stack, &asked).await;
    stack.deliver_in_vain(1).await;
    let mailer = stack.mailer(&relay.url()).await;
    stack.until(&asked.id, EventKind::Sent).await;
    stack.until_empty().await;
    assert_eq!(relay.received().len(), 1, "the failure before is no reason to think that it is done");
    mailer.stop().await;
}

#[tokio::test]
async fn a_second_failure_is_told_and_filed_as_well() {
    let (stack, relay) = (Stack::start().await, Relay::start(&[]).await);
    let mailer = stack.mailer(&relay.url()).await;
    let asked = ask(1);
    given_up(&stack, &relay, &asked).await;
    relay.plan(At::Rcpt, Do::Reply("450 4.2.0 greylisted"));
    relay.plan(At::Rcpt, Do::Reply("551 5.1.6 moved"));
    let first = stack.dead_letter(&asked.id).await.unwrap();
    send_again(&stack, &asked).await;
    eventually("two failures", async || (count(&stack, &asked, EventKind::Failed).await == 2).then_some(())).await;
    let deferred = stack.until(&asked.id, EventKind::Deferred).await;
    assert!(matches!(deferred.body, Body::Deferred { attempt: 1, reason: Reason::Busy, .. }), "{deferred:?}");
    let second = stack.dead_letter(&asked.id).await.unwrap();
    assert!(second.seq > first.seq && second.request == first.request, "{second:?}");
    assert_eq!((second.attempts, second.reply.as_deref()), (2, Some("551 5.1.6 moved")));
    stack.until_empty().await;
    mailer.stop().await;
}

#[tokio::test]
async fn when_the_code_is_over_nothing_is_mailed() {
    let (stack, relay) = (Stack::start().await, Relay::start(&[]).await);
    let mailer = stack.mailer(&relay.url()).await;
    let mut asked = ask(1);
    asked.life = Duration::from_secs(3);
    let over_at = Timestamp::now() + asked.life;
    given_up(&stack, &relay, &asked).await;
    eventually("its time to be over", async || (Timestamp::now() > over_at + asked.life / 3).then_some(())).await;
    send_again(&stack, &asked).await;
    stack.until(&asked.id, EventKind::Expired).await;
    stack.until_empty().await;
    assert_eq!(stack.kinds(&asked.id).await.last(), Some(&EventKind::Expired));
    assert!(relay.received().is_empty());
    mailer.stop().await;
}
