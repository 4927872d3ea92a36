//! One relay: its breaker, its connections, and what is said of it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use otp_nats::event::Reason;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

use super::breaker::{Admission, Breaker, Shown};
use super::pace::Pace;
use super::seats::Seats;
use crate::metrics::{Counted, Metrics};
use crate::smtp::{Certainty, Connection, Dialer, Ending, Fault, FaultKind, Outgoing, Phase, Reply};

/// A connection that was not used for so long is closed: relays close them after some time as well, and one that is
/// kept for nothing counts against their limits.
const MAX_IDLE: Duration = Duration::from_secs(30);
/// Mails on one connection; relays bound them too, and a new connection now and then spreads over a relay's machines.
const MAX_MAILS: u32 = 500;
/// A mail waits so long for its turn where a rate is set, and then for one of the relay's connections. With a mailer's
/// usual number of mails in work, a relay that takes two in a second is never given up on for that.
const PERMIT_PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Relay {
    name: String,
    dialer: Dialer,
    pace: Option<Mutex<Pace>>,
    seats: Seats,
    idle: Mutex<Vec<Idle>>,
    breaker: Mutex<Breaker>,
    /// What was last logged about the relay.
    trouble: Mutex<Option<FaultKind>>,
    metrics: Metrics,
    /// What is shown of the breaker and of the seats.
    state: Gauge,
    window: Gauge,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
    counted: Counted,
}

/// How an attempt at one relay ended.
#[derive(Debug)]
pub(super) enum Attempt {
    Accepted(Reply),
    Refused(Reply),
    Busy(Reply),
    Unsupported(&'static str),
    Unsure(Reason),
    Unavailable(Reason),
}

impl Relay {
    pub(super) fn new(dialer: Dialer, connections: usize, metrics: Metrics) -> Self {
        let name = dialer.url().to_string();
        metrics.relay(&name);
        let seats = Seats::new(connections);
        let pace = dialer.url().rate.map(|rate| Mutex::new(Pace::new(rate)));
        let (state, window) = (metrics.breaker(&name), metrics.window(&name));
        let relay = Self {
            name,
            pace,
            dialer,
            seats,
            idle: Mutex::default(),
            breaker: Mutex::default(),
            trouble: Mutex::default(),
            metrics,
            state,
            window,
        };
        relay.show_window();
        relay
    }

