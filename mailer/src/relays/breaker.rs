//! The circuit breaker of one relay: a pure state machine, with the time as an argument.
//!
//! Closed, it lets every mail through. After some consecutive failures it opens: nothing goes through for a pause that
//! grows each time. Then one mail probes the relay; its success closes the breaker, its failure opens it again.

use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row open the breaker: one lost connection is no outage.
const FAILURES_TO_OPEN: u32 = 5;
/// The first pause; it doubles with each opening,
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// up to this: a code lives some minutes, so a relay that is back must be noticed within a fraction of that.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// A pause is stretched or shortened by up to this share, so that mailers do not probe together.
const JITTER: f64 = 0.2;
/// A probe that did not say how it went for so long is forgotten; longer than all deadlines of an exchange together.
const PROBE_LIMIT: Duration = Duration::from_secs(90);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Instant },
    Probing { since: Instant },
}

/// What a caller may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Go on, and say how it went.
    Admitted,
    /// Not before this time.
    Paused(Instant),
    /// A probe is under way; its end decides.
    Probing,
}

/// How a breaker shows in metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Everything goes through.
    Closed,
    /// A probe is under way.
    HalfOpen,
    /// Nothing goes through.
    Open,
}

/// See the module's description.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    failures: u32,
    openings: u32,
}

impl Default for Breaker {
    /// A closed breaker.
    fn default() -> Self {
        Self { state: State::Closed, failures: 0, openings: 0 }
    }
}

impl Breaker {
    /// Asks to go on. An admission at an open breaker whose pause is over is the probe.
    pub fn admit(&mut self, now: Instant) -> Admission {
        let admission = self.foresee(now);
        if admission == Admission::Admitted && self.state != State::Closed {
            self.state = State::Probing { since: now };
        }
        admission
    }

    /// What [`Breaker::admit`] would answer, without becoming the probe.
    pub fn foresee(&self, now: Instant) -> Admission {
        match self.state {
            State::Closed => Admission::Admitted,
            State::Open { until } if now >= until => Admission::Admitted,
            State::Open { until } => Admission::Paused(until),
            State::Probing { since } if now >= since + PROBE_LIMIT => Admission::Admitted,
            State::Probing { .. } => Admission::Probing,
        }
    }

    /// The relay answered as a relay does, whatever it thought of the mail.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// The relay could not be talked to. `chance` lies between 0 and 1 and spreads the probes.
    pub fn failed(&mut self, now: Instant, chance: f64) {
        self.failures = self.failures.saturating_add(1);
        let opens = match self.state {
            State::Closed => self.failures >= FAILURES_TO_OPEN,
            State::Probing { .. } => true,
            // One that was under way when the breaker opened.
            State::Open { .. } => false,
        };
        if opens {
            let pause = (FIRST_PAUSE * 2_u32.saturating_pow(self.openings.min(16))).min(LONGEST_PAUSE);
            let jittered = pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0));
            self.state = State::Open { until: now + jittered };
            self.openings = self.openings.saturating_add(1);
        }
    }

    /// A probe ended without having learned anything of the relay: another may go.
    pub fn gave_up(&mut self, now: Instant) {
        if let State::Probing { .. } = self.state {
            self.state = State::Open { until: now };
        }
    }

    /// The state for metrics and readiness.
    pub const fn shown(&self) -> Shown {
        match self.state {
            State::Closed => Shown::Closed,
            State::Probing { .. } => Shown::HalfOpen,
            State::Open { .. } => Shown::Open,
        }
    }
}

#[cfg(test)]
mod tests;
