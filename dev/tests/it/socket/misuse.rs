//! Clients that say what they should not, or nothing.

use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{system, system_with};
use crate::support::{Said, Socket, names};

fn error(code: &str) -> Said {
    Said::Error(code.to_owned())
}

#[tokio::test]
async fn a_ticket_opens_its_own_verification_alone() {
    let system = system().await;
    let url = system.stack.file().events;
    let (ours, other) = (system.api().accepted("ours@misuse.test").await, system.api().accepted("x@misuse.test").await);
    let mut forged = ours.ticket.clone();
    let last = forged.pop().expect("a letter");
    forged.push(if last == 'A' { 'B' } else { 'A' });
    for ticket in [other.ticket.as_str(), "garbage", "", &forged] {
        let mut socket = Socket::open(&url).await;
        for _ in 0..3 {
            socket.subscribe(&ours.id, ticket, None).await;
            assert_eq!(socket.next().await, error("bad-ticket"), "{ticket}");
        }
        assert_eq!(socket.next().await, Said::Closed(Some(1008)), "the third fault is the last");
    }
    // One fault is forgiven.
    let mut socket = Socket::open(&url).await;
    socket.subscribe(&ours.id, &other.ticket, None).await;
    assert_eq!(socket.next().await, error("bad-ticket"));
    socket.subscribe(&ours.id, &ours.ticket, None).await;
    assert_eq!(names(&socket.until("sent").await), ["requested", "processing", "sent"]);
    drop(socket);
    system.stack.stop().await;
}

#[tokio::test]
async fn a_ticket_ends_with_its_verification() {
    let system = system_with(&[("OTP_CODE_TTL", "2s")]).await;
    let url = system.stack.file().events;
    let asked = system.api().accepted("short@misuse.test").await;
    let (events, code) = Socket::watching(&url, &asked).await.rest().await;
    assert_eq!((names(&events).last(), code), (Some(&"expired"), Some(1000)), "{events:?}");
    let mut socket = Socket::open(&url).await;
    socket.subscribe(&asked.id, &asked.ticket, None).await;
    assert_eq!(socket.next().await, error("ticket-expired"));
    drop(socket);
    system.stack.stop().await;
}

#[tokio::test]
async fn garbage_is_answered_and_too_much_of_it_ends_the_connection() {
    let system = system().await;
    let url = system.stack.file().events;
    let asked = system.api().accepted("garbage@misuse.test").await;
    let texts = [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"type\":\"publish\"}",
        "{\"type\":\"subscribe\"}",
        "{\"type\":\"subscribe\",\"id\":5,\"ticket\":\"x\"}",
        "{\"type\":\"subscribe\",\"id\":\"otp.>\",\"ticket\":\"x\"}",
        "{\"type\":\"subscribe\",\"id\":\"*\",\"ticket\":\"x\"}",
        &format!("{{\"type\":\"subscribe\",\"id\":\"{}\",\"ticket\":\"{}\",\"after\":-1}}", asked.id, asked.ticket),
    ];
    for text in texts {
        let mut socket = Socket::open(&url).await;
        for _ in 0..3 {
            socket.send(Message::text(text)).await;
            let said = socket.next().await;
            assert!([error("bad-message"), error("bad-ticket")].contains(&said), "{text}: {said:?}");
        }
        assert_eq!(socket.next().await, Said::Closed(Some(1008)), "{text}");
    }
    let invalid = Frame::message(vec![b'{', 0xff], OpCode::Data(Data::Text), true);
    let frames = [
        (Message::binary(b"{}".to_vec()), 1003),
        (Message::text(" ".repeat(4_097)), 1009),
        (Message::text(" ".repeat(1 << 20)), 1009),
        (Message::Frame(invalid), 1007),
    ];
    for (frame, code) in frames {
        let mut socket = Socket::open(&url).await;
        socket.send(frame).await;
        assert_eq!(socket.next().await, Said::Closed(Some(code)));
    }
    // Whoever else is connected has noticed nothing.
    assert_eq!(names(&Socket::watching(&url, &asked).await.until("sent").await), ["requested", "processing", "sent"]);
    system.stack.stop().await;
}

#[tokio::test]
async fn who_says_nothing_for_five_seconds_is_sent_away() {
    let system = system().await;
    let start = Instant::now();
    let mut socket = Socket::open(&system.stack.file().events).await;
    let said = socket.next().await;
    let waited = start.elapsed();
    if said == error("subscribe-timeout") {
        assert_eq!(socket.next().await, Said::Closed(Some(1008)));
    } else {
        assert_eq!(said, Said::Closed(Some(1008)));
    }
    drop(socket);
    assert!(waited >= Duration::from_millis(4_900) && waited < Duration::from_secs(8), "{waited:?}");
    system.stack.stop().await;
}

#[tokio::test]
async fn a_connection_has_sixteen_subscriptions() {
    let system = system().await;
    let mut socket = Socket::open(&system.stack.file().events).await;
    let mut all = Vec::new();
    for n in 0..17 {
        all.push(system.api().accepted(&format!("many{n}@misuse.test")).await);
    }
    for asked in all.iter().take(16) {
        socket.subscribe(&asked.id, &asked.ticket, None).await;
        assert_eq!(socket.until("sent").await.iter().filter(|event| event["id"] != asked.id).count(), 0);
    }
    socket.subscribe(&all[0].id, &all[0].ticket, None).await;
    assert_eq!(socket.next().await, error("already-subscribed"));
    socket.subscribe(&all[16].id, &all[16].ticket, None).await;
    assert_eq!(socket.next().await, error("too-many-subscriptions"));
    // One ends, so that there is room for another; the others go on.
    assert_eq!(system.api().cancel(&all[0].id, Some(&all[0].ticket)).await.status, 204);
    assert_eq!(socket.event().await["event"], "canceled");
    socket.subscribe(&all[16].id, &all[16].ticket, None).await;
    assert!(socket.until("sent").await.iter().all(|event| event["id"] == all[16].id));
    assert_eq!(system.api().cancel(&all[7].id, Some(&all[7].ticket)).await.status, 204);
    assert_eq!(socket.event().await["id"], all[7].id);
    drop(socket);
    system.stack.stop().await;
}
