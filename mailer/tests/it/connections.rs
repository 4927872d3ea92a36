//! Connections: kept when whole, dropped when not.

use futures_util::StreamExt;
use otp_nats::event::Reason;
use otp_nats::{Body, EventKind};

use crate::relay::{At, Do, Relay};
use crate::stack::{Stack, ask, eventually};

const PLAIN: &[&str] = &[];
const PIPELINING: &[&str] = &["PIPELINING"];

/// The reason of the first deferral, and how often the mail was received in the end.
async fn fate(keywords: &'static [&'static str], at: At, what: Do) -> (Reason, usize) {
    let (stack, relay) = (Stack::start().await, Relay::start(keywords).await);
    relay.plan(at, what);
    let mailer = stack.mailer(&relay.url()).await;
    let asked = ask(1);
    stack.ask(&asked).await;
    let deferred = stack.until(&asked.id, EventKind::Deferred).await;
    let Body::Deferred { reason, .. } = deferred.body else { panic!("{deferred:?}") };
    stack.until(&asked.id, EventKind::Sent).await;
    stack.until_empty().await;
    let attempts = stack.kinds(&asked.id).await.into_iter().filter(|kind| *kind != EventKind::Processing).count();
    assert_eq!(relay.connections(), attempts, "the broken connection is not used again: {:?}", relay.commands());
    mailer.stop().await;
    (reason, relay.received().len())
}

#[tokio::test]
async fn a_connection_that_breaks_is_replaced() {
    let cases = [
        (At::Greeting, Do::Drop, Reason::ConnectionLost),
        (At::Greeting, Do::Reply("421 4.3.2 too many connections"), Reason::Busy),
        (At::Greeting, Do::Reply("554 5.7.1 go away"), Reason::Unreachable),
        (At::Greeting, Do::Reply("SSH-2.0-OpenSSH"), Reason::ConnectionLost),
        (At::Greeting, Do::Reply("220 relay.test ESMTP\r\n250 one too many"), Reason::ConnectionLost),
        (At::Ehlo, Do::Drop, Reason::ConnectionLost),
        (At::Ehlo, Do::Reply("250 relay.test\r\n550 5.1.1 one too many"), Reason::ConnectionLost),
        (At::Mail, Do::Reply("250 2.1.0 Ok\r\n550 5.1.1 one too many"), Reason::ConnectionLost),
        (At::Rcpt, Do::Reply("250 2.1.5 Ok\r\n550 5.1.1 one too many"), Reason::ConnectionLost),
        (At::Data, Do::Reply("354 go on\r\n250 2.0.0 one too many"), Reason::ConnectionLost),
        (At::Data, Do::Reply("354 go on\r\n550 5.1.1 one too many"), Reason::ConnectionLost),
        (At::Mail, Do::Drop, Reason::ConnectionLost),
        (At::Mail, Do::Reply("421 4.4.2 closing"), Reason::Busy),
        (At::Rcpt, Do::Drop, Reason::ConnectionLost),
        (At::Rcpt, Do::Reply("354 what?"), Reason::ConnectionLost),
        (At::Data, Do::Drop, Reason::ConnectionLost),
        (At::Data, Do::Reply("250 no"), Reason::ConnectionLost),
        (At::Message, Do::Drop, Reason::ConnectionLost),
        (At::Dot, Do::Drop, Reason::ConnectionLost),
    ];
    let all = [PLAIN, PIPELINING].into_iter().flat_map(|keywords| cases.clone().map(|case| (keywords, case)));
    let fates = all.map(|(keywords, (at, what, expected))| async move {
        let (reason, received) = fate(keywords, at, what).await;
        assert_eq!((reason, received), (expected, 1), "{at:?}");
    });
    // Several at once, because most of each is the pause before the second attempt.
    futures_util::stream::iter(fates).buffer_unordered(7).collect::<()>().await;
}

#[tokio::test]
async fn a_relay_that_wants_other_credentials_is_no_refusal_of_the_mail() {
    let (stack, relay) = (Stack::start().await, Relay::start(PIPELINING).await);
    relay.plan(At::Mail, Do::Reply("530 5.7.0 authentication required"));
    let mailer = stack.mailer(&relay.url()).await;
    stack.ask(&ask(1)).await;
    let deferred = stack.until(&ask(1).id, EventKind::Deferred).await;
    assert!(matches!(deferred.body, Body::Deferred { reason: Reason::AuthenticationFailed, .. }), "{deferred:?}");
    stack.until(&ask(1).id, EventKind::Sent).await;
    mailer.stop().await;
}

