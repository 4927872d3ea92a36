//! What is measured of the way to Redis.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::scripts::Scripts;

/// From a tenth of a millisecond, what a local Redis takes, to the longest wait for an answer.
const BUCKETS: [f64; 11] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.5];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Called {
    script: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    why: &'static str,
}

/// Metrics of the store. Clones share them.
#[derive(Debug, Clone)]
pub struct RedisMetrics {
    durations: Family<Called, Histogram, fn() -> Histogram>,
    failures: Family<Called, Counter>,
    connections: Family<Outcome, Counter>,
    again: Family<Why, Counter>,
    /// Masters that took the place of another, as Sentinels or the cluster named them.
    pub(super) failovers: Counter,
    /// Calls without an answer that wait to be taken back.
    pub(super) undo_waiting: Gauge,
    /// Such calls that were given up: what they spent stays spent.
    pub(super) undo_dropped: Counter,
}

impl RedisMetrics {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            failures: Family::default(),
            connections: Family::default(),
            again: Family::default(),
            failovers: Counter::default(),
            undo_waiting: Gauge::default(),
            undo_dropped: Counter::default(),
        };
        for outcome in ["made", "failed"] {
            drop(metrics.connections.get_or_create(&Outcome { outcome }));
        }
        for script in Scripts::shared().names() {
            drop(metrics.failures.get_or_create(&Called { script }));
        }
        let durations = metrics.durations.clone();
        let help = "Calls of a script, from the first try to the answer";
        registry.register_with_unit("otp_redis_duration", help, Unit::Seconds, durations);
        registry.register("otp_redis_failures", "Calls of a script without an answer", metrics.failures.clone());
        let connections = metrics.connections.clone();
        registry.register("otp_redis_connections", "Connections to Redis that were tried, by outcome", connections);
        registry.register("otp_redis_again", "Calls that were sent again, by reason", metrics.again.clone());
        registry.register("otp_redis_failovers", "Changes of master that were followed", metrics.failovers.clone());
        let waiting = metrics.undo_waiting.clone();
        registry.register("otp_redis_undo_waiting", "Calls without an answer that wait to be taken back", waiting);
        let dropped = metrics.undo_dropped.clone();
        registry.register("otp_redis_undo_dropped", "Calls without an answer that could not be taken back", dropped);
        metrics
    }

    pub(super) fn called(&self, script: &'static str, answered: bool, took: Duration) {
        let called = Called { script };
        self.durations.get_or_create(&called).observe(took.as_secs_f64());
        if !answered {
            self.failures.get_or_create(&called).inc();
        }
    }

    pub(super) fn connected(&self, made: bool) {
        self.connections.get_or_create(&Outcome { outcome: if made { "made" } else { "failed" } }).inc();
    }

    pub(super) fn again(&self, why: &'static str) {
        self.again.get_or_create(&Why { why }).inc();
    }
}
