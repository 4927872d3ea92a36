//! What a script does to a conversation.

use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::super::{Fault, Rule, Script, Verb};
use super::{Client, MAIL, Running};

const EHLO: &str = "EHLO client.test";
const FROM: &str = "MAIL FROM:<app@example.com>";
const TO: &str = "RCPT TO:<ann@example.com>";
const ENVELOPE: &str = "MAIL FROM:<app@example.com>\r\nRCPT TO:<ann@example.com>\r\nDATA\r\n";

/// An inbox with this one rule.
async fn scripted(at: Verb, what: Fault) -> (Running, Script) {
    let inbox = Running::start().await;
    inbox.script.set(1, vec![Rule::new(at, what)]);
    let script = inbox.script.clone();
    (inbox, script)
}

fn busy() -> Fault {
    Fault::Say("451 4.3.0 as asked\r\n".into())
}

/// Says the commands of a delivery up to this one, which is what the script is about; gives the reply to it.
async fn until(client: &mut Client, at: Verb) -> String {
    let mut reply = client.reply().await;
    let steps = [
        (Verb::Greeting, ""),
        (Verb::Ehlo, EHLO),
        (Verb::Mail, FROM),
        (Verb::Rcpt, TO),
        (Verb::Data, "DATA"),
        (Verb::Dot, "Subject: x\r\n\r\nx\r\n."),
        (Verb::Rset, "RSET"),
        (Verb::Quit, "QUIT"),
    ];
    // What is kept is answered where the dot is.
    let last = if at == Verb::Kept { Verb::Dot } else { at };
    for (verb, command) in steps {
        if verb != Verb::Greeting {
            assert!(reply.starts_with(['2', '3']), "{reply} before {verb:?}");
            reply = client.ask(command).await;
        }
        if verb == last {
            break;
        }
    }
    reply
}

const VERBS: [Verb; 9] =
    [Verb::Greeting, Verb::Ehlo, Verb::Mail, Verb::Rcpt, Verb::Data, Verb::Dot, Verb::Kept, Verb::Rset, Verb::Quit];

#[tokio::test]
async fn every_verb_can_be_refused_and_broken_off() {
    for at in VERBS {
        let (inbox, script) = scripted(at, busy()).await;
        assert!(until(&mut Client::connect(inbox.smtp).await, at).await.starts_with("451 4.3.0"), "{at:?}");
        script.set(1, vec![Rule::new(at, Fault::Goodbye("421 4.3.2 bye\r\n".into()))]);
        let mut client = Client::connect(inbox.smtp).await;
        assert!(until(&mut client, at).await.starts_with("421 "), "{at:?}");
        assert!(client.ended().await);
        for fault in [Fault::Drop, Fault::Reset] {
            script.set(1, vec![Rule::new(at, fault)]);
            let mut client = Client::connect(inbox.smtp).await;
            assert_eq!(until(&mut client, at).await, "", "{at:?}");
            assert!(client.ended().await);
            assert_eq!(script.applied(), [1]);
        }
        let kept = u64::from(at == Verb::Kept) * 4 + u64::from(matches!(at, Verb::Rset | Verb::Quit)) * 4;
        assert_eq!(inbox.total().await, kept, "{at:?}");
        script.clear();
        assert!(inbox.client().await.deliver("ann@example.com", MAIL).await.starts_with("250 "));
        inbox.stop().await;
    }
}

#[tokio::test]
async fn a_reset_is_no_orderly_end() {
    for (fault, orderly) in [(Fault::Drop, true), (Fault::Reset, false)] {
        let (inbox, _) = scripted(Verb::Body, fault).await;
        let mut client = inbox.client().await;
        client.send(ENVELOPE).await;
        for _ in 0..3 {
            client.reply().await;
        }
        client.send("Subject: half a message\r\n").await;
        let mut rest = Vec::new();
        assert_eq!(client.0.read_to_end(&mut rest).await.is_ok(), orderly);
        assert_eq!(inbox.total().await, 0);
        inbox.stop().await;
    }
}

#[tokio::test]
async fn silence_is_silence() {
    for at in VERBS {
        let (inbox, script) = scripted(at, Fault::Silence).await;
        let mut client = Client::connect(inbox.smtp).await;
        let said = tokio::time::timeout(Duration::from_millis(100), until(&mut client, at)).await;
        assert!(said.is_err(), "{at:?}: {said:?}");
        super::eventually("the script to apply", || script.applied() == [1]).await;
        inbox.stop().await;
    }
}

/// What the three commands of an envelope are answered, sent in one write.
async fn pipelined(at: Verb, what: Fault) -> Vec<String> {
    let (inbox, _) = scripted(at, what).await;
    let mut client = inbox.client().await;
    client.send(&format!("{ENVELOPE}.\r\nQUIT\r\n")).await;
    let mut replies = Vec::new();
    loop {
        let reply = client.reply().await;
        if reply.is_empty() {
            break;
        }
        replies.push(reply.chars().take(9).collect());
    }
    inbox.stop().await;
    replies
}

