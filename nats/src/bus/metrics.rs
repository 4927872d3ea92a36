//! What is measured of the bus.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::PublishFault;
use crate::event::EventKind;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    event: &'static str,
    outcome: &'static str,
}

/// Metrics of the connection to NATS. Clones share them.
#[derive(Debug, Clone)]
pub struct BusMetrics {
    published: Family<Outcome, Counter>,
    acknowledged: Histogram,
    connected: Gauge,
}

impl BusMetrics {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            published: Family::default(),
            acknowledged: Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0]),
            connected: Gauge::default(),
        };
        registry.register("otp_published", "Events published, by outcome", metrics.published.clone());
        registry.register_with_unit(
            "otp_publish_duration",
            "From publishing to the acknowledgement",
            Unit::Seconds,
            metrics.acknowledged.clone(),
        );
        registry.register("otp_nats_connected", "Whether NATS is connected", metrics.connected.clone());
        metrics
    }

    pub(super) fn published(&self, event: EventKind, fault: Option<PublishFault>, took: Duration) {
        let outcome = fault.map_or("stored", PublishFault::as_str);
        self.published.get_or_create(&Outcome { event: event.as_str(), outcome }).inc();
        self.acknowledged.observe(took.as_secs_f64());
    }

    pub(super) fn connected(&self, connected: bool) {
        self.connected.set(i64::from(connected));
    }
}
