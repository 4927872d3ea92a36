//! How often a relay is given a mail: a pure reckoning, with the time as an argument.
//!
//! Mails go evenly spaced and never in bursts, so that no window of time that a relay may count in holds more than one
//! mail too many. Nothing is saved up while it is quiet.

use std::time::Duration;

use tokio::time::Instant;

use crate::relay_url::Rate;

/// See the module's description.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Option<Instant>,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        Self { interval: rate.interval(), next: None }
    }

    /// The moment of another mail, now or later. `None` when it would be after `latest`; nothing is taken then.
    pub(super) fn take(&mut self, now: Instant, latest: Instant) -> Option<Instant> {
        let turn = self.next.map_or(now, |next| next.max(now));
        if turn > latest {
            return None;
        }
        self.next = Some(turn + self.interval);
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn rate(mails: u32, seconds: u64) -> Rate {
        Rate { mails, period: Duration::from_secs(seconds) }
    }

    #[test]
    fn mails_are_evenly_spaced() {
        let (mut pace, now) = (Pace::new(rate(4, 1)), Instant::now());
        let latest = now + Duration::from_secs(1);
        let turns: Vec<_> = std::iter::from_fn(|| pace.take(now, latest)).map(|turn| turn - now).collect();
        assert_eq!(turns, [0, 250, 500, 750, 1000].map(Duration::from_millis));
        let later = now + Duration::from_secs(60);
        assert_eq!(pace.take(later, later), Some(later), "what was refused takes no turn");
        assert_eq!(pace.take(later, later), None, "nothing was saved up");
    }

    proptest! {
        #[test]
        fn no_window_holds_more(mails in 1_u32..50, waits in proptest::collection::vec(0_u64..100, 1..300)) {
            let (mut pace, start) = (Pace::new(rate(mails, 1)), Instant::now());
            let (mut now, mut turns) = (start, Vec::new());
            for wait in waits {
                now += Duration::from_millis(wait);
                turns.extend(pace.take(now, now + Duration::from_secs(5)));
            }
            for turn in &turns {
                let within = turns.iter().filter(|other| *other >= turn && **other < *turn + Duration::from_secs(1));
                // An interval is rounded down by less than a nanosecond: one more may slip in.
                prop_assert!(within.count() <= mails as usize + 1);
            }
        }
    }
}
