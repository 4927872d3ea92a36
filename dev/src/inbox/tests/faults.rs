//! Each fault that an address can ask for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::super::fault::AskedFault;
use super::super::lines::Line;
use super::super::replies::Replies;
use super::super::session::{Session, Shared, Then};
use super::{MAIL, Running};

const FROM: &str = "MAIL FROM:<app@example.com>";

#[tokio::test]
async fn refusals_and_deferrals_come_at_rcpt() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    client.expect(FROM, "250 ").await;
    let cases = [
        ("fail550@example.com", "550 5.1.1"),
        ("FAIL550+tag@example.org", "550 5.1.1"),
        ("defer451@example.com", "451 4.7.1"),
        ("defer451@example.com", "451 4.7.1"),
        ("defer451@example.com", "451 4.7.1"),
        ("defer-once+a@example.com", "451 4.7.1"),
        ("defer-once+b@example.com", "451 4.7.1"),
        ("Defer-Once+a@example.com", "250 "),
        ("defer-once+a@example.com", "250 "),
        ("defer-twice@example.com", "451 4.7.1"),
        ("defer-twice@example.com", "451 4.7.1"),
        ("defer-twice@example.com", "250 "),
        ("fail5500@example.com", "250 "),
    ];
    for (to, reply) in cases {
        client.expect(&format!("RCPT TO:<{to}>"), reply).await;
    }
    inbox.stop().await;
}

#[tokio::test]
async fn reject_data_refuses_after_the_final_dot() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    assert!(client.deliver("reject-data+x@example.com", MAIL).await.starts_with("554 5.6.0"));
    assert_eq!(inbox.total().await, 0);
    assert!(client.deliver("ann@example.com", MAIL).await.starts_with("250 "));
    inbox.stop().await;
}

#[tokio::test]
async fn drop_closes_within_the_message_and_keeps_nothing() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    client.expect(FROM, "250 ").await;
    client.expect("RCPT TO:<drop+x@example.com>", "250 ").await;
    client.expect("DATA", "354 ").await;
    client.send("Subject: half a message\r\n").await;
    assert!(client.ended().await);
    assert_eq!(inbox.total().await, 0);
    inbox.stop().await;
}

#[tokio::test]
async fn drop_after_keeps_the_message_and_says_nothing() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    assert_eq!(client.deliver("drop-after+x@example.com", MAIL).await, "");
    assert!(client.ended().await);
    assert_eq!(inbox.total().await, 1);
    inbox.stop().await;
}

#[tokio::test]
async fn hang_says_nothing_and_holds_up_its_own_connection_alone() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    client.send(&format!("{FROM}\r\nRCPT TO:<hang@example.com>\r\nNOOP\r\n")).await;
    assert!(client.reply().await.starts_with("250 2.1.0"), "what came before is answered");
    assert!(inbox.client().await.deliver("ann@example.com", MAIL).await.starts_with("250 "));
    let silence = timeout(Duration::from_millis(200), client.reply()).await;
    assert!(silence.is_err(), "{silence:?}");
    inbox.stop().await;
}

#[test]
fn hang_is_decided_at_rcpt() {
    let mut session = Session::new(Arc::new(Shared::default()));
    let mut replies = Replies::default();
    for line in ["EHLO client.test", FROM] {
        assert_eq!(session.take(&Line::Whole(line.as_bytes()), &mut replies), Then::Listen);
    }
    replies.octets.clear();
    assert_eq!(session.take(&Line::Whole(b"RCPT TO:<hang+1@example.com>"), &mut replies), Then::Hang);
    assert!(replies.octets.is_empty());
}

#[test]
fn ordinary_addresses_ask_for_no_fault() {
    for address in ["ann@example.com", "fail@example.com", "ann+fail550@example.com", "dropped@example.com", "hang"] {
        assert_eq!(AskedFault::of(address), None, "{address}");
    }
}
