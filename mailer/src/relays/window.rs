//! How many mails a relay is given at once: a pure reckoning, with the time as an argument.
//!
//! Relays take so much from one client and no more, and few say how much: they answer slower, or with a 4xx. So the
//! number is found as TCP finds its own in the long run (RFC 5681, congestion avoidance): it is cut when there is
//! trouble, and grows by one for as many mails as are under way. It begins with all that is allowed: some sessions that
//! hang must not hold up the others.

use std::time::Duration;

use tokio::time::Instant;

/// What is left of the number after a relay said "later",
const AFTER_BUSY: f64 = 0.5;
/// and after it became slow, which may have other reasons.
const AFTER_SLOW: f64 = 0.8;
/// Slowness alone cuts no further than this.
const LEAST_WHEN_SLOW: f64 = 2.0;
/// A relay is slow that takes so many times as long as it took at its quickest, and so much longer besides: what a busy
/// machine here adds is less.
const SLOWER: f64 = 3.0;
const SLACK: f64 = 0.1;
/// The share of the newest mail in the time that mails take now.
const NEWEST: f64 = 0.125;
/// After a cut, what it has changed has to be seen before the next change: as long as a mail takes, and no less.
const SETTLE: Duration = Duration::from_millis(200);

/// See the module's description.
#[derive(Debug)]
pub(super) struct Window {
    most: f64,
    size: f64,
    settled_at: Option<Instant>,
    /// Seconds; nothing before the first mail.
    times: Option<Times>,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    quickest: f64,
    recent: f64,
}

impl Window {
    /// For a relay that takes at most so many.
    pub(super) fn new(most: usize) -> Self {
        let most = f64::from(u16::try_from(most.max(1)).unwrap_or(u16::MAX));
        Self { most, size: most, settled_at: None, times: None }
    }

    /// Mails at once, at least one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 1 and 65,535")]
    pub(super) const fn size(&self) -> usize {
        self.size as usize
    }

    /// The relay has taken or refused a mail, which took so long. Only a window that is used can be too small.
    pub(super) fn answered(&mut self, took: Duration, is_used: bool, now: Instant) {
        let took = took.as_secs_f64();
        let times = self.times.get_or_insert(Times { quickest: took, recent: took });
        times.recent += (took - times.recent) * NEWEST;
        times.quickest = times.quickest.min(took);
        let is_slow = times.recent > times.quickest * SLOWER + SLACK;
        if self.settled_at.is_some_and(|time| now < time) {
            return;
        }
        if is_slow && self.size > LEAST_WHEN_SLOW {
            self.cut(AFTER_SLOW, LEAST_WHEN_SLOW, now);
        } else if is_slow {
            // Less does not help: it has become as slow as that, or moved further away.
            times.quickest = times.recent;
        } else if is_used {
            self.size = (self.size + self.size.recip()).min(self.most);
        }
    }

    /// The relay has said that it is given too much.
    pub(super) fn refused(&mut self, now: Instant) {
        if self.settled_at.is_none_or(|time| now >= time) {
            self.cut(AFTER_BUSY, 1.0, now);
        }
    }

    fn cut(&mut self, share: f64, least: f64, now: Instant) {
        self.size = (self.size * share).max(least);
        let recent = self.times.map_or(Duration::ZERO, |times| Duration::from_secs_f64(times.recent));
        self.settled_at = Some(now + recent.max(SETTLE));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QUICK: Duration = Duration::from_millis(20);

    /// A relay that works on so many mails at once, each for so long, lets others wait, and from some number on says
    /// "later" at once. Gives the window's size over the last half of the rounds: least and most.
    fn settled(window: &mut Window, at_once: usize, takes: Duration, refuses_beyond: usize) -> (usize, usize) {
        let (mut now, mut sizes) = (Instant::now(), Vec::new());
        for round in 0..400 {
            let (given, start) = (window.size(), now);
            for number in 0..given {
                let turn = if number < refuses_beyond { number / at_once + 1 } else { 1 };
                let took = takes * u32::try_from(turn).unwrap();
                now = start + took;
                if number < refuses_beyond { window.answered(took, true, now) } else { window.refused(now) }
            }
            if round >= 200 {
                sizes.push(window.size());
            }
        }
        (*sizes.iter().min().unwrap(), *sizes.iter().max().unwrap())
    }

    #[test]
    fn a_relay_that_keeps_up_gets_all() {
        for most in [1, 2, 32, 1000] {
            let mut window = Window::new(most);
            assert_eq!(window.size(), most);
            assert_eq!(settled(&mut window, 2000, QUICK, 2000), (most, most));
        }
        // However long it takes for each.
        assert_eq!(settled(&mut Window::new(32), 2000, Duration::from_secs(5), 2000), (32, 32));
    }

    #[test]
    fn a_relay_that_says_later_gets_about_what_it_takes() {
        for takes in [5, 20] {
            let (least, most) = settled(&mut Window::new(200), 2000, QUICK, takes);
            assert!(least >= takes / 2 - 1 && most <= takes + 2, "{takes}: {least} to {most}");
        }
        assert_eq!(settled(&mut Window::new(200), 2000, QUICK, 0), (1, 1));
    }

    #[test]
    fn a_relay_that_lets_mails_wait_gets_fewer() {
        let (least, most) = settled(&mut Window::new(500), 10, Duration::from_millis(100), 2000);
        assert!(least >= 10 && most < 100, "{least} to {most}");
    }

    #[test]
    fn what_comes_together_counts_once() {
        let (mut window, now) = (Window::new(32), Instant::now());
        for _ in 0..32 {
            window.refused(now);
        }
        assert_eq!(window.size(), 16);
        window.refused(now + SETTLE);
        assert_eq!(window.size(), 8);
    }

    #[test]
    fn what_is_not_used_does_not_grow() {
        let (mut window, now) = (Window::new(32), Instant::now());
        window.refused(now);
        for _ in 0..1000 {
            window.answered(QUICK, false, now + SETTLE);
        }
        assert_eq!(window.size(), 16);
        for _ in 0..512 {
            window.answered(QUICK, true, now + SETTLE);
        }
        assert_eq!(window.size(), 32);
    }

    #[test]
    fn a_relay_that_moves_further_away_is_used_again() {
        let (mut window, mut now) = (Window::new(32), Instant::now());
        settled(&mut window, 2000, QUICK, 2000);
        for _ in 0..2000 {
            now += QUICK;
            window.answered(Duration::from_secs(1), true, now);
        }
        assert_eq!(window.size(), 32);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(most in 1_usize..500, events in proptest::collection::vec((0_u64..5000, any::<bool>(), any::<bool>()), 0..500)) {
            let (mut window, mut now) = (Window::new(most), Instant::now());
            for (millis, is_refused, is_used) in events {
                now += Duration::from_millis(millis / 10);
                if is_refused { window.refused(now) } else { window.answered(Duration::from_millis(millis), is_used, now) }
                prop_assert!((1..=most).contains(&window.size()));
            }
        }
    }
}
