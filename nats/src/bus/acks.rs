//! Acknowledgements of publishes: one inbox for all of them, and who waits for which.
//!
//! The client library has the same for its requests, but keeps an entry for each reply that never comes until the
//! process ends (nats.rs#1617), and while a cluster elects a leader few replies come. Here an entry goes with whoever
//! waits for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Client, Message, Subscriber};
use futures_util::StreamExt;
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Publishes that wait for their acknowledgement at once; beyond it a publisher is told at once that the bus is busy.
const MAX_IN_FLIGHT: usize = 8192;

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Message>>>>;

/// The inbox. Its task ends when it is dropped.
#[derive(Debug)]
pub(super) struct Acks {
    prefix: String,
    next: AtomicU64,
    waiting: Waiting,
    _stop: DropGuard,
}

/// One acknowledgement that is waited for. Dropping it gives the wait up.
#[derive(Debug)]
pub(super) struct Awaited {
    token: u64,
    waiting: Waiting,
    reply: oneshot::Receiver<Message>,
}

impl Acks {
    /// Subscribes to an inbox of its own; `None` when the client has ended already.
    pub(super) async fn open(client: &Client) -> Option<Self> {
        let prefix = client.new_inbox();
        let subscriber = client.subscribe(format!("{prefix}.*")).await.ok()?;
        let (waiting, stop) = (Waiting::default(), CancellationToken::new());
        tokio::spawn(stop.clone().run_until_cancelled_owned(hand_out(subscriber, Arc::clone(&waiting))));
        Some(Self { prefix, next: AtomicU64::new(0), waiting, _stop: stop.drop_guard() })
    }

    /// Where the next acknowledgement is to be sent, and the wait for it; `None` while too many are waited for.
    pub(super) fn expect(&self) -> Option<(String, Awaited)> {
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        let mut waiting = locked(&self.waiting);
        if waiting.len() >= MAX_IN_FLIGHT {
            return None;
        }
        waiting.insert(token, sender);
        drop(waiting);
        Some((format!("{}.{token}", self.prefix), Awaited { token, waiting: Arc::clone(&self.waiting), reply }))
    }
}

impl Awaited {
    /// The reply; `None` when none can come any more.
    pub(super) async fn reply(&mut self) -> Option<Message> {
        (&mut self.reply).await.ok()
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        locked(&self.waiting).remove(&self.token);
    }
}

async fn hand_out(mut subscriber: Subscriber, waiting: Waiting) {
    while let Some(message) = subscriber.next().await {
        let token = message.subject.rsplit_once('.').and_then(|(_, token)| token.parse().ok());
        let waits = token.and_then(|token: u64| locked(&waiting).remove(&token));
        if let Some(waits) = waits {
            // Whoever waited may have given up at this moment.
            drop(waits.send(message));
        }
    }
}

/// Whoever panicked while it held the lock left a whole map behind: each change is a single insertion or removal.
fn locked(waiting: &Waiting) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Message>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
