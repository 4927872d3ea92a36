//! What is measured of the way to Redis.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    why: &'static str,
}

/// Metrics of the store. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct RedisMetrics {
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
        let metrics = Self::default();
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

    pub(super) fn connected(&self, made: bool) {
        self.connections.get_or_create(&Outcome { outcome: if made { "made" } else { "failed" } }).inc();
    }

    pub(super) fn again(&self, why: &'static str) {
        self.again.get_or_create(&Why { why }).inc();
    }
}
