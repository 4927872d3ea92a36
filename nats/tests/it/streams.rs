//! Streams that several services make at the same time.

use std::time::Duration;

use futures_util::future::join_all;
use otp_nats::testing::TestServer;
use tokio_util::sync::CancellationToken;

use crate::support::join;

/// Services that start together, and how often they do: nats-server 2.9.10 trips over it once in about a hundred times.
const SERVICES: usize = 8;
const ROUNDS: usize = 30;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn services_that_start_together_on_an_empty_server_all_find_their_streams() {
    for round in 0..ROUNDS {
        let server = TestServer::nats().unwrap();
        let url = server.url("nats");
        let buses = join_all((0..SERVICES).map(|_| join(&url))).await;
        let stop = CancellationToken::new();
        let made = join_all(buses.iter().map(|bus| tokio::time::timeout(PATIENCE, bus.ensure_streams(&stop)))).await;
        for made in made {
            assert!(matches!(made, Ok(Ok(()))), "round {round}: {made:?}");
        }
    }
}
