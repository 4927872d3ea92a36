//! What is measured.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MailLabels {
    outcome: &'static str,
    relay: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RelayLabels {
    relay: String,
}

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
    in_work: Gauge,
    connections: Family<RelayLabels, Gauge>,
    breakers: Family<RelayLabels, Gauge>,
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
            in_work: Gauge::default(),
            connections: Family::default(),
            breakers: Family::default(),
        };
        registry.register("otp_mails", "Requests by outcome and relay", metrics.mails.clone());
        registry.register_with_unit(
            "otp_mail_latency",
            "From the request to the relay's acceptance",
            Unit::Seconds,
            metrics.latency.clone(),
        );
        registry.register("otp_mails_in_work", "Requests worked on now", metrics.in_work.clone());
        registry.register("otp_smtp_connections", "Open connections by relay", metrics.connections.clone());
        registry.register(
            "otp_relay_breaker",
            "Whether a relay is used: 0 closed (used), 1 half-open (being probed), 2 open (left alone)",
            metrics.breakers.clone(),
        );
        metrics
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

    /// The state of a relay's breaker.
    pub fn breaker(&self, relay: &str, state: i64) {
        self.breakers.get_or_create(&RelayLabels { relay: relay.to_owned() }).set(state);
    }
}
