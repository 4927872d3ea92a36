//! The most recent events of all verifications, bounded by count and bytes, found by verification.
//!
//! The ring is fed in the order of the stream and without gaps, so it holds everything that the stream has above its
//! floor. No I/O and no clock: times are the ones that the stream gave its messages.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use otp_nats::{Timestamp, VerificationId};

use crate::notice::Notice;

/// What an entry costs beside its frame: the entry, the notice and a share of the index.
const ENTRY_BYTES: usize = 256;
/// How far apart the clocks of gateway and NATS may be: a verification counts as covered only when the ring reaches
/// back this much further than its ticket says.
pub(crate) const CLOCK_SLACK: Duration = Duration::from_secs(30);

/// How much the ring holds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Events.
    pub(crate) events: usize,
    /// Bytes, frames and overhead together.
    pub(crate) bytes: usize,
}

/// What lies below the ring's oldest entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Floor {
    /// Nothing: all that the stream had is or was never older than the ring.
    Open,
    /// Events that the ring does not hold, the newest of them stored at this time; `None` while that is unknown.
    Below(Option<Timestamp>),
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Ring {
    bounds: Bounds,
    entries: VecDeque<Entry>,
    /// Number of the oldest entry; numbers grow by one with each entry and are never used again.
    base: u64,
    bytes: usize,
    floor: Floor,
    /// The number of each verification's newest entry.
    newest: HashMap<VerificationId, u64>,
}

#[derive(Debug)]
struct Entry {
    notice: Arc<Notice>,
    stored_at: Timestamp,
    /// The number of the same verification's entry before this one.
    previous: Option<u64>,
}

impl Ring {
    /// An empty ring. `complete` says that the stream has nothing older than what the ring will be fed.
    pub(crate) fn new(bounds: Bounds, complete: bool) -> Self {
        let floor = if complete { Floor::Open } else { Floor::Below(None) };
        Self { bounds, entries: VecDeque::new(), base: 0, bytes: 0, floor, newest: HashMap::new() }
    }

    /// Takes the next event; the oldest ones leave while a bound is exceeded.
    pub(crate) fn push(&mut self, notice: Arc<Notice>, stored_at: Timestamp) {
        if self.floor == Floor::Below(None) {
            // What came before the first event is not newer than it.
            self.floor = Floor::Below(Some(stored_at));
        }
        let number = self.base + self.entries.len() as u64;
        let previous = self.newest.insert(notice.id, number);
        self.bytes += cost(&notice);
        self.entries.push_back(Entry { notice, stored_at, previous });
        while self.entries.len() > self.bounds.events || self.bytes > self.bounds.bytes {
            if !self.evict() {
                break;
            }
        }
    }

    /// All events of a verification that are here, oldest first.
    pub(crate) fn of(&self, id: &VerificationId) -> Vec<Arc<Notice>> {
        let mut notices = Vec::new();
        let mut next = self.newest.get(id).copied();
        while let Some(entry) = next.and_then(|number| self.entry(number)) {
            notices.push(Arc::clone(&entry.notice));
            next = entry.previous;
        }
        notices.reverse();
        notices
    }

    /// Whether everything that happened since this time is here, however far the clocks are apart (within
    /// [`CLOCK_SLACK`]).
    pub(crate) fn covers(&self, since: Timestamp) -> bool {
        match self.floor {
            Floor::Open => true,
            Floor::Below(None) => false,
            Floor::Below(Some(at)) => at < since - CLOCK_SLACK,
        }
    }

    /// Events held.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes held, by estimate.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the oldest event held was stored.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.entries.front().map(|entry| entry.stored_at)
    }

    fn entry(&self, number: u64) -> Option<&Entry> {
        let index = number.checked_sub(self.base)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    fn evict(&mut self) -> bool {
        let Some(entry) = self.entries.pop_front() else { return false };
        if self.newest.get(&entry.notice.id) == Some(&self.base) {
            self.newest.remove(&entry.notice.id);
        }
        self.base += 1;
        self.bytes = self.bytes.saturating_sub(cost(&entry.notice));
        let newest_below = match self.floor {
            Floor::Below(Some(at)) => at.max(entry.stored_at),
            Floor::Open | Floor::Below(None) => entry.stored_at,
        };
        self.floor = Floor::Below(Some(newest_below));
        true
    }
}

fn cost(notice: &Notice) -> usize {
    notice.frame.len() + ENTRY_BYTES
}

#[cfg(test)]
mod tests;
