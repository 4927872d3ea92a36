//! What is bounded stays within its bound.

use super::super::lines::{LINE_OCTETS_MAX, Line, LineBuffer};
use super::super::mailbox::{Limits, Mailbox};
use super::super::session::MESSAGE_OCTETS_MAX;
use super::{Client, MAIL, Running};

#[test]
fn the_ring_drops_the_oldest_beyond_its_messages() {
    let mailbox = Mailbox::with_limits(Limits { messages: 3, octets: 1000 });
    let ids: Vec<String> = (0..5).map(|_| mailbox.keep(String::new(), Vec::new(), vec![b'x'; 10])).collect();
    let kept: Vec<String> = mailbox.all().iter().map(|mail| mail.id()).collect();
    assert_eq!(kept, [&*ids[4], &*ids[3], &*ids[2]]);
    assert!(mailbox.find(&ids[1]).is_none());
    assert_eq!(mailbox.find(&ids[2]).unwrap().id(), ids[2]);
}

#[test]
fn the_ring_drops_the_oldest_beyond_its_octets() {
    let mailbox = Mailbox::with_limits(Limits { messages: 100, octets: 100 });
    let keep = |octets| mailbox.keep(String::new(), Vec::new(), vec![b'x'; octets]);
    let first = keep(60);
    let second = keep(40);
    assert_eq!(mailbox.all().len(), 2);
    keep(1);
    assert!(mailbox.find(&first).is_none());
    mailbox.delete(&[second]);
    keep(99);
    assert_eq!(mailbox.all().len(), 2, "a deleted message counts no more");
}

#[test]
fn the_ring_holds_ten_thousand_by_default() {
    let mailbox = Mailbox::default();
    for _ in 0..10_050 {
        mailbox.keep(String::new(), Vec::new(), b"x".to_vec());
    }
    assert_eq!(mailbox.all().len(), 10_000);
}

#[test]
fn lines_are_the_same_however_they_arrive() {
    let long = "x".repeat(LINE_OCTETS_MAX);
    let stream = format!("one\r\n\r\ntwo\n{long}\r\n{long}x\r\n{long}{long}{long}\r\nend\r\nrest");
    for step in [1, 2, 7, 1000, stream.len()] {
        let mut buffer = LineBuffer::default();
        let mut lines = Vec::new();
        for chunk in stream.as_bytes().chunks(step) {
            buffer.room().extend_from_slice(chunk);
            while let Some(line) = buffer.next_line() {
                lines.push(told(&line));
            }
            assert!(buffer.room().len() <= LINE_OCTETS_MAX + step);
        }
        let greatest = format!("{LINE_OCTETS_MAX} octets");
        let expected = ["3 octets", "0 octets", "bare", &greatest, "too long", "too long", "3 octets"];
        assert_eq!(lines, expected, "in steps of {step}");
    }
}

fn told(line: &Line<'_>) -> String {
    match line {
        Line::Whole(text) => format!("{} octets", text.len()),
        Line::BareLineFeed => "bare".to_owned(),
        Line::TooLong => "too long".to_owned(),
    }
}

#[tokio::test]
async fn a_line_that_is_too_long_is_refused_and_the_next_one_heard() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    client.expect(&format!("NOOP {}", "x".repeat(100_000)), "500 ").await;
    let long = "x".repeat(998);
    assert!(client.deliver("ann@example.com", &format!("{long}\r\n")).await.starts_with("250 "));
    let reply = client.deliver("ann@example.com", &format!("{}\r\n", "x".repeat(100_000))).await;
    assert!(reply.starts_with("554 5.6.0"), "{reply}");
    client.expect("NOOP", "250 ").await;
    inbox.stop().await;
}

#[tokio::test]
async fn a_message_of_the_greatest_size_is_taken_and_a_greater_one_refused() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    let line = format!("{}\r\n", "x".repeat(1022));
    let greatest = line.repeat(MESSAGE_OCTETS_MAX / line.len());
    assert_eq!(greatest.len(), MESSAGE_OCTETS_MAX);
    assert!(client.deliver("ann@example.com", &greatest).await.starts_with("250 "));
    let reply = client.deliver("ann@example.com", &format!("{greatest}\r\n")).await;
    assert!(reply.starts_with("552 5.3.4"), "{reply}");
    assert_eq!(inbox.total().await, 1);
    inbox.stop().await;
}

#[tokio::test]
async fn recipients_of_a_message_are_bounded() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    client.expect("MAIL FROM:<app@example.com>", "250 ").await;
    for number in 0..100 {
        client.expect(&format!("RCPT TO:<{number}@example.com>"), "250 ").await;
    }
    client.expect("RCPT TO:<one-more@example.com>", "452 4.5.3").await;
    inbox.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_bound_are_told_so_and_a_place_is_free_again() {
    // Fewer than by default: a test has not always the file descriptors for 500 at both ends.
    let inbox = Running::start_with(|inbox| inbox.connections_max = 3).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(inbox.smtp).await;
        assert!(client.reply().await.starts_with("220 "));
        clients.push(client);
    }
    assert!(Client::connect(inbox.smtp).await.reply().await.starts_with("421 4.3.2"));
    let mut leaving = clients.pop().unwrap();
    leaving.expect("QUIT", "221 ").await;
    assert!(leaving.ended().await);
    let started = std::time::Instant::now();
    loop {
        let mut client = Client::connect(inbox.smtp).await;
        if client.reply().await.starts_with("220 ") {
            assert!(client.ask("EHLO client.test").await.starts_with("250"));
            assert!(client.deliver("ann@example.com", MAIL).await.starts_with("250 "));
            break;
        }
        assert!(started.elapsed() < super::DEADLINE, "no place became free");
    }
    inbox.stop().await;
}
