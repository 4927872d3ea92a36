//! What becomes of a request: sent, deferred, failed, expired, unreadable.

use std::time::Duration;

use mail_parser::MessageParser;
use otp_nats::event::Reason;
use otp_nats::{Body, EventKind};

use crate::relay::{At, Do, Relay};
use crate::stack::{Stack, ask, eventually};

const PLAIN: &[&str] = &["PIPELINING", "8BITMIME"];

#[tokio::test]
async fn a_mail_is_sent_once() {
    let (stack, relay) = (Stack::start().await, Relay::start(PLAIN).await);
    let mailer = stack.mailer(&relay.url()).await;
    let asked = ask(1);
    stack.ask(&asked).await;
    let sent = stack.until(&asked.id, EventKind::Sent).await;
    stack.until_empty().await;
    let Body::Sent { relay: name, reply, to, .. } = sent.body else { panic!("{sent:?}") };
    assert_eq!(name, relay.address().to_string());
    assert_eq!((reply.as_str(), to.as_str()), ("250 2.0.0 Ok: queued as 4F1B2C", "p***1@example.com"));
    assert_eq!(stack.kinds(&asked.id).await, [EventKind::Processing, EventKind::Sent]);
    let [mail] = relay.received().try_into().unwrap();
    assert_eq!(mail.from, "MAIL FROM:<codes@example.com>");
    assert_eq!(mail.to, format!("RCPT TO:<{}>", asked.email));
    let parsed = MessageParser::default().parse(mail.message.as_bytes()).unwrap();
    assert!(parsed.body_text(0).unwrap().contains(&asked.code) && parsed.body_html(0).unwrap().contains(&asked.code));
    let metrics = mailer.admin("/metrics").await;
    assert!(metrics.contains(&format!("otp_mails_total{{outcome=\"sent\",relay=\"{name}\"}} 1")), "{metrics}");
    assert!(metrics.contains("otp_mails_in_work 0") && metrics.contains("otp_mail_latency_seconds_count 1"));
    assert!(!metrics.contains(&asked.code) && !metrics.contains("person-1"));
    mailer.stop().await;
    assert!(relay.commands().contains(&"QUIT".to_owned()));
}

#[tokio::test]
async fn a_busy_relay_is_asked_again() {
    let (stack, relay) = (Stack::start().await, Relay::start(PLAIN).await);
    for at in [At::Mail, At::Rcpt, At::Data, At::Dot] {
        relay.plan(at, Do::Reply("451 4.7.1 come back later"));
    }
    let mailer = stack.mailer(&relay.url()).await;
    let asked = ask(1);
    stack.ask(&asked).await;
    let first = stack.until(&asked.id, EventKind::Deferred).await;
    let Body::Deferred { reason, next_attempt_at, attempt } = first.body else { panic!("{first:?}") };
    assert_eq!((reason, attempt), (Reason::Busy, 1));
    let pause = first.at.until(next_attempt_at);
    assert!(pause >= Duration::from_millis(1500) && pause <= Duration::from_millis(2400), "{pause:?}");
    stack.until(&asked.id, EventKind::Sent).await;
    let attempts: Vec<u32> = stack
        .events(&asked.id)
        .await
        .iter()
        .filter_map(|event| if let Body::Processing { attempt } = event.body { Some(attempt) } else { None })
        .collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5]);
    assert_eq!((relay.received().len(), relay.connections()), (1, 1), "each refusal leaves the connection usable");
    mailer.stop().await;
}

#[tokio::test]
async fn a_refusal_is_final_and_filed() {
    let (stack, relay) = (Stack::start().await, Relay::start(PLAIN).await);
    let mailer = stack.mailer(&relay.url()).await;
    for (number, at) in [(1, At::Mail), (2, At::Rcpt), (3, At::Data), (4, At::Dot)] {
        relay.plan(at, Do::Reply("550 5.1.1 <PERSON-1@example.com>: no such user, code 700001 700002 700003 700004"));
        let asked = ask(number);
        stack.ask(&asked).await;
        let failed = stack.until(&asked.id, EventKind::Failed).await;
        let Body::Failed { reason, reply } = failed.body else { panic!("{failed:?}") };
        assert_eq!(reason, Reason::Refused, "{at:?}");
        let reply = reply.unwrap();
        assert!(reply.starts_with("550 5.1.1 *** no such user"), "{reply}");
        assert!(!reply.contains(&asked.code) && !reply.contains("PERSON"), "{reply}");
        let letter = stack.dead_letter(&asked.id).await.unwrap();
        assert_eq!((letter.reason, letter.generation, letter.attempts), (Reason::Refused, Some(1), 1));
        assert_eq!(letter.reply.as_deref(), Some(reply.as_str()));
        assert!(letter.request.contains("\"sealed\"") && !letter.request.contains(&asked.email));
    }
    // The connection is clean: the next mail goes through on it.
    let asked = ask(5);
    stack.ask(&asked).await;
    stack.until(&asked.id, EventKind::Sent).await;
    stack.until_empty().await;
    assert_eq!((relay.received().len(), relay.connections()), (1, 1));
    assert!(relay.commands().contains(&"RSET".to_owned()) && relay.is_done());
    mailer.stop().await;
}

