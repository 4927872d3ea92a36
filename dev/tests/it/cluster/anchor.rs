//! A bare client of the library that publishes beside the gateway: what the cluster itself makes of a fault.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::support::Asked;

/// It publishes as often as the gateway is asked.
const EVERY: Duration = Duration::from_millis(25);

/// The bare client. It publishes into the gateway's own stream, since each stream elects a leader in a time of its own
/// that chance decides; and always the same message, of which servers that remember it keep no second copy.
pub(super) struct Anchor {
    acknowledged: Arc<Mutex<Vec<Instant>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Anchor {
    pub(super) fn start(jetstream: jetstream::Context, asked: &Asked) -> Self {
        let (acknowledged, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        let task = tokio::spawn(publish(jetstream, asked.id.clone(), Arc::clone(&acknowledged), stop.clone()));
        Self { acknowledged, stop, task }
    }

    /// How many publishes that came after this moment are acknowledged.
    pub(super) fn since(&self, moment: Instant) -> usize {
        self.acknowledged.lock().expect("no panic elsewhere").iter().filter(|at| **at > moment).count()
    }

    /// When its publishes were acknowledged.
    pub(super) async fn end(self) -> Vec<Instant> {
        self.stop.cancel();
        self.task.await.expect("it ends");
        std::mem::take(&mut self.acknowledged.lock().expect("no panic elsewhere"))
    }
}

async fn publish(
    jetstream: jetstream::Context,
    id: String,
    acknowledged: Arc<Mutex<Vec<Instant>>>,
    stop: CancellationToken,
) {
    let mut published = JoinSet::new();
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => break,
        }
        let (jetstream, id, acknowledged) = (jetstream.clone(), id.clone(), Arc::clone(&acknowledged));
        published.spawn(async move {
            let mut headers = HeaderMap::new();
            headers.insert(NATS_MESSAGE_ID, format!("{id}.requested.1").as_str());
            let subject = format!("otp.requested.{id}");
            let Ok(sent) = jetstream.publish_with_headers(subject, headers, "{}".into()).await else { return };
            if sent.await.is_ok() {
                acknowledged.lock().expect("no panic elsewhere").push(Instant::now());
            }
        });
    }
    published.abort_all();
    while published.join_next().await.is_some() {}
}
