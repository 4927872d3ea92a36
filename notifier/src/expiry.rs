//! Tells the bus that a verification's time is over, for those that nobody else ends.
//!
//! Every notifier with a subscription does so; the event's message id is the same everywhere, so JetStream keeps one,
//! and it comes to the clients through the feed as every event does.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use otp_nats::bus::{Bus, PublishFault, jittered};
use otp_nats::event::Body;
use otp_nats::trace::TraceParent;
use otp_nats::{Event, Timestamp, VerificationId};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::timeline::End;

/// Ends that wait to be told; a connection that finds no room asks again a second later.
const QUEUE: usize = 4096;
/// Told at once.
const AT_ONCE: usize = 64;
/// While NATS is away, an end is told within this time or not at all: less than the stream's window for duplicates, so
/// that two notifiers never leave two.
const WITHIN: Duration = Duration::from_secs(60);
/// One attempt.
const ONE_ATTEMPT: Duration = Duration::from_secs(4);

/// A verification whose time is over, as a subscription sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Over {
    id: VerificationId,
    generation: u32,
}

/// Takes ends that are to be told.
#[derive(Debug, Clone)]
pub(crate) struct Expiries {
    queue: mpsc::Sender<Over>,
    waiting: Arc<Mutex<HashSet<VerificationId>>>,
}

/// What [`Expiries`] is served by.
#[derive(Debug)]
pub(crate) struct Teller {
    bus: Bus,
    hub: Arc<Hub>,
    metrics: Metrics,
    inbox: mpsc::Receiver<Over>,
    waiting: Arc<Mutex<HashSet<VerificationId>>>,
}

impl Expiries {
    /// The two ends of the queue.
    pub(crate) fn new(bus: Bus, hub: Arc<Hub>, metrics: Metrics) -> (Self, Teller) {
        let (queue, inbox) = mpsc::channel(QUEUE);
        let waiting = Arc::new(Mutex::new(HashSet::new()));
        let teller = Teller { bus, hub, metrics, inbox, waiting: Arc::clone(&waiting) };
        (Self { queue, waiting }, teller)
    }

    /// Has this end told, once for all who ask; `false` when there is no room now.
    pub(crate) fn tell(&self, id: VerificationId, generation: u32) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.contains(&id) {
            return true;
        }
        let queued = self.queue.try_send(Over { id, generation }).is_ok();
        if queued {
            waiting.insert(id);
        }
        queued
    }
}

impl Teller {
    /// Tells ends until `stop` is cancelled; what is then under way has the time of its own deadline at most.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let next = async {
                let permit = Arc::clone(&permits).acquire_owned().await.ok();
                permit.zip(self.inbox.recv().await)
            };
            let next = tokio::select! {
                () = stop.cancelled() => break,
                next = next => next,
            };
            let Some((permit, over)) = next else { break };
            let (bus, hub, metrics) = (self.bus.clone(), Arc::clone(&self.hub), self.metrics.clone());
            let (waiting, stop) = (Arc::clone(&self.waiting), stop.clone());
            tasks.spawn(async move {
                let outcome = tokio::select! {
                    outcome = tell(&bus, &hub, over) => outcome,
                    () = stop.cancelled() => "stopped",
                };
                metrics.expiry(outcome);
                waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&over.id);
                drop(permit);
            });
        }
        tasks.close();
        tasks.wait().await;
    }
}

async fn tell(bus: &Bus, hub: &Hub, over: Over) -> &'static str {
    let deadline = Instant::now() + WITHIN;
    let event = Event { id: over.id, at: Timestamp::now(), generation: over.generation, body: Body::Expired {} };
    let mut pause = Duration::from_millis(200);
    while Instant::now() < deadline {
        // What happened while NATS was away comes first: it may be the end already.
        let mut state = hub.state();
        let current = state.wait_for(|state| state.running && state.caught_up);
        if tokio::time::timeout_at(deadline, current).await.is_err() {
            break;
        }
        drop(state);
        if hub.end(&over.id) != End::Open {
            return "over-already";
        }
        match bus.publish(&event, &TraceParent::start(), ONE_ATTEMPT).await {
            Ok(stored) => return if stored.duplicate { "told-already" } else { "told" },
            Err(PublishFault::Refused) => {
                tracing::error!("NATS refuses the event of an end");
                return "refused";
            }
            Err(PublishFault::Full | PublishFault::Unavailable) => {}
        }
        tokio::time::sleep(jittered(pause)).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
    tracing::warn!("the end of a verification could not be told in time");
    "unavailable"
}
