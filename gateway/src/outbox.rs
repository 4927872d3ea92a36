//! Events of what Redis has decided: published in the background, for some minutes when NATS is away.

use std::sync::Arc;
use std::time::Duration;

use otp_nats::bus::{Bus, PublishFault};
use otp_nats::trace::TraceParent;
use otp_nats::{Body, Event, Timestamp, VerificationId};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::Metrics;

/// Events that may wait at once: some kilobytes each, and far more than one outage of Redis's own length brings.
const MAX_WAITING: usize = 10_000;
/// An event is worth publishing as long as its verification's timeline is kept.
const GIVE_UP_AFTER: Duration = Duration::from_secs(600);
/// One publish tries for so long before it pauses.
const ROUND: Duration = Duration::from_secs(5);
/// On shutdown an event that NATS does not take within this time is given up.
const LAST_ROUND: Duration = Duration::from_secs(5);

/// Publishes decided events. Clones share it.
#[derive(Debug, Clone)]
pub struct Outbox {
    bus: Bus,
    metrics: Metrics,
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl Outbox {
    /// Publishes through this bus.
    pub fn new(bus: Bus, metrics: Metrics) -> Self {
        Self {
            bus,
            metrics,
            permits: Arc::new(Semaphore::new(MAX_WAITING)),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        }
    }

    /// Publishes an event without making the caller wait.
    pub fn publish(&self, id: VerificationId, at: Timestamp, generation: u32, body: Body, trace: TraceParent) {
        let event = Event { id, at, generation, body };
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            self.metrics.events_dropped.inc();
            tracing::error!(event = %event.kind(), "too many events wait for NATS; one is lost");
            return;
        };
        let outbox = self.clone();
        self.metrics.events_waiting.inc();
        self.tasks.spawn(async move {
            outbox.until_stored(&event, &trace).await;
            outbox.metrics.events_waiting.dec();
            drop(permit);
        });
    }

    /// Waits until what is waiting is published, or given up because NATS does not take it.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn until_stored(&self, event: &Event, trace: &TraceParent) {
        let give_up_at = tokio::time::Instant::now() + GIVE_UP_AFTER;
        loop {
            let round = if self.closing.is_cancelled() { LAST_ROUND } else { ROUND };
            match self.bus.publish(event, trace, round).await {
                Ok(_stored) => return,
                Err(PublishFault::Unavailable | PublishFault::Full)
                    if tokio::time::Instant::now() < give_up_at && !self.closing.is_cancelled() => {}
                Err(fault) => {
                    self.metrics.events_dropped.inc();
                    tracing::error!(event = %event.kind(), %fault, "an event is lost");
                    return;
                }
            }
            // A pause per event, not a queue: events of one verification are few and carry their own time.
            tokio::select! {
                () = tokio::time::sleep(otp_nats::bus::jittered(Duration::from_millis(500))) => {}
                () = self.closing.cancelled() => {}
            }
        }
    }
}
