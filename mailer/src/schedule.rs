//! When a mail is tried again and when it is given up: pure decisions, with the time as an argument.

use std::time::Duration;

use otp_nats::Timestamp;
use otp_nats::event::Reason;

/// Pauses after the first, second, ... attempt: the attempts come 0, 2, 6, 15, 35 and 75 s after the first one. A
/// greylisting relay accepts after some seconds to a minute; a code is of no use much later.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(9),
    Duration::from_secs(20),
    Duration::from_secs(40),
];
/// While no relay can be talked to, a mail waits no longer than this: the breakers keep the relays from being asked too
/// often, and when one is back, the mails with the oldest codes shall be there and not wait behind younger ones.
const LONGEST_UNAVAILABLE: Duration = Duration::from_secs(5);
/// A pause is stretched or shortened by up to this share, so that mails deferred together do not come back together.
const JITTER: f64 = 0.2;
/// Too little is left of a code when it is less than this share of its life,
const USELESS_SHARE: u32 = 10;
/// but at least so much,
const USELESS_AT_LEAST: Duration = Duration::from_secs(2);
/// and at most so much; people need about that long to find the mail and type the code.
const USELESS_AT_MOST: Duration = Duration::from_secs(30);

/// The life of a request's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// When the mail was asked for.
    pub requested_at: Timestamp,
    /// When the code ends.
    pub expires_at: Timestamp,
}

impl Life {
    /// Whether the code is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    /// Whether a mail that arrives at this time comes too late to be of use.
    pub fn is_too_late(&self, at: Timestamp) -> bool {
        at + self.useless() > self.expires_at
    }

    /// The last part of the life, in which no mail is sent any more. Never more than half of a short life.
    fn useless(&self) -> Duration {
        let whole = self.requested_at.until(self.expires_at);
        (whole / USELESS_SHARE).clamp(USELESS_AT_LEAST, USELESS_AT_MOST).min(whole / 2)
    }
}

/// Why an attempt failed, as far as the schedule cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The relay refused for good (5xx).
    Refused,
    /// The relay asked to come back later (4xx).
    Busy,
    /// The relay went away after it had the whole mail: it may have been sent.
    Unsure(Reason),
    /// No relay could be talked to; the mail was certainly not sent.
    Unavailable(Reason),
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is tried again.
    Retry {
        /// Why it is deferred.
        reason: Reason,
        /// When.
        at: Timestamp,
    },
    /// It is given up.
    GiveUp(Reason),
}

/// Decides after the failure of an attempt (counted from 1). `chance` lies between 0 and 1 and spreads the retries.
pub fn after(failure: Failure, attempt: u32, life: Life, now: Timestamp, chance: f64) -> Next {
    let (reason, goes_on) = match failure {
        Failure::Refused => return Next::GiveUp(Reason::Refused),
        Failure::Busy => (Reason::Busy, false),
        // Each attempt may be one more mail in the inbox: these do not go on for ever either.
        Failure::Unsure(reason) => (reason, false),
        Failure::Unavailable(reason) => (reason, true),
    };
    let scheduled = PAUSES.get(usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX));
    let pause = match scheduled {
        Some(pause) if goes_on => LONGEST_UNAVAILABLE.min(*pause),
        Some(pause) => *pause,
        None if goes_on => LONGEST_UNAVAILABLE,
        None => return Next::GiveUp(Reason::RetriesExhausted),
    };
    let at = now + pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0));
    if life.is_too_late(at) { Next::GiveUp(Reason::NoTimeLeft) } else { Next::Retry { reason, at } }
}

#[cfg(test)]
mod tests;
