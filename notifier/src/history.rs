//! The history of a subscription that the ring cannot serve at once: waited for, or read from the stream.

use std::sync::Arc;
use std::time::Duration;

use otp_nats::bus::{Bus, jittered};
use otp_nats::{Timestamp, VerificationId, timeline};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::hub::{Hub, Snapshot};
use crate::metrics::Metrics;
use crate::notice::Notice;

/// A history that cannot be had within this time is told to be unavailable.
const WITHIN: Duration = Duration::from_secs(8);
/// One read of the stream.
const ONE_READ: Duration = Duration::from_secs(3);

/// Reads histories, a bounded number at once.
#[derive(Debug)]
pub(crate) struct Histories {
    bus: Bus,
    hub: Arc<Hub>,
    reads: Semaphore,
    metrics: Metrics,
}

impl Histories {
    /// At most `reads` at once.
    pub(crate) fn new(bus: Bus, hub: Arc<Hub>, reads: usize, metrics: Metrics) -> Self {
        Self { bus, hub, reads: Semaphore::new(reads), metrics }
    }

    /// The cut and all events of a verification up to it, when the ring has them now.
    pub(crate) fn at_once(&self, id: &VerificationId, since: Timestamp) -> Option<(u64, Vec<Arc<Notice>>)> {
        let snapshot = self.hub.snapshot(id, since).filter(|snapshot| snapshot.complete)?;
        self.metrics.history("ring");
        Some((snapshot.cut, snapshot.events))
    }

    /// As [`Histories::at_once`], but waits for the feed's first start and reads the stream when the ring does not
    /// reach far enough. `None` when that did not succeed in time.
    pub(crate) async fn read(&self, id: &VerificationId, since: Timestamp) -> Option<(u64, Vec<Arc<Notice>>)> {
        let deadline = Instant::now() + WITHIN;
        let mut state = self.hub.state();
        tokio::time::timeout_at(deadline, state.wait_for(|state| state.primed)).await.ok()?.ok()?;
        drop(state);
        if let Some(found) = self.at_once(id, since) {
            return Some(found);
        }
        let _permit = tokio::time::timeout_at(deadline, self.reads.acquire()).await.ok()?.ok()?;
        let mut pause = Duration::from_millis(100);
        loop {
            let Snapshot { cut, events, .. } = self.hub.snapshot(id, since)?;
            let until = deadline.min(Instant::now() + ONE_READ);
            match tokio::time::timeout_at(until, timeline::read(&self.bus, id, 0)).await {
                Ok(Ok(recorded)) => {
                    self.metrics.history("stream");
                    // The ring's events as well: a follower that answers may be behind what the feed has seen.
                    let read = recorded.iter().filter_map(|event| Notice::read(event.seq, &event.payload).ok());
                    return Some((cut, read.chain(events).collect()));
                }
                Ok(Err(fault)) => {
                    self.metrics.history_failures.inc();
                    tracing::debug!(%fault, "a timeline could not be read");
                }
                Err(_elapsed) => {
                    self.metrics.history_failures.inc();
                }
            }
            if Instant::now() + pause >= deadline {
                return None;
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}
