//! How connections and verifications end.

use std::time::Duration;

use futures_util::StreamExt;
use otp_nats::event::Body;
use otp_nats::{EventKind, timeline};
use otp_notifier::Times;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, pairs};
use crate::world::{PATIENCE, World, fresh_id, sent, ticket, ticket_for};

#[tokio::test]
async fn a_client_has_time_for_another_verification_after_one_ended() {
    let world = World::start().await;
    let notifier = world.notifier(&[]).await;
    let (id, other) = (fresh_id(), fresh_id());
    let mut client = Client::watching(notifier.address, &id).await;
    client.events(1).await;
    let one = world.publish(id, 1, Body::Superseded {}).await;
    assert_eq!(client.events(1).await, pairs(&[(one, "superseded")]));
    client.subscribe(&other, &ticket(&other), None).await;
    client.events(1).await;
    // Longer than the grace: the second subscription holds the connection.
    assert!(timeout(Duration::from_millis(1500), client.socket.next()).await.is_err());
    let two = world.publish(other, 1, Body::Locked { attempts_left: 0 }).await;
    assert_eq!(client.events(1).await, pairs(&[(two, "locked")]));
    client.expect_close(1000).await;
}

#[tokio::test]
async fn the_end_of_the_time_is_told_once_by_two_notifiers() {
    let world = World::start().await;
    let (first, second) = (world.notifier(&[]).await, world.notifier(&[]).await);
    let id = fresh_id();
    let one = world.publish(id, 1, sent()).await;
    let ticket = ticket_for(&id, Duration::from_millis(1200));
    let mut clients = Vec::new();
    for address in [first.address, second.address, second.address] {
        let mut client = Client::connect(address).await;
        client.subscribe(&id, &ticket, None).await;
        assert_eq!(client.events(2).await, pairs(&[(0, "requested"), (one, "sent")]));
        clients.push(client);
    }
    for mut client in clients {
        assert_eq!(client.events(1).await, pairs(&[(one + 1, "expired")]));
        client.expect_close(1000).await;
    }
    let events = timeline::read(&world.bus, &id, 0).await.unwrap();
    assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::Sent, EventKind::Expired]);
}

#[tokio::test]
async fn no_end_of_the_time_is_told_for_what_has_ended() {
    let world = World::start().await;
    let notifier = world.notifier(&[]).await;
    let (id, open) = (fresh_id(), fresh_id());
    let life = Duration::from_millis(1200);
    let mut client = Client::connect(notifier.address).await;
    client.subscribe(&id, &ticket_for(&id, life), None).await;
    client.subscribe(&open, &ticket_for(&open, life + life), None).await;
    client.events(2).await;
    world.publish(id, 1, Body::Verified {}).await;
    assert_eq!(client.events(1).await[0].1, "verified");
    // Its time is long over when the other's is told.
    assert_eq!(client.events(1).await[0].1, "expired");
    client.expect_close(1000).await;
    let events = timeline::read(&world.bus, &id, 0).await.unwrap();
    assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::Verified]);
}

#[tokio::test]
async fn who_does_not_answer_pings_is_gone_and_who_does_stays() {
    let world = World::start().await;
    let times = Times { ping: Duration::from_millis(200), pong: Duration::from_millis(300), ..Times::default() };
    let notifier = world.notifier_at(&[], times).await;
    let mut alive = Client::watching(notifier.address, &fresh_id()).await;
    alive.events(1).await;
    let mut dead = tokio::net::TcpStream::connect(notifier.address).await.unwrap();
    let request = "GET /v1/events HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    dead.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let die = async { timeout(PATIENCE, dead.read_to_end(&mut bytes)).await.unwrap().unwrap() };
    let live = async {
        for _ in 0..12 {
            let frame = timeout(PATIENCE, alive.socket.next()).await.unwrap().unwrap().unwrap();
            assert!(matches!(frame, Message::Ping(_)), "{frame:?}");
            // The pong goes out with the next read.
        }
    };
    tokio::join!(die, live);
    let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    assert!(has(&[0x89, 0x00]), "a ping");
    assert!(has(&[0x88, 0x09, 0x03, 0xe9]), "a close with 1001 and seven letters");
}

#[tokio::test]
async fn a_slow_client_is_let_go_and_resumes() {
    let world = World::start().await;
    let times = Times { write: Duration::from_millis(500), close: PATIENCE, ..Times::default() };
    let notifier = world.notifier_at(&[], times).await;
    let id = fresh_id();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(notifier.address).await.unwrap();
    let url = format!("ws://{}/v1/events", notifier.address);
    let mut slow = Client { socket: tokio_tungstenite::client_async(url, stream).await.unwrap().0 };
    slow.subscribe(&id, &ticket(&id), None).await;
    let mut quick = Client::watching(notifier.address, &id).await;
    quick.events(1).await;

    let reply = "x".repeat(8000);
    let (mut seqs, mut generation) = (vec![0], 0);
    // Until the kernel's buffers and the queue are full, and the write's time is over.
    while notifier.metric("otp_sockets_closed").await == 0.0 {
        generation += 1;
        let body = Body::Sent { relay: String::new(), reply: reply.clone(), to: String::new(), elapsed_ms: 0 };
        let seq = world.publish(id, generation, body).await;
        assert_eq!(quick.events(1).await[0].0, seq);
        seqs.push(seq);
    }
    let mut seen = Vec::new();
    let code = loop {
        match timeout(PATIENCE, slow.socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => {
                let event: serde_json::Value = serde_json::from_str(&text).unwrap();
                seen.push(event["seq"].as_u64().unwrap());
            }
            Message::Close(frame) => break u16::from(frame.unwrap().code),
            _ => {}
        }
    };
    assert_eq!(code, 1013);
    assert_eq!(seen, seqs[..seen.len()]);
    let mut resumed = Client::connect(notifier.address).await;
    resumed.subscribe(&id, &ticket(&id), seen.last().copied()).await;
    let rest: Vec<u64> = resumed.events(seqs.len() - seen.len()).await.into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(rest, seqs[seen.len()..]);
}

#[tokio::test]
async fn a_drain_tells_everybody_to_come_back() {
    let world = World::start().await;
    let notifier = world.notifier(&[]).await;
    let mut clients = Vec::new();
    for _ in 0..40 {
        let mut client = Client::watching(notifier.address, &fresh_id()).await;
        client.events(1).await;
        clients.push(client);
    }
    notifier.stop.cancel();
    for client in &mut clients {
        client.expect_close(1012).await;
    }
    drop(clients);
    timeout(PATIENCE, notifier.task).await.unwrap().unwrap();
}
