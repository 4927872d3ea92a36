//! Redis's clock as seen from here: how far it is from this process's own, learned from every answer.
//!
//! A script carries the time, on Redis's clock, after which nobody waits for its answer. Neither clock needs to be
//! right, and nothing synchronises them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// No answer has come yet.
const UNKNOWN: i64 = i64::MIN;

/// The offset between two clocks, in ms.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    offset: AtomicI64,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), offset: AtomicI64::new(UNKNOWN) }
    }

    /// The time that a call must be run within, on Redis's clock; `None` until an answer came.
    pub(super) fn within(&self, patience: Duration) -> Option<i64> {
        let offset = self.offset.load(Ordering::Relaxed);
        (offset != UNKNOWN).then(|| self.here(Instant::now()) + offset + millis(patience))
    }

    /// Learns from an answer: Redis's clock showed `there` at some moment between sending and now.
    pub(super) fn learn(&self, sent: Instant, there: i64) {
        let (least, most) = (there - self.here(Instant::now()), there - self.here(sent));
        // What was known stays as far as the answer agrees with it; a clock that was set drags it along.
        let known = self.offset.load(Ordering::Relaxed);
        let offset = if known == UNKNOWN { least } else { known.clamp(least.min(most), most) };
        self.offset.store(offset, Ordering::Relaxed);
    }

    fn here(&self, at: Instant) -> i64 {
        millis(at.saturating_duration_since(self.start))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_known_before_the_first_answer() {
        assert_eq!(Clock::new().within(Duration::from_secs(1)), None);
    }

    #[test]
    fn answers_narrow_the_offset_and_a_set_clock_moves_it() {
        let clock = Clock::new();
        let now = Instant::now();
        let Some(sent) = now.checked_sub(Duration::from_millis(400)) else { return };
        let clock = Clock { start: sent, ..clock };
        let offset = || clock.offset.load(Ordering::Relaxed);
        clock.learn(sent, 1_000_000);
        assert!((999_500..=999_600).contains(&offset()), "{}: a late answer gives the least", offset());
        let tight = Instant::now();
        clock.learn(tight, 1_000_000 + clock.here(tight));
        assert!((999_999..=1_000_001).contains(&offset()), "{}: a quick one says it better", offset());
        clock.learn(sent, 1_000_100);
        assert!((999_999..=1_000_001).contains(&offset()), "{}: a late one does not blur it", offset());
        let set_back = Instant::now();
        clock.learn(set_back, 5_000);
        assert!(offset() < 6_000, "{}: the clock was set", offset());
    }
}