#[tokio::test]
async fn a_late_reply_is_not_taken_for_the_next_one() {
    for keywords in [PLAIN, PIPELINING] {
        let (stack, relay) = (Stack::start().await, Relay::start(keywords).await);
        let mailer = stack.mailer(&relay.url()).await;
        let (first, second) = (ask(1), ask(2));
        relay.plan(At::Rcpt, Do::Hold("250 2.1.5 late"));
        stack.ask(&first).await;
        let deferred = stack.until(&first.id, EventKind::Deferred).await;
        assert!(matches!(deferred.body, Body::Deferred { reason: Reason::TimedOut, .. }), "{deferred:?}");
        relay.release();
        // On the half-used connection, the late 250 would now be read as the answer to this refusal.
        relay.plan(At::Rcpt, Do::Reply("550 5.1.1 no such user"));
        stack.ask(&second).await;
        let first_refused = eventually("a refusal", async || {
            for asked in [&first, &second] {
                if stack.kinds(&asked.id).await.contains(&EventKind::Failed) {
                    return Some(asked.id);
                }
            }
            None
        })
        .await;
        let other = if first_refused == first.id { &second } else { &first };
        stack.until(&other.id, EventKind::Sent).await;
        stack.until_empty().await;
        assert_eq!(relay.received().len(), 1);
        assert!(relay.received().iter().all(|mail| mail.connection > 1), "nothing went over the half-used connection");
        mailer.stop().await;
    }
}

#[tokio::test]
async fn a_connection_that_died_while_idle_costs_no_attempt() {
    // The last one has not even closed: it is gone, or somebody between has forgotten the connection.
    for reply in [Do::Drop, Do::Reply("421 4.4.2 idle for too long"), Do::Hold("250 too late")] {
        let (stack, relay) = (Stack::start().await, Relay::start(PIPELINING).await);
        let mailer = stack.mailer(&relay.url()).await;
        stack.ask(&ask(1)).await;
        stack.until(&ask(1).id, EventKind::Sent).await;
        relay.plan(At::Mail, reply);
        stack.ask(&ask(2)).await;
        stack.until(&ask(2).id, EventKind::Sent).await;
        assert_eq!(stack.kinds(&ask(2).id).await, [EventKind::Processing, EventKind::Sent]);
        assert_eq!((relay.connections(), relay.received().len()), (2, 2));
        assert!(relay.is_done());
        mailer.stop().await;
    }
}

#[tokio::test]
async fn a_refusal_that_leaves_the_relay_waiting_for_a_message_costs_the_connection() {
    // A relay that pipelines says 354 behind a refused recipient: it may not get an empty mail for that.
    let (stack, relay) = (Stack::start().await, Relay::start(PIPELINING).await);
    let mailer = stack.mailer(&relay.url()).await;
    relay.plan(At::Rcpt, Do::Belie("550 5.1.1 no such user"));
    stack.ask(&ask(1)).await;
    stack.until(&ask(1).id, EventKind::Failed).await;
    relay.plan(At::Rset, Do::Drop);
    relay.plan(At::Rcpt, Do::Reply("550 5.1.1 no such user"));
    stack.ask(&ask(2)).await;
    stack.until(&ask(2).id, EventKind::Failed).await;
    stack.ask(&ask(3)).await;
    stack.until(&ask(3).id, EventKind::Sent).await;
    assert_eq!((relay.received().len(), relay.connections()), (1, 3));
    mailer.stop().await;
}

#[tokio::test]
async fn connections_are_bounded() {
    let (stack, relay) = (Stack::start().await, Relay::start(PIPELINING).await);
    for number in 1..=20 {
        stack.ask(&ask(number)).await;
        relay.plan(At::Dot, Do::Hold("250 2.0.0 Ok"));
    }
    let mailer = stack.mailer(&format!("{}&connections=3", relay.url())).await;
    eventually("three connections", async || (relay.connections() == 3).then_some(())).await;
    for _ in 1..=20 {
        relay.release();
    }
    for number in 1..=20 {
        stack.until(&ask(number).id, EventKind::Sent).await;
    }
    assert_eq!((relay.received().len(), relay.connections()), (20, 3));
    mailer.stop().await;
}