    /// Mails that have their turn soon enough when all come at once; `None` where no rate is set.
    pub(super) fn turns(&self) -> Option<usize> {
        let interval = self.dialer.url().rate?.interval().as_nanos().max(1);
        let within = PERMIT_PATIENCE.as_nanos() * 3 / 4;
        Some(usize::try_from(within / interval).unwrap_or(usize::MAX))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn admit(&self, now: Instant) -> Admission {
        let mut breaker = lock(&self.breaker);
        let admission = breaker.admit(now);
        self.show(&breaker);
        admission
    }

    pub(super) fn foresee(&self, now: Instant) -> Admission {
        lock(&self.breaker).foresee(now)
    }

    pub(super) fn shown(&self) -> Shown {
        lock(&self.breaker).shown()
    }

    /// Why the relay could last not be used.
    pub(super) fn trouble(&self) -> Option<Reason> {
        lock(&self.trouble).map(FaultKind::reason)
    }

    /// Offers a mail. The caller was admitted.
    pub(super) async fn attempt(&self, mail: &Outgoing) -> Attempt {
        let probe = Probe { relay: self };
        if !self.turn().await {
            return Attempt::Unavailable(Reason::TimedOut);
        }
        let Ok(seat) = tokio::time::timeout(PERMIT_PATIENCE, self.seats.take()).await else {
            return Attempt::Unavailable(Reason::TimedOut);
        };
        let ending = self.exchange(mail).await;
        match &ending {
            Ok(Ending::Accepted(_) | Ending::Refused(_)) => seat.answered(),
            Ok(Ending::Busy(reply)) if reply.is_about_load() => seat.refused(),
            Ok(Ending::Lost(fault, _)) | Err(fault) if fault.kind == FaultKind::Busy => seat.refused(),
            Ok(Ending::Busy(_) | Ending::Unsupported(_) | Ending::Lost(..)) | Err(_) => drop(seat),
        }
        self.show_window();
        let attempt = match ending {
            Ok(Ending::Accepted(reply)) => Attempt::Accepted(reply),
            // Not this mail is refused but the mailer: "authentication required" and its kin (RFC 4954 §6).
            Ok(Ending::Refused(reply)) if matches!(reply.code, 530 | 534 | 535 | 538) => {
                let detail = format!("the relay wants other credentials ({})", reply.code);
                self.failed(&Fault { phase: Phase::Mail, kind: FaultKind::Authentication, detail });
                return Attempt::Unavailable(Reason::AuthenticationFailed);
            }
            Ok(Ending::Refused(reply)) => Attempt::Refused(reply),
            Ok(Ending::Busy(reply)) => Attempt::Busy(reply),
            Ok(Ending::Unsupported(why)) => Attempt::Unsupported(why),
            Ok(Ending::Lost(fault, certainty)) => {
                self.failed(&fault);
                return match certainty {
                    Certainty::Unsure => Attempt::Unsure(fault.kind.reason()),
                    Certainty::Untouched | Certainty::NotSent => Attempt::Unavailable(fault.kind.reason()),
                };
            }
            Err(fault) => {
                self.failed(&fault);
                return Attempt::Unavailable(fault.kind.reason());
            }
        };
        self.succeeded();
        drop(probe);
        attempt
    }

    /// Waits until the relay's rate allows another mail. Whether it does soon enough.
    async fn turn(&self) -> bool {
        let Some(pace) = &self.pace else { return true };
        let now = Instant::now();
        let turn = lock(pace).take(now, now + PERMIT_PATIENCE);
        if let Some(turn) = turn {
            tokio::time::sleep_until(turn).await;
        }
        turn.is_some()
    }

    /// Says goodbye on connections that were idle for too long.
    pub(super) async fn sweep(&self, now: Instant) {
        let old: Vec<Idle> = {
            let mut idle = lock(&self.idle);
            let (old, young) = idle.drain(..).partition(|held| now.duration_since(held.since) >= MAX_IDLE);
            *idle = young;
            old
        };
        quit_all(old).await;
    }

    /// Says goodbye on every idle connection.
    pub(super) async fn close(&self) {
        let all = std::mem::take(&mut *lock(&self.idle));
        quit_all(all).await;
    }

    async fn exchange(&self, mail: &Outgoing) -> Result<Ending, Fault> {
        if let Some((connection, counted)) = self.idle_connection() {
            let (ending, connection) = connection.send(mail).await;
            self.keep(connection, counted);
            match ending {
                // Closed by the relay while it was idle: it had nothing of this mail. Where it did not even say so (a
                // relay that is gone, a firewall that forgot the connection), the other idle ones are no better.
                Ending::Lost(Fault { kind: FaultKind::TimedOut, .. }, Certainty::Untouched) => {
                    lock(&self.idle).clear();
                }
                Ending::Lost(_, Certainty::Untouched) => {}
                Ending::Busy(reply) if reply.code == 421 => {}
                ending => return Ok(ending),
            }
        }
        let counted = self.metrics.connection(&self.name);
        let connection = self.dialer.connect().await?;
        let (ending, connection) = connection.send(mail).await;
        self.keep(connection, counted);
        Ok(ending)
    }

    /// The connection used last, if it still lives as far as can be seen without asking the relay.
    fn idle_connection(&self) -> Option<(Connection, Counted)> {
        let now = Instant::now();
        loop {
            let mut held = lock(&self.idle).pop()?;
            if now.duration_since(held.since) < MAX_IDLE && held.connection.is_quiet() {
                return Some((held.connection, held.counted));
            }
        }
    }

    /// Keeps a connection that came back whole; the permits bound how many there are.
    fn keep(&self, connection: Option<Connection>, counted: Counted) {
        if let Some(connection) = connection.filter(|connection| connection.mails() < MAX_MAILS) {
            lock(&self.idle).push(Idle { connection, since: Instant::now(), counted });
        }
    }

    fn succeeded(&self) {
        if let Some(kind) = lock(&self.trouble).take() {
            tracing::info!(relay = self.name, after = ?kind, "the relay can be used again");
        }
        let mut breaker = lock(&self.breaker);
        breaker.succeeded();
        self.show(&breaker);
    }

    fn failed(&self, fault: &Fault) {
        self.metrics.fault(&self.name, fault.kind);
        let known = lock(&self.trouble).replace(fault.kind);
        if known != Some(fault.kind) {
            let (relay, detail) = (&self.name, fault.to_string());
            match fault.kind {
                FaultKind::Tls => tracing::error!(relay, detail, "the relay cannot be talked to in private"),
                FaultKind::Authentication => tracing::error!(relay, detail, "the relay refuses the credentials"),
                FaultKind::Unwelcome => tracing::error!(relay, detail, "the relay refuses to talk"),
                FaultKind::Unreachable | FaultKind::TimedOut | FaultKind::Lost | FaultKind::Busy => {
                    tracing::warn!(relay, detail, "the relay cannot be used");
                }
            }
        }
        let mut breaker = lock(&self.breaker);
        breaker.failed(Instant::now(), rand::random_range(0.0..1.0));
        self.show(&breaker);
    }

    fn show(&self, breaker: &Breaker) {
        let state = match breaker.shown() {
            Shown::Closed => 0,
            Shown::HalfOpen => 1,
            Shown::Open => 2,
        };
        self.state.set(state);
    }

    fn show_window(&self) {
        self.window.set(i64::try_from(self.seats.number()).unwrap_or(i64::MAX));
    }
}

/// Lets another probe go when this one ends without an answer.
struct Probe<'r> {
    relay: &'r Relay,
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        lock(&self.relay.breaker).gave_up(Instant::now());
    }
}

async fn quit_all(connections: Vec<Idle>) {
    let goodbyes = connections.into_iter().map(|held| async move {
        held.connection.quit().await;
        drop(held.counted);
    });
    futures_util::future::join_all(goodbyes).await;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
