//! Several relays, and none.

use otp_nats::event::Reason;
use otp_nats::{Body, EventKind};

use crate::relay::{At, Do, Relay};
use crate::stack::{Stack, ask, eventually};

#[tokio::test]
async fn the_next_relay_takes_over() {
    let stack = Stack::start().await;
    let (first, second) = (Relay::start(&[]).await, Relay::start(&[]).await);
    let mailer = stack.mailer(&format!("{},{}", first.url(), second.url())).await;
    let faults = [
        (At::Greeting, Do::Drop),
        (At::Ehlo, Do::Reply("502 5.5.1 no")),
        (At::Rcpt, Do::Reply("451 4.3.0 try again")),
        (At::Rcpt, Do::Drop),
        (At::Data, Do::Drop),
        (At::Dot, Do::Reply("452 4.3.1 disk full")),
    ];
    for (number, (at, what)) in (1..).zip(faults) {
        first.plan(at, what);
        stack.ask(&ask(number)).await;
        let sent = stack.until(&ask(number).id, EventKind::Sent).await;
        let Body::Sent { relay, .. } = sent.body else { panic!("{sent:?}") };
        assert_eq!(relay, second.address().to_string(), "{at:?}");
        assert_eq!(stack.kinds(&ask(number).id).await, [EventKind::Processing, EventKind::Sent], "{at:?}");
        assert!(first.is_done(), "{at:?}");
    }
    stack.ask(&ask(100)).await;
    stack.until(&ask(100).id, EventKind::Sent).await;
    assert_eq!((first.received().len(), second.received().len()), (1, 6), "the first is preferred when it works");
    mailer.stop().await;
}

