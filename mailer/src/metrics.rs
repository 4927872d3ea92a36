//! What is measured.

use std::sync::OnceLock;
use std::time::Duration;

use otp_nats::event::Reason;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::smtp::{FaultKind, Phase, Stopwatch};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MailLabels {
    outcome: &'static str,
    relay: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabels {
    relay: String,
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaultLabels {
    relay: String,
    fault: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabel {
    delivery: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RelayLabels {
    relay: String,
}

/// From an answer of a relay in the same rack to the longest deadline of a phase.
const PHASE_BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 3.0, 10.0];

/// What became of a request this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A relay took the mail over.
    Sent,
    /// It is tried again later.
    Deferred,
    /// It was given up.
    Failed,
    /// Its code was over.
    Expired,
    /// It was done already, or nobody waits for it any more.
    Recognised,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Deferred => "deferred",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Recognised => "recognised",
        }
    }
}

/// The mailer's metrics. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    mails: Family<MailLabels, Counter>,
    latency: Histogram,
    taken_up: Family<DeliveryLabel, Counter>,
    in_work: Gauge,
    dead_letters: Family<ReasonLabel, Counter>,
    phases: Family<PhaseLabels, Histogram, fn() -> Histogram>,
    faults: Family<FaultLabels, Counter>,
    connections: Family<RelayLabels, Gauge>,
    breakers: Family<RelayLabels, Gauge>,
    windows: Family<RelayLabels, Gauge>,
}

/// Counts something as long as it lives.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn counted(gauge: Gauge) -> Counted {
    gauge.inc();
    Counted(gauge)
}

impl Metrics {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let latency = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 40.0, 100.0, 300.0];
        let metrics = Self {
            mails: Family::default(),
            latency: Histogram::new(latency),
            taken_up: Family::default(),
            in_work: Gauge::default(),
            dead_letters: Family::default(),
            phases: Family::new_with_constructor(|| Histogram::new(PHASE_BUCKETS)),
            faults: Family::default(),
            connections: Family::default(),
            breakers: Family::default(),
            windows: Family::default(),
        };
        // What alerts ask for is there from the start: a counter whose first value is 1 did not rise.
        for delivery in ["first", "again"] {
            drop(metrics.taken_up.get_or_create(&DeliveryLabel { delivery }));
        }
        for reason in Reason::ALL {
            drop(metrics.dead_letters.get_or_create(&ReasonLabel { reason: named(reason) }));
        }
        registry.register("otp_mails", "Requests by outcome and relay", metrics.mails.clone());
        registry.register_with_unit(
            "otp_mail_latency",
            "From the request to the relay's acceptance",
            Unit::Seconds,
            metrics.latency.clone(),
        );
        let taken_up = metrics.taken_up.clone();
        registry.register("otp_requests_taken_up", "Requests taken off the stream, first or again", taken_up);
        registry.register("otp_dead_letters", "Requests given up, by reason", metrics.dead_letters.clone());
        let phases = metrics.phases.clone();
        registry.register_with_unit("otp_smtp_phase_duration", "Steps of SMTP by relay", Unit::Seconds, phases);
        registry.register("otp_smtp_faults", "Connections that came to nothing, by relay", metrics.faults.clone());
        registry.register("otp_mails_in_work", "Requests worked on now", metrics.in_work.clone());
        registry.register("otp_smtp_connections", "Open connections by relay", metrics.connections.clone());
        registry.register(
            "otp_relay_breaker",
            "Whether a relay is used: 0 closed (used), 1 half-open (being probed), 2 open (left alone)",
            metrics.breakers.clone(),
        );
        registry.register("otp_relay_window", "Mails that a relay is given at once, by relay", metrics.windows.clone());
        metrics
    }

    /// A relay is configured: what is counted of it begins at zero.
    pub fn relay(&self, relay: &str) {
        for outcome in [Outcome::Sent, Outcome::Deferred, Outcome::Failed] {
            drop(self.mails.get_or_create(&MailLabels { outcome: outcome.as_str(), relay: relay.to_owned() }));
        }
        for fault in FaultKind::ALL {
            drop(self.faults.get_or_create(&FaultLabels { relay: relay.to_owned(), fault: fault.as_str() }));
        }
        self.breaker(relay).set(0);
    }

    /// What measures the steps of connections to a relay.
    pub fn stopwatch(&self, relay: &str) -> Stopwatch {
        let (phases, relay) = (self.phases.clone(), relay.to_owned());
        // Looked up once: a mail has several steps.
        let known: [OnceLock<Histogram>; Phase::COUNT] = std::array::from_fn(|_| OnceLock::new());
        Stopwatch::new(move |phase, took| {
            let labels = || PhaseLabels { relay: relay.clone(), phase: phase.label() };
            if let Some(histogram) = known.get(phase as usize) {
                let histogram = histogram.get_or_init(|| phases.get_or_create_owned(&labels()));
                histogram.observe(took.as_secs_f64());
            }
        })
    }

    /// A connection that came to nothing.
    pub fn fault(&self, relay: &str, kind: FaultKind) {
        self.faults.get_or_create(&FaultLabels { relay: relay.to_owned(), fault: kind.as_str() }).inc();
    }

    /// A request was taken off the stream, for the so-manieth time.
    pub fn taken_up(&self, delivered: u32) {
        let delivery = if delivered <= 1 { "first" } else { "again" };
        self.taken_up.get_or_create(&DeliveryLabel { delivery }).inc();
    }

    /// A request was given up and filed.
    pub fn dead_letter(&self, reason: Reason) {
        self.dead_letters.get_or_create(&ReasonLabel { reason: named(reason) }).inc();
    }

    /// A request's outcome; `relay` is empty when none had to do with it.
    pub fn mail(&self, outcome: Outcome, relay: &str) {
        self.mails.get_or_create(&MailLabels { outcome: outcome.as_str(), relay: relay.to_owned() }).inc();
    }

    /// A relay took a mail so long after it was asked for.
    pub fn latency(&self, latency: Duration) {
        self.latency.observe(latency.as_secs_f64());
    }

    /// A request is worked on until the guard is dropped.
    pub fn in_work(&self) -> Counted {
        counted(self.in_work.clone())
    }

    /// A connection is open until the guard is dropped.
    pub fn connection(&self, relay: &str) -> Counted {
        counted(self.connections.get_or_create_owned(&RelayLabels { relay: relay.to_owned() }))
    }

    /// How many mails a relay is given at once.
    pub fn window(&self, relay: &str) -> Gauge {
        self.windows.get_or_create_owned(&RelayLabels { relay: relay.to_owned() })
    }

    /// The state of a relay's breaker.
    pub fn breaker(&self, relay: &str) -> Gauge {
        self.breakers.get_or_create_owned(&RelayLabels { relay: relay.to_owned() })
    }
}

/// A reason as dead letters and events name it.
const fn named(reason: Reason) -> &'static str {
    match reason {
        Reason::Unreachable => "unreachable",
        Reason::TimedOut => "timed-out",
        Reason::ConnectionLost => "connection-lost",
        Reason::TlsFailed => "tls-failed",
        Reason::AuthenticationFailed => "authentication-failed",
        Reason::Busy => "busy",
        Reason::Refused => "refused",
        Reason::NoTimeLeft => "no-time-left",
        Reason::RetriesExhausted => "retries-exhausted",
        Reason::Unreadable => "unreadable",
        Reason::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_named_as_on_the_bus() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), named(reason));
        }
    }
}
