//! Publishing while servers are away, hang, or lose what they were told.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use otp_nats::bus::{Bus, PublishFault};
use otp_nats::testing::{TestServer, eventually};
use otp_nats::trace::TraceParent;
use otp_nats::{Body, Event, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::support::join;

/// Longest wait for what takes seconds at most: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);
/// A server that hangs is left after 3 s without a sign of life; then another one is connected to.
const LEFT_WITHIN: Duration = Duration::from_secs(10);

async fn ready(server: &TestServer) -> Bus {
    let bus = join(&server.url("nats")).await;
    bus.ensure_streams(&CancellationToken::new()).await.unwrap();
    bus
}

fn event(attempt: u32) -> Event {
    let id = "abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().unwrap();
    Event { id, at: Timestamp::from_millis(0), generation: 1, body: Body::Processing { attempt } }
}

async fn publish(bus: &Bus, attempt: u32, within: Duration) -> Result<u64, PublishFault> {
    bus.publish(&event(attempt), &TraceParent::start(), within).await.map(|stored| stored.seq)
}

#[tokio::test]
async fn what_is_given_up_while_no_server_is_connected_is_never_stored() {
    let mut server = TestServer::nats().unwrap();
    let bus = ready(&server).await;
    server.stop().unwrap();
    eventually(|| async { (!bus.is_connected()).then_some(()) }).await.unwrap();
    assert_eq!(publish(&bus, 1, Duration::from_millis(300)).await, Err(PublishFault::Unavailable));
    let (second, started) = tokio::join!(publish(&bus, 2, PATIENCE), async { server.start() });
    started.unwrap();
    assert_eq!(second, Ok(1), "it waits for the server, and is the first one that is stored");
}

#[tokio::test]
async fn a_server_that_hangs_is_left_for_another() {
    let servers = [TestServer::nats().unwrap(), TestServer::nats().unwrap()];
    for server in &servers {
        ready(server).await;
    }
    let bus = join(&servers.each_ref().map(|server| server.url("nats")).join(",")).await;
    publish(&bus, 1, PATIENCE).await.unwrap();
    let port = bus.jetstream().client().server_info().port;
    let used = servers.iter().find(|server| server.address().port() == port).unwrap();
    used.freeze().unwrap();
    let start = Instant::now();
    let published = publish(&bus, 2, LEFT_WITHIN).await;
    used.thaw().unwrap();
    published.unwrap();
    println!("left after {:.1} s", start.elapsed().as_secs_f64());
    assert_ne!(bus.jetstream().client().server_info().port, port);
}

#[tokio::test]
async fn acknowledgements_that_never_come_use_nothing_up() {
    let server = TestServer::nats().unwrap();
    let bus = ready(&server).await;
    // Each round is less than may wait at once, and all of them together are more.
    for round in 0..3 {
        server.freeze().unwrap();
        let lost = (0..3500).map(|n| publish(&bus, 1 + n + round * 10_000, Duration::from_millis(200)));
        let lost = join_all(lost).await;
        server.thaw().unwrap();
        assert!(lost.iter().all(|result| *result == Err(PublishFault::Unavailable)));
        publish(&bus, 5000 + round * 10_000, PATIENCE).await.unwrap();
    }
}
