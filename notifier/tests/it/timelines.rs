//! Everybody gets the same whole timeline, each event once and in order.

use otp_nats::event::{Body, Reason};
use serde_json::json;

use crate::client::{Client, pairs};
use crate::world::{Running, World, fresh_id, processing, sent, ticket};

#[tokio::test]
async fn early_late_and_resuming_clients_get_the_whole_timeline() {
    let world = World::start().await;
    let notifier = world.notifier(&[]).await;
    let id = fresh_id();
    let mut early = Client::watching(notifier.address, &id).await;
    let first = early.next().await;
    assert_eq!((&first["event"], &first["seq"], &first["id"]), (&json!("requested"), &json!(0), &json!(id)));
    assert!(first["data"]["expires_at"].is_string(), "{first}");

    let one = world.publish(id, 1, processing(1)).await;
    let two = world.publish(id, 1, sent()).await;
    world.publish(fresh_id(), 1, sent()).await;
    assert_eq!(early.events(2).await, pairs(&[(one, "processing"), (two, "sent")]));

    let mut late = Client::watching(notifier.address, &id).await;
    assert_eq!(late.events(3).await, pairs(&[(0, "requested"), (one, "processing"), (two, "sent")]));

    let mut resuming = Client::connect(notifier.address).await;
    resuming.subscribe(&id, &ticket(&id), Some(one)).await;
    assert_eq!(resuming.events(1).await, pairs(&[(two, "sent")]));
    let mut from_zero = Client::connect(notifier.address).await;
    from_zero.subscribe(&id, &ticket(&id), Some(0)).await;
    assert_eq!(from_zero.events(2).await, pairs(&[(one, "processing"), (two, "sent")]));

    let three = world.publish(id, 1, Body::Verified {}).await;
    for mut client in [early, late, resuming, from_zero] {
        assert_eq!(client.events(1).await, pairs(&[(three, "verified")]));
        client.expect_close(1000).await;
    }
    let mut after_the_end = Client::connect(notifier.address).await;
    after_the_end.subscribe(&id, &ticket(&id), Some(three)).await;
    after_the_end.expect_close(1000).await;
    notifier.stopped().await;
}

#[tokio::test]
async fn the_data_of_an_event_is_forwarded_as_it_is() {
    let world = World::start().await;
    let notifier = world.notifier(&[]).await;
    let id = fresh_id();
    let seq = world.publish(id, 3, sent()).await;
    let mut client = Client::watching(notifier.address, &id).await;
    client.events(1).await;
    let event = client.next().await;
    assert_eq!(event["seq"], json!(seq));
    assert_eq!(
        event["data"],
        json!({"relay": "relay:25", "reply": "250 ok", "to": "a***e@example.com", "elapsed_ms": 7})
    );
    assert!(event["at"].as_str().unwrap().ends_with('Z'), "{event}");
    let mut members: Vec<&String> = event.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["at", "data", "event", "id", "seq", "type"]);
}

#[tokio::test]
async fn a_second_and_a_restarted_notifier_serve_the_same() {
    let world = World::start().await;
    let first = world.notifier(&[]).await;
    let id = fresh_id();
    let one = world.publish(id, 1, processing(1)).await;
    let two = world.publish(id, 1, sent()).await;
    let whole = pairs(&[(0, "requested"), (one, "processing"), (two, "sent")]);
    assert_eq!(Client::watching(first.address, &id).await.events(3).await, whole);
    first.stopped().await;

    let second = world.notifier(&[]).await;
    assert_eq!(Client::watching(second.address, &id).await.events(3).await, whole);
    assert!(second.metric("otp_histories_total{source=\"ring\"}").await >= 1.0);

    // A ring so small that nothing of this verification is in it: the stream serves.
    for _ in 0..4 {
        world.publish(fresh_id(), 1, sent()).await;
    }
    let third = world.notifier(&[("OTP_RING_EVENTS", "2")]).await;
    let mut client = Client::watching(third.address, &id).await;
    assert_eq!(client.events(3).await, whole);
    assert!(third.metric("otp_histories_total{source=\"stream\"}").await >= 1.0);
    let three = world.publish(id, 1, Body::Rejected { attempts_left: 4 }).await;
    assert_eq!(client.events(1).await, pairs(&[(three, "rejected")]));
    let mut resuming = Client::connect(third.address).await;
    resuming.subscribe(&id, &ticket(&id), Some(one)).await;
    assert_eq!(resuming.events(2).await, pairs(&[(two, "sent"), (three, "rejected")]));
}

#[tokio::test]
async fn a_client_that_comes_before_the_notifier_is_ready_waits() {
    let world = World::start().await;
    let id = fresh_id();
    let one = world.publish(id, 1, sent()).await;
    let notifier = Running::start(world.settings(&[])).await;
    let mut client = Client::watching(notifier.address, &id).await;
    assert_eq!(client.events(2).await, pairs(&[(0, "requested"), (one, "sent")]));
}

#[tokio::test]
async fn many_watch_many_while_all_of_it_happens() {
    const CLIENTS: usize = 24;
    const EVENTS: u32 = 20;
    let world = World::start().await;
    let notifier = world.notifier(&[("OTP_RING_EVENTS", "8")]).await;
    let ids = [fresh_id(), fresh_id(), fresh_id()];
    let publish = async {
        let mut seqs = [const { Vec::new() }; 3];
        for attempt in 1..=EVENTS {
            for (id, seqs) in ids.iter().zip(&mut seqs) {
                seqs.push(world.publish(*id, 1, processing(attempt)).await);
            }
        }
        seqs
    };
    let watch = |client: usize| {
        let id = ids[client % 3];
        let address = notifier.address;
        async move {
            let mut client = Client::watching(address, &id).await;
            client.events(1 + EVENTS as usize).await
        }
    };
    let (seqs, seen) = tokio::join!(publish, futures_util::future::join_all((0..CLIENTS).map(watch)));
    for (client, events) in seen.iter().enumerate() {
        let expected: Vec<u64> = std::iter::once(0).chain(seqs[client % 3].iter().copied()).collect();
        assert_eq!(events.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), expected, "client {client}");
    }
}

#[tokio::test]
async fn what_failed_goes_on_when_a_newer_mail_does() {
    let world = World::start().await;
    let notifier = world.notifier(&[]).await;
    let id = fresh_id();
    let failed = Body::Failed { reason: Reason::Refused, reply: None };
    let one = world.publish(id, 1, failed).await;
    let mut over = Client::watching(notifier.address, &id).await;
    assert_eq!(over.events(2).await, pairs(&[(0, "requested"), (one, "failed")]));
    over.expect_close(1000).await;

    let two = world.publish(id, 2, sent()).await;
    let mut client = Client::watching(notifier.address, &id).await;
    assert_eq!(client.events(3).await, pairs(&[(0, "requested"), (one, "failed"), (two, "sent")]));
    let three = world.publish(id, 2, Body::Canceled {}).await;
    assert_eq!(client.events(1).await, pairs(&[(three, "canceled")]));
    client.expect_close(1000).await;
}
