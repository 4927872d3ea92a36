//! Events of what Redis has decided: published in the background, for some minutes when NATS is away.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use otp_nats::bus::{Bus, PublishFault};
use otp_nats::trace::TraceParent;
use otp_nats::{Body, Event, Timestamp, VerificationId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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

/// An event that waits, and its place among those that may.
#[derive(Debug)]
struct Waiting {
    event: Event,
    trace: TraceParent,
    _permit: OwnedSemaphorePermit,
}

/// Publishes decided events, those of one verification in the order in which they were decided: a wrong code that came
/// to the stream after the right one would never reach who watches. Clones share it.
#[derive(Debug, Clone)]
pub struct Outbox {
    bus: Bus,
    /// What waits behind the event of a verification that is being published; the permits bound it.
    behind: Arc<Mutex<HashMap<VerificationId, VecDeque<Waiting>>>>,
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
            behind: Arc::default(),
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
        self.metrics.events_waiting.inc();
        let waiting = Waiting { event, trace, _permit: permit };
        {
            let mut behind = self.behind();
            if let Some(queue) = behind.get_mut(&id) {
                queue.push_back(waiting);
                return;
            }
            behind.insert(id, VecDeque::new());
        }
        let outbox = self.clone();
        self.tasks.spawn(async move { outbox.in_order(id, waiting).await });
    }

    async fn in_order(&self, id: VerificationId, first: Waiting) {
        let mut next = Some(first);
        let mut is_lost = false;
        while let Some(Waiting { event, trace, _permit }) = next {
            // What NATS does not take at the end, it does not take one event later either.
            let stored = if is_lost { Err(PublishFault::Unavailable) } else { self.until_stored(&event, &trace).await };
            if let Err(fault) = stored {
                is_lost = self.closing.is_cancelled();
                self.metrics.events_dropped.inc();
                tracing::error!(event = %event.kind(), %fault, "an event is lost");
            }
            self.metrics.events_waiting.dec();
            next = self.next_of(id);
        }
    }

    /// What waits behind the event that was published; when there is nothing, the next one need not wait.
    fn next_of(&self, id: VerificationId) -> Option<Waiting> {
        let mut behind = self.behind();
        let next = behind.get_mut(&id)?.pop_front();
        if next.is_none() {
            behind.remove(&id);
        }
        next
    }

    fn behind(&self) -> MutexGuard<'_, HashMap<VerificationId, VecDeque<Waiting>>> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until what is waiting is published, or given up because NATS does not take it.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn until_stored(&self, event: &Event, trace: &TraceParent) -> Result<(), PublishFault> {
        let give_up_at = tokio::time::Instant::now() + GIVE_UP_AFTER;
        loop {
            let round = if self.closing.is_cancelled() { LAST_ROUND } else { ROUND };
            match self.bus.publish(event, trace, round).await {
                Ok(_stored) => return Ok(()),
                Err(PublishFault::Unavailable | PublishFault::Full)
                    if tokio::time::Instant::now() < give_up_at && !self.closing.is_cancelled() => {}
                Err(fault) => return Err(fault),
            }
            // A pause per event, not a queue: events of one verification are few and carry their own time.
            tokio::select! {
                () = tokio::time::sleep(otp_nats::bus::jittered(Duration::from_millis(500))) => {}
                () = self.closing.cancelled() => {}
            }
        }
    }
}