#[tokio::test]
async fn a_relay_is_given_mails_at_its_rate() {
    let (stack, relay) = (Stack::start().await, Relay::start(&[]).await);
    let mailer = stack.mailer(&format!("{}&rate=5/s", relay.url())).await;
    let started = std::time::Instant::now();
    for number in 1..=6 {
        stack.ask(&ask(number)).await;
    }
    for number in 1..=6 {
        stack.until(&ask(number).id, EventKind::Sent).await;
    }
    assert!(started.elapsed() >= std::time::Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(stack.kinds(&ask(6).id).await, [EventKind::Processing, EventKind::Sent], "to wait is no attempt");
    mailer.stop().await;
}

#[tokio::test]
async fn a_relay_that_has_too_much_is_given_fewer_at_once() {
    let stack = Stack::start().await;
    let (first, second) = (Relay::start(&[]).await, Relay::start(&[]).await);
    let mailer = stack.mailer(&format!("{},{}", first.url(), second.url())).await;
    let window = format!("otp_relay_window{{relay=\"{}\"}}", first.address());
    for (number, reply, mails) in
        [(1, "450 4.2.1 the mailbox is busy", 32), (2, "451 4.3.2 too much at once", 16), (3, "550 5.1.1 nobody", 16)]
    {
        first.plan(At::Rcpt, Do::Reply(reply));
        stack.ask(&ask(number)).await;
        let ends = if reply.starts_with('5') { EventKind::Failed } else { EventKind::Sent };
        stack.until(&ask(number).id, ends).await;
        let metrics = mailer.admin("/metrics").await;
        assert!(metrics.contains(&format!("{window} {mails}\n")), "{reply}: {metrics}");
    }
    mailer.stop().await;
}

#[tokio::test]
async fn what_a_relay_may_have_taken_is_not_given_to_another_at_once() {
    let stack = Stack::start().await;
    let (first, second) = (Relay::start(&[]).await, Relay::start(&[]).await);
    first.plan(At::Dot, Do::Drop);
    let mailer = stack.mailer(&format!("{},{}", first.url(), second.url())).await;
    stack.ask(&ask(1)).await;
    let deferred = stack.until(&ask(1).id, EventKind::Deferred).await;
    assert!(matches!(deferred.body, Body::Deferred { reason: Reason::ConnectionLost, attempt: 1, .. }));
    stack.until(&ask(1).id, EventKind::Sent).await;
    assert!(second.received().is_empty());
    mailer.stop().await;
}

#[tokio::test]
async fn an_outage_is_waited_out() {
    let (stack, gone) = (Stack::start().await, Relay::start(&[]).await);
    let address = gone.address();
    let url = gone.url();
    drop(gone);
    let mailer = stack.mailer(&url).await;
    for number in 1..=50 {
        stack.ask(&ask(number)).await;
    }
    let not_ready = eventually("the breaker opens", async || {
        let answer = mailer.admin("/ready").await;
        answer.contains("no relay").then_some(answer)
    })
    .await;
    assert!(not_ready.starts_with("HTTP/1.1 503"), "{not_ready}");
    assert!(not_ready.contains(&format!("no relay can be reached ({address})")), "{not_ready}");
    let deferred = eventually("a deferral", async || {
        for number in 1..=50 {
            if let Some(event) =
                stack.events(&ask(number).id).await.into_iter().find(|e| e.kind() == EventKind::Deferred)
            {
                return Some(event);
            }
        }
        None
    })
    .await;
    assert!(matches!(deferred.body, Body::Deferred { reason: Reason::Unreachable, attempt: 1, .. }), "{deferred:?}");
    let back = Relay::start_on(address, &[]).await;
    for number in 1..=50 {
        stack.until(&ask(number).id, EventKind::Sent).await;
    }
    stack.until_empty().await;
    assert_eq!(back.received().len(), 50, "each once");
    eventually("ready again", async || mailer.admin("/ready").await.starts_with("HTTP/1.1 200").then_some(())).await;
    mailer.stop().await;
}

#[tokio::test]
async fn logs_in_as_the_url_says() {
    let able: &[&str] = &["AUTH PLAIN LOGIN XOAUTH2"];
    for (number, (keywords, options, command)) in (1..).zip([
        (able, "", "AUTH PLAIN AHVzZXIAc2VjcmV0"),
        (&["AUTH LOGIN"], "", "AUTH LOGIN"),
        (able, "&auth=login", "AUTH LOGIN"),
        (able, "&auth=xoauth2", "AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIHNlY3JldAEB"),
    ]) {
        let (stack, relay) = (Stack::start().await, Relay::start(keywords).await);
        let url = relay.url().replace("smtp://", "smtp://user:secret@");
        let mailer = stack.mailer(&format!("{url}{options}")).await;
        stack.ask(&ask(number)).await;
        stack.until(&ask(number).id, EventKind::Sent).await;
        assert!(relay.commands().contains(&command.to_owned()), "{:?}", relay.commands());
        mailer.stop().await;
    }
}

#[tokio::test]
async fn trouble_with_the_account_is_waited_out() {
    for (number, (keywords, password, options)) in (1..).zip([
        (&["AUTH PLAIN LOGIN XOAUTH2"], "wrong", ""),
        (&["AUTH PLAIN LOGIN XOAUTH2"], "wrong", "&auth=login"),
        (&["AUTH PLAIN LOGIN XOAUTH2"], "wrong", "&auth=xoauth2"),
        (&["AUTH CRAM-MD5"], "secret", ""),
    ]) {
        let (stack, relay) = (Stack::start().await, Relay::start(keywords).await);
        let url = relay.url().replace("smtp://", &format!("smtp://user:{password}@"));
        let mailer = stack.mailer(&format!("{url}{options}")).await;
        stack.ask(&ask(number)).await;
        let deferred = stack.until(&ask(number).id, EventKind::Deferred).await;
        let Body::Deferred { reason, .. } = deferred.body else { panic!("{deferred:?}") };
        assert_eq!(reason, Reason::AuthenticationFailed);
        assert!(!relay.commands().iter().any(|command| command.starts_with("MAIL")));
        mailer.stop().await;
    }
}
