//! A bare client of the library that publishes and waits for acknowledgements, and does nothing else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::super::PAYLOAD_OCTETS;
use super::RATE;

/// When each was acknowledged, by number.
type Acknowledged = Arc<Mutex<Vec<(Instant, u64)>>>;

/// See the module's description. It ends when dropped.
pub(super) struct Bare {
    acknowledged: Acknowledged,
    task: JoinHandle<()>,
}

impl Bare {
    /// Starts to publish, each on a subject of its own, whatever becomes of those before.
    pub(super) fn start(
        jetstream: jetstream::Context,
        subject: impl Fn(u64) -> String + Send + Sync + 'static,
    ) -> Self {
        let acknowledged = Acknowledged::default();
        let noting = Arc::clone(&acknowledged);
        let task = tokio::spawn(async move {
            let mut published = JoinSet::new();
            let mut ticks = interval(Duration::from_secs_f64(1.0 / RATE));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for number in 0.. {
                ticks.tick().await;
                let (jetstream, subject, noting) = (jetstream.clone(), subject(number), Arc::clone(&noting));
                published.spawn(async move {
                    let Ok(sent) = jetstream.publish(subject, "p".repeat(PAYLOAD_OCTETS).into()).await else { return };
                    if sent.await.is_ok() {
                        noting.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), number));
                    }
                });
                while published.try_join_next().is_some() {}
            }
        });
        Self { acknowledged, task }
    }

    /// How many were acknowledged after this moment.
    pub(super) fn since(&self, moment: Instant) -> usize {
        let acknowledged = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        acknowledged.iter().filter(|(at, _)| *at > moment).count()
    }

    /// When which of them were acknowledged.
    pub(super) fn end(self) -> Vec<(Instant, u64)> {
        std::mem::take(&mut *self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.task.abort();
    }
}