#[tokio::test]
async fn replies_come_too_many_too_few_and_out_of_order() {
    let extra = || Fault::Extra("550 extra\r\n".into());
    let (mail, rcpt, data, dot, quit) = ("250 2.1.0", "250 2.1.5", "354 end w", "250 2.0.0", "221 2.0.0");
    for (at, what, expected) in [
        (Verb::Mail, extra(), vec![mail, "550 extra", rcpt, data, dot, quit]),
        (Verb::Data, extra(), vec![mail, rcpt, data, "550 extra", dot, quit]),
        (Verb::Kept, extra(), vec![mail, rcpt, data, dot, "550 extra", quit]),
        (Verb::Rcpt, Fault::Omit, vec![mail, data, dot, quit]),
        (Verb::Kept, Fault::Omit, vec![mail, rcpt, data, quit]),
        (Verb::Mail, Fault::Late, vec![rcpt, mail, data, dot, quit]),
        (Verb::Rcpt, Fault::Late, vec![mail, data, rcpt, dot, quit]),
        (Verb::Data, Fault::Late, vec![mail, rcpt, dot, data, quit]),
        (Verb::Kept, Fault::Late, vec![mail, rcpt, data, quit, dot]),
        (Verb::Mail, Fault::Drip(Duration::ZERO), vec![mail, rcpt, data, dot, quit]),
    ] {
        assert_eq!(pipelined(at, what.clone()).await, expected, "{what:?} at {at:?}");
    }
}

#[tokio::test]
async fn a_reply_may_have_no_end() {
    let (inbox, _) = scripted(Verb::Mail, Fault::Endless).await;
    let mut client = inbox.client().await;
    client.send(&format!("{FROM}\r\n")).await;
    let mut much = vec![0; 1 << 20];
    client.0.read_exact(&mut much).await.unwrap();
    assert!(much.starts_with(b"250-and another line\r\n250-"));
    drop(client);
    inbox.stop().await;
}

#[tokio::test]
async fn tls_is_offered_and_fails() {
    let (inbox, script) = scripted(Verb::StartTls, Fault::Garble).await;
    let mut client = Client::connect(inbox.smtp).await;
    client.reply().await;
    assert!(client.ask(EHLO).await.contains("250-STARTTLS\r\n"));
    client.expect("STARTTLS", "220 ").await;
    client.send("a handshake").await;
    let mut garbage = Vec::new();
    client.0.read_to_end(&mut garbage).await.unwrap();
    assert_eq!(garbage, [0x42; 64]);
    script.set(1, vec![Rule::new(Verb::StartTls, Fault::Drop).times(0)]);
    inbox.client().await.expect("STARTTLS", "454 ").await;
    script.clear();
    inbox.client().await.expect("STARTTLS", "500 ").await;
    inbox.stop().await;
}

#[tokio::test]
async fn extensions_can_be_kept_back_and_connections_hung_up() {
    let (inbox, script) = scripted(Verb::Ehlo, Fault::Bare).await;
    let mut client = Client::connect(inbox.smtp).await;
    client.reply().await;
    client.expect(EHLO, "250 inbox.test").await;
    assert!(client.deliver("ann@example.com", MAIL).await.starts_with("250 "));
    script.hang_up();
    assert!(client.ended().await);
    script.clear();
    assert!(inbox.client().await.deliver("ann@example.com", MAIL).await.starts_with("250 "));
    inbox.stop().await;
}

#[tokio::test]
async fn what_is_kept_and_what_is_acknowledged_is_counted() {
    let (inbox, script) = scripted(Verb::Kept, Fault::Drop).await;
    inbox.tally.start();
    let counts = || inbox.tally.copies("<1@example.com>").map(|copies| (copies.kept, copies.acknowledged));
    assert_eq!(counts(), None);
    assert_eq!(inbox.client().await.deliver("ann@example.com", MAIL).await, "");
    assert_eq!(counts(), Some((1, 0)));
    script.set(1, vec![Rule::new(Verb::Kept, busy())]);
    assert!(inbox.client().await.deliver("ann@example.com", MAIL).await.starts_with("451 "));
    assert_eq!(counts(), Some((2, 0)));
    script.set(1, vec![Rule::new(Verb::Dot, busy())]);
    assert!(inbox.client().await.deliver("ann@example.com", MAIL).await.starts_with("451 "));
    assert_eq!(counts(), Some((2, 0)));
    script.clear();
    assert!(inbox.client().await.deliver("bob@example.com", MAIL).await.starts_with("250 "));
    super::eventually("the 250 to be counted", || counts() == Some((3, 1))).await;
    assert_eq!(&*inbox.tally.copies("<1@example.com>").unwrap().to, "bob@example.com");
    inbox.stop().await;
}

#[test]
fn a_rule_hits_its_share_its_recipients_and_so_often() {
    let script = Script::default();
    let hits = |seed| {
        script.set(seed, vec![Rule::new(Verb::Rcpt, Fault::Drop).chance(0.3)]);
        let hit = |number: u32| script.fault(Verb::Rcpt, Some(&format!("u{}@a.test", number % 500))).is_some();
        (0..1000).map(hit).collect::<Vec<_>>()
    };
    let first = hits(7);
    let share = first.iter().filter(|hit| **hit).count();
    assert!((240..=360).contains(&share), "{share}");
    assert_eq!(hits(7), first, "the same again");
    assert_ne!(hits(8), first);
    assert_ne!(first[..500], first[500..], "another visit is another case");

    script.set(
        1,
        vec![Rule::new(Verb::Rcpt, Fault::Reset).to("ann@").times(2), Rule::new(Verb::Rcpt, Fault::Drop).to("@b.test")],
    );
    let at = |to: &str| script.fault(Verb::Rcpt, Some(to));
    assert_eq!([at("ann@b.test"), at("ann@b.test")], [Some(Fault::Reset), Some(Fault::Reset)]);
    assert_eq!([at("ann@b.test"), at("ann@a.test")], [Some(Fault::Drop), None]);
    assert_eq!(script.fault(Verb::Rcpt, None), None);
    assert_eq!(script.fault(Verb::Data, Some("ann@b.test")), None);
    assert_eq!(script.applied(), [2, 1]);
}
