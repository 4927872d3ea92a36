//! What happens while NATS is away.

use std::time::Duration;

use otp_nats::event::Body;
use otp_notifier::Times;

use crate::client::{Client, pairs};
use crate::world::{Running, World, fresh_id, processing, sent, ticket, ticket_for};

#[tokio::test]
async fn a_restart_of_nats_loses_and_repeats_nothing() {
    let mut world = World::start().await;
    let notifier = world.notifier(&[]).await;
    let id = fresh_id();
    let mut client = Client::watching(notifier.address, &id).await;
    let one = world.publish(id, 1, processing(1)).await;
    assert_eq!(client.events(2).await, pairs(&[(0, "requested"), (one, "processing")]));

    world.nats.stop().unwrap();
    notifier.until(|| async { notifier.admin_get("/ready").await.starts_with("HTTP/1.1 503") }).await;
    // What is in the ring is served all the same.
    let mut meanwhile = Client::watching(notifier.address, &id).await;
    assert_eq!(meanwhile.events(2).await, pairs(&[(0, "requested"), (one, "processing")]));
    world.nats.start().unwrap();

    let two = world.publish(id, 1, sent()).await;
    let three = world.publish(id, 1, Body::Verified {}).await;
    for client in [&mut client, &mut meanwhile] {
        assert_eq!(client.events(2).await, pairs(&[(two, "sent"), (three, "verified")]));
        client.expect_close(1000).await;
    }
    notifier.ready().await;
    notifier.stopped().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_said_to_be_unavailable() {
    let mut world = World::start().await;
    let id = fresh_id();
    for _ in 0..3 {
        world.publish(fresh_id(), 1, sent()).await;
    }
    let notifier = world.notifier(&[("OTP_RING_EVENTS", "1")]).await;
    world.nats.stop().unwrap();
    let mut client = Client::connect(notifier.address).await;
    client.subscribe(&id, &ticket(&id), Some(0)).await;
    client.expect_error("unavailable").await;
    client.expect_close(1013).await;
}

#[tokio::test]
async fn a_notifier_starts_before_nats_and_stops_without_it() {
    let mut world = World::start().await;
    world.nats.stop().unwrap();
    let notifier = Running::start(world.settings(&[])).await;
    notifier.until(|| async { notifier.admin_get("/ready").await.starts_with("HTTP/1.1 503") }).await;
    assert!(notifier.admin_get("/health").await.starts_with("HTTP/1.1 200"));
    world.nats.start().unwrap();
    notifier.ready().await;
    world.nats.stop().unwrap();
    notifier.stopped().await;
}

#[tokio::test]
async fn an_end_that_nats_missed_is_told_when_it_is_back() {
    let mut world = World::start().await;
    let times = Times { expiry: Duration::ZERO, ..Times::default() };
    let notifier = world.notifier_at(&[], times).await;
    let id = fresh_id();
    let mut client = Client::connect(notifier.address).await;
    client.subscribe(&id, &ticket_for(&id, Duration::from_millis(500)), None).await;
    client.events(1).await;
    world.nats.stop().unwrap();
    // The end is on its way now.
    notifier.until(|| async { notifier.metric("otp_nats_connected").await == 0.0 }).await;
    world.nats.start().unwrap();
    assert_eq!(client.events(1).await[0].1, "expired");
    client.expect_close(1000).await;
}
