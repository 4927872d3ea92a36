//! When a connection is pinged and when it is closed. No I/O; the time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use crate::message::Closing;

/// What a client may say at once before the rate counts: sixteen subscriptions, some times over.
const BURST: f64 = 128.0;
/// And then so often a second.
const RATE: f64 = 4.0;
/// So many bad messages or tickets close the connection.
const MOST_FAULTS: u8 = 3;

/// The times of a connection's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The whole handshake.
    pub handshake: Duration,
    /// From the end of the handshake to the first subscription.
    pub subscribe: Duration,
    /// From the end of the last subscription to the close.
    pub linger: Duration,
    /// Between pings.
    pub ping: Duration,
    /// From a ping to its pong.
    pub pong: Duration,
    /// One write, however little of it the peer takes.
    pub write: Duration,
    /// From our close frame to the peer's.
    pub close: Duration,
    /// From a ticket's end until `expired` is published.
    pub expiry: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            subscribe: Duration::from_secs(5),
            linger: Duration::from_secs(1),
            ping: Duration::from_secs(25),
            pong: Duration::from_secs(8),
            write: Duration::from_secs(8),
            close: Duration::from_secs(2),
            expiry: Duration::from_secs(1),
        }
    }
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Wait,
    /// Send a ping.
    Ping,
    /// Close.
    Close(Closing),
}

/// A connection's clockwork.
#[derive(Debug)]
pub(crate) struct Lifetime {
    next_ping: Instant,
    pong_due: Option<Instant>,
    /// While there is no subscription: when that ends the connection, and how.
    vacant: Option<(Instant, Closing)>,
    /// When the drain takes it.
    leave: Option<Instant>,
    faults: u8,
    budget: f64,
    budget_at: Instant,
}

impl Lifetime {
    /// A connection that opened now. `phase` (0 to 1) shifts its first ping, so that a crowd is not pinged at once.
    pub(crate) fn new(times: &Times, now: Instant, phase: f64) -> Self {
        Self {
            next_ping: now + times.ping.mul_f64(phase.clamp(0.1, 1.0)),
            pong_due: None,
            vacant: Some((now + times.subscribe, Closing::SubscribeTimeout)),
            leave: None,
            faults: 0,
            budget: BURST,
            budget_at: now,
        }
    }

    /// When [`Lifetime::step`] has something to say at the latest.
    pub(crate) fn next(&self) -> Instant {
        let mut next = self.pong_due.unwrap_or(self.next_ping);
        for other in [self.vacant.map(|(at, _)| at), self.leave].into_iter().flatten() {
            next = next.min(other);
        }
        next
    }

    /// What is to be done now. A ping is said once.
    pub(crate) fn step(&mut self, times: &Times, now: Instant) -> Step {
        let over = |at: Instant| at <= now;
        if self.leave.is_some_and(over) {
            return Step::Close(Closing::Restart);
        }
        if let Some((_, closing)) = self.vacant.filter(|(at, _)| over(*at)) {
            return Step::Close(closing);
        }
        match self.pong_due {
            Some(due) if over(due) => Step::Close(Closing::NoPong),
            None if over(self.next_ping) => {
                self.next_ping = now + times.ping;
                self.pong_due = Some(now + times.pong);
                Step::Ping
            }
            Some(_) | None => Step::Wait,
        }
    }

    /// The peer answered a ping.
    pub(crate) const fn pong(&mut self) {
        self.pong_due = None;
    }

    /// There is a subscription that goes on.
    pub(crate) const fn occupied(&mut self) {
        self.vacant = None;
    }

    /// There is no subscription any more that goes on: the last one ended, or the client left it.
    pub(crate) fn vacated(&mut self, times: &Times, now: Instant) {
        if !matches!(self.vacant, Some((_, Closing::Over))) {
            self.vacant = Some((now + times.linger, Closing::Over));
        }
    }

    /// The drain closes the connection at this time.
    pub(crate) const fn leave_at(&mut self, at: Instant) {
        self.leave = Some(at);
    }

    /// Whether the drain has spoken.
    pub(crate) const fn is_leaving(&self) -> bool {
        self.leave.is_some()
    }

    /// Counts a message of the client; the outer world closes when this says how.
    pub(crate) fn heard(&mut self, now: Instant) -> Option<Closing> {
        let earned = now.saturating_duration_since(self.budget_at).as_secs_f64() * RATE;
        self.budget = (self.budget + earned).min(BURST) - 1.0;
        self.budget_at = now;
        (self.budget < 0.0).then_some(Closing::TooManyMessages)
    }

    /// Counts a bad message or ticket.
    pub(crate) const fn fault(&mut self) -> Option<Closing> {
        self.faults = self.faults.saturating_add(1);
        if self.faults >= MOST_FAULTS { Some(Closing::TooManyFaults) } else { None }
    }
}

#[cfg(test)]
mod tests;
