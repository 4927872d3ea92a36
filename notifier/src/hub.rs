//! Where the feed and the connections meet: the ring of recent events and who listens to what.
//!
//! One mutex guards both, so that "what is in the ring" and "who gets the next event" always belong to the same
//! position of the feed. It is held for the time of a look-up and some pushes into bounded queues, never across I/O.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use otp_nats::{Timestamp, VerificationId};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::watch;

use crate::metrics::Metrics;
use crate::notice::Notice;
use crate::ring::{Bounds, Ring};
use crate::timeline::{End, Outlook};

/// Events that wait for one connection. A connection that is further behind is closed and resumes: that costs less
/// than memory for all who sleep.
const QUEUE: usize = 64;

/// What comes to a connection from inside.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// A live event.
    Live(Arc<Notice>),
    /// The history of a subscription.
    History(Box<History>),
    /// Nothing but a reason to look at [`Outbox::is_overrun`].
    Nudge,
}

/// The history of a subscription, or that there is none to be had.
#[derive(Debug)]
pub(crate) struct History {
    /// The verification.
    pub(crate) id: VerificationId,
    /// Which of the connection's subscriptions asked.
    pub(crate) subscription: u32,
    /// The cut and the events up to it; `None` when they cannot be read.
    pub(crate) events: Option<(u64, Vec<Arc<Notice>>)>,
}

/// The way into a connection.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    connection: u64,
    queue: mpsc::Sender<Delivery>,
    overrun: Arc<AtomicBool>,
}

impl Outbox {
    /// A queue for this connection.
    pub(crate) fn new(connection: u64) -> (Self, mpsc::Receiver<Delivery>) {
        let (queue, inbox) = mpsc::channel(QUEUE);
        (Self { connection, queue, overrun: Arc::new(AtomicBool::new(false)) }, inbox)
    }

    /// Whether an event found the queue full: the connection has a gap and must end.
    pub(crate) fn is_overrun(&self) -> bool {
        self.overrun.load(Ordering::Relaxed)
    }

    /// Waits for room; nothing happens when the connection is gone.
    pub(crate) async fn history(&self, history: History) {
        if self.queue.send(Delivery::History(Box::new(history))).await.is_err() {
            tracing::trace!("a history came too late for its connection");
        }
    }

    /// Waits until the connection is gone.
    pub(crate) async fn gone(&self) {
        self.queue.closed().await;
    }

    fn cut_off(&self) {
        self.overrun.store(true, Ordering::Relaxed);
        match self.queue.try_send(Delivery::Nudge) {
            // A full queue is reason enough to look.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {}
        }
    }

    fn live(&self, notice: &Arc<Notice>) -> bool {
        match self.queue.try_send(Delivery::Live(Arc::clone(notice))) {
            Ok(()) | Err(TrySendError::Closed(_)) => true,
            Err(TrySendError::Full(_)) => !self.overrun.swap(true, Ordering::Relaxed),
        }
    }
}

/// How the feed does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FeedState {
    /// The consumer delivers.
    pub(crate) running: bool,
    /// It has reached the stream's end since it last started.
    pub(crate) caught_up: bool,
    /// It has reached the stream's end at least once: the ring can be trusted.
    pub(crate) primed: bool,
}

/// What the ring says of one verification, and up to which sequence.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The last sequence that the feed has delivered.
    pub(crate) cut: u64,
    /// The verification's events in the ring.
    pub(crate) events: Vec<Arc<Notice>>,
    /// Whether these are all.
    pub(crate) complete: bool,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Hub {
    inner: Mutex<Inner>,
    state: watch::Sender<FeedState>,
    bounds: Bounds,
    metrics: Metrics,
}

#[derive(Debug)]
struct Inner {
    ring: Ring,
    /// The last sequence that the feed delivered; `None` before its first start.
    position: Option<u64>,
    listeners: HashMap<VerificationId, Vec<Outbox>>,
}

