//! The end of a mailer.

use std::time::Instant;

use otp_nats::{EventKind, stream};

use crate::relay::{At, Do, Relay};
use crate::stack::{Stack, ask, eventually};

#[tokio::test]
async fn a_drain_ends_what_is_under_way_and_takes_nothing_new() {
    let (stack, relay) = (Stack::start().await, Relay::start(&["PIPELINING"]).await);
    relay.plan(At::Dot, Do::Hold("250 2.0.0 Ok"));
    let mailer = stack.mailer_with(&relay.url(), &[("OTP_MAIL_CONCURRENCY", "1")]).await;
    stack.ask(&ask(1)).await;
    eventually("the mail is under way", async || relay.is_done().then_some(())).await;
    stack.ask(&ask(2)).await;
    mailer.drain();
    assert!(!mailer.is_over());
    assert!(mailer.admin("/health").await.starts_with("HTTP/1.1 200"), "a drain can be watched");
    // It waits for the mail that is under way, and hands the other one to whoever can begin it.
    let drained = Instant::now();
    let next = stack.mailer(&relay.url()).await;
    stack.until(&ask(2).id, EventKind::Sent).await;
    assert!(drained.elapsed() < stream::ACK_WAIT / 2, "it is given back and not left to its redelivery");
    assert!(!mailer.is_over());
    relay.release();
    mailer.stop().await;
    assert_eq!(stack.kinds(&ask(1).id).await, [EventKind::Processing, EventKind::Sent]);
    assert_eq!(relay.received().len(), 2);
    assert_eq!(relay.commands().last().map(String::as_str), Some("QUIT"));
    stack.until_empty().await;
    next.stop().await;
}

#[tokio::test]
async fn a_drain_while_nats_is_away_ends() {
    let (stack, relay) = (Stack::start().await, Relay::start(&[]).await);
    stack.nats.freeze().unwrap();
    let mailer = stack.mailer(&relay.url()).await;
    mailer.stop().await;
    stack.nats.thaw().unwrap();
}