#[tokio::test]
async fn a_blocked_recipient_gets_no_mail_and_the_timeline_is_that_of_a_refusal() {
    let (stack, relay) = (Stack::start().await, Relay::start(PLAIN).await);
    let mailer = stack.mailer(&relay.url()).await;
    let mut asked = ask(1);
    asked.blocked = true;
    stack.ask(&asked).await;
    let failed = stack.until(&asked.id, EventKind::Failed).await;
    assert_eq!(failed.body, Body::Failed { reason: Reason::Refused, reply: None });
    stack.until_empty().await;
    assert_eq!(stack.kinds(&asked.id).await, [EventKind::Processing, EventKind::Failed]);
    assert_eq!(stack.dead_letter(&asked.id).await.unwrap().reason, Reason::Refused);
    assert!(relay.commands().is_empty(), "{:?}", relay.commands());
    mailer.stop().await;
}

#[tokio::test]
async fn a_code_that_is_over_is_not_mailed() {
    let (stack, relay) = (Stack::start().await, Relay::start(PLAIN).await);
    let (mut over, mut useless, mut verified) = (ask(1), ask(2), ask(3));
    over.age = Duration::from_secs(301);
    useless.age = Duration::from_secs(275);
    verified.age = Duration::from_secs(400);
    let mut done = verified.event();
    done.body = Body::Verified {};
    stack.publish(&done).await;
    for asked in [&over, &useless, &verified] {
        stack.ask(asked).await;
    }
    let mailer = stack.mailer(&relay.url()).await;
    stack.until(&over.id, EventKind::Expired).await;
    let failed = stack.until(&useless.id, EventKind::Failed).await;
    assert_eq!(failed.body, Body::Failed { reason: Reason::NoTimeLeft, reply: None });
    stack.until_empty().await;
    assert_eq!(stack.kinds(&over.id).await, [EventKind::Expired]);
    assert_eq!(stack.kinds(&verified.id).await, [EventKind::Verified], "no end is told after the end");
    assert!(stack.dead_letter(&over.id).await.is_none() && stack.dead_letter(&useless.id).await.is_some());
    assert!(relay.commands().is_empty());
    mailer.stop().await;
}

#[tokio::test]
async fn an_address_beyond_ascii_needs_a_relay_that_takes_it() {
    let stack = Stack::start().await;
    let (plain, able) = (Relay::start(PLAIN).await, Relay::start(&["8BITMIME", "SMTPUTF8"]).await);
    let mut asked = ask(1);
    asked.email = "jörg@example.com".to_owned();
    let mailer = stack.mailer(&plain.url()).await;
    stack.ask(&asked).await;
    let failed = stack.until(&asked.id, EventKind::Failed).await;
    let Body::Failed { reason: Reason::Refused, reply: Some(reply) } = failed.body else { panic!("{failed:?}") };
    assert!(reply.contains("SMTPUTF8") && plain.received().is_empty());
    mailer.stop().await;
    asked.generation = 2;
    let mailer = stack.mailer(&format!("{},{}", plain.url(), able.url())).await;
    stack.ask(&asked).await;
    stack.until(&asked.id, EventKind::Sent).await;
    let [mail] = able.received().try_into().unwrap();
    assert_eq!(mail.from, "MAIL FROM:<codes@example.com> SMTPUTF8 BODY=8BITMIME");
    assert_eq!(mail.to, "RCPT TO:<jörg@example.com>");
    mailer.stop().await;
}

#[tokio::test]
async fn a_code_that_dies_while_deferred_is_given_up() {
    let (stack, relay) = (Stack::start().await, Relay::start(PLAIN).await);
    for _ in 0..3 {
        relay.plan(At::Rcpt, Do::Reply("450 4.2.0 greylisted"));
    }
    let mailer = stack.mailer(&relay.url()).await;
    let mut asked = ask(1);
    asked.life = Duration::from_secs(6);
    stack.ask(&asked).await;
    let failed = stack.until(&asked.id, EventKind::Failed).await;
    let Body::Failed { reason: Reason::NoTimeLeft, reply: Some(reply) } = failed.body else { panic!("{failed:?}") };
    assert_eq!(reply, "450 4.2.0 greylisted");
    assert_eq!(stack.dead_letter(&asked.id).await.unwrap().attempts, 2);
    stack.until_empty().await;
    eventually("quiet", async || relay.received().is_empty().then_some(())).await;
    mailer.stop().await;
}