impl Hub {
    /// An empty hub.
    pub(crate) fn new(bounds: Bounds, metrics: Metrics) -> Self {
        let inner = Inner { ring: Ring::new(bounds, false), position: None, listeners: HashMap::new() };
        Self { inner: Mutex::new(inner), state: watch::Sender::new(FeedState::default()), bounds, metrics }
    }

    /// How the feed does, and every change of it.
    pub(crate) fn state(&self) -> watch::Receiver<FeedState> {
        self.state.subscribe()
    }

    /// The feed says how it does.
    pub(crate) fn set_state(&self, running: bool, caught_up: bool) {
        self.state.send_if_modified(|state| {
            let next = FeedState { running, caught_up, primed: state.primed || caught_up };
            std::mem::replace(state, next) != next
        });
    }

    /// The last sequence that the feed delivered; `None` before its first start.
    pub(crate) fn position(&self) -> Option<u64> {
        self.lock().position
    }

    /// The feed starts behind `position`; `complete` says that the stream has nothing up to it. Everybody who listens
    /// loses the thread when this is not the first start.
    pub(crate) fn begin(&self, position: u64, complete: bool) {
        let mut inner = self.lock();
        inner.ring = Ring::new(self.bounds, complete);
        let is_first = inner.position.replace(position).is_none();
        let listeners = if is_first { HashMap::new() } else { std::mem::take(&mut inner.listeners) };
        drop(inner);
        listeners.into_values().flatten().for_each(|outbox| outbox.cut_off());
    }

    /// The feed delivers what stands at `seq`; `None` when it is nothing for clients.
    pub(crate) fn deliver(&self, seq: u64, notice: Option<Arc<Notice>>, stored_at: Timestamp) {
        let mut inner = self.lock();
        if inner.position.is_some_and(|position| seq <= position) {
            return;
        }
        inner.position = Some(seq);
        let Some(notice) = notice else { return };
        if let Some(listeners) = inner.listeners.get(&notice.id) {
            let overrun = listeners.iter().filter(|outbox| !outbox.live(&notice)).count();
            self.metrics.overrun.inc_by(overrun as u64);
            self.metrics.lag(stored_at.until(Timestamp::now()));
        }
        inner.ring.push(notice, stored_at);
        let (events, bytes, oldest) = (inner.ring.len(), inner.ring.bytes(), inner.ring.oldest());
        drop(inner);
        self.metrics.ring(events, bytes, oldest);
    }

    /// From now on, this verification's events go to this connection.
    pub(crate) fn listen(&self, id: VerificationId, outbox: &Outbox) {
        self.lock().listeners.entry(id).or_insert_with(|| Vec::with_capacity(1)).push(outbox.clone());
        self.metrics.subscriptions.inc();
    }

    /// No more of them.
    pub(crate) fn leave(&self, id: &VerificationId, outbox: &Outbox) {
        let mut inner = self.lock();
        if let Some(listeners) = inner.listeners.get_mut(id) {
            if let Some(index) = listeners.iter().position(|other| other.connection == outbox.connection) {
                listeners.swap_remove(index);
            }
            if listeners.is_empty() {
                inner.listeners.remove(id);
            }
        }
        drop(inner);
        self.metrics.subscriptions.dec();
    }

    /// What the ring has of a verification that began at `since`; `None` before the feed has reached the stream's end
    /// for the first time.
    pub(crate) fn snapshot(&self, id: &VerificationId, since: Timestamp) -> Option<Snapshot> {
        if !self.state.borrow().primed {
            return None;
        }
        let inner = self.lock();
        let cut = inner.position?;
        Some(Snapshot { cut, events: inner.ring.of(id), complete: inner.ring.covers(since) })
    }

    /// What the ring's events let expect of a verification.
    pub(crate) fn end(&self, id: &VerificationId) -> End {
        Outlook::of(&self.lock().ring.of(id)).end()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics halfway through a change; a poisoned lock would end the service for nothing.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
