//! The end of a mailer.

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
    relay.release();
    mailer.stop().await;
    assert_eq!(stack.kinds(&ask(1).id).await, [EventKind::Processing, EventKind::Sent]);
    assert!(stack.kinds(&ask(2).id).await.is_empty());
    assert_eq!(relay.received().len(), 1);
    assert_eq!(relay.commands().last().map(String::as_str), Some("QUIT"));
    let mut requests = stack.bus.jetstream().get_stream(stream::REQUESTS).await.unwrap();
    assert_eq!(requests.info().await.unwrap().state.messages, 1, "the other one waits for the next mailer");
    let next = stack.mailer(&relay.url()).await;
    stack.until(&ask(2).id, EventKind::Sent).await;
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
