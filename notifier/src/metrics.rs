//! What is measured of the notifier.

use std::time::Duration;

use otp_nats::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::message::Closing;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Close {
    code: u16,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Source {
    source: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Begun {
    begun: &'static str,
}

/// From a millisecond, what a local server takes, to what a person takes for broken.
const LAG_BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// Metrics of the notifier. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Connections open, handshakes included.
    pub(crate) open: Gauge,
    /// Handshakes that succeeded.
    pub(crate) accepted: Counter,
    refused: Family<Why, Counter>,
    closed: Family<Close, Counter>,
    /// Subscriptions registered.
    pub(crate) subscriptions: Gauge,
    begun: Family<Begun, Counter>,
    lag: Histogram,
    /// Events written to clients.
    pub(crate) delivered: Counter,
    /// Connections whose queue was full.
    pub(crate) overrun: Counter,
    errors: Family<Outcome, Counter>,
    histories: Family<Source, Counter>,
    /// Reads of a timeline from the stream that failed.
    pub(crate) history_failures: Counter,
    /// Events in the ring.
    pub(crate) ring_events: Gauge,
    /// Bytes in the ring.
    pub(crate) ring_bytes: Gauge,
    ring_since: Gauge,
    /// The last sequence taken from the stream.
    pub(crate) feed_seq: Gauge,
    /// Events that the stream has beyond it.
    pub(crate) feed_lag: Gauge,
    /// Times that the consumer was made anew.
    pub(crate) feed_restarts: Counter,
    /// Events that this build cannot read.
    pub(crate) feed_skipped: Counter,
    expiries: Family<Outcome, Counter>,
}

impl Metrics {
    /// Registers the metrics.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let m = Self::unregistered();
        // What alerts ask for is there from the start: a counter whose first value is 1 did not rise.
        for begun in ["anew", "resumed"] {
            drop(m.begun.get_or_create(&Begun { begun }));
        }
        for outcome in ["told", "told-already", "over-already", "refused", "unavailable", "stopped"] {
            drop(m.expiries.get_or_create(&Outcome { outcome }));
        }
        for closing in Closing::ALL {
            drop(m.closed.get_or_create(&close(closing)));
        }
        registry.register("otp_sockets_open", "Connections open", m.open.clone());
        registry.register("otp_sockets_accepted", "Handshakes that succeeded", m.accepted.clone());
        registry.register("otp_sockets_refused", "Handshakes that failed, by reason", m.refused.clone());
        registry.register("otp_sockets_closed", "Connections closed, by code and reason", m.closed.clone());
        registry.register("otp_subscriptions", "Subscriptions open", m.subscriptions.clone());
        registry.register("otp_subscriptions_begun", "Subscriptions, anew or resumed", m.begun.clone());
        let help = "From an event's place in the stream to the queues of its watchers";
        registry.register_with_unit("otp_event_lag", help, Unit::Seconds, m.lag.clone());
        registry.register("otp_events_delivered", "Events written to clients", m.delivered.clone());
        registry.register("otp_sockets_overrun", "Connections that did not keep up", m.overrun.clone());
        registry.register("otp_errors_said", "Error frames, by code", m.errors.clone());
        registry.register("otp_histories", "Timelines served, by source", m.histories.clone());
        registry.register("otp_history_failures", "Reads of a timeline that failed", m.history_failures.clone());
        registry.register("otp_ring_events", "Events in the ring", m.ring_events.clone());
        registry.register("otp_ring_bytes", "Bytes in the ring", m.ring_bytes.clone());
        registry.register(
            "otp_ring_since_timestamp_seconds",
            "When the ring's oldest event was stored",
            m.ring_since.clone(),
        );
        registry.register("otp_feed_seq", "Last sequence taken from the stream", m.feed_seq.clone());
        registry.register("otp_feed_lag", "Events that the stream has beyond it", m.feed_lag.clone());
        registry.register("otp_feed_restarts", "Times the consumer was made anew", m.feed_restarts.clone());
        registry.register("otp_feed_skipped", "Events that could not be read", m.feed_skipped.clone());
        registry.register("otp_expiries", "Ends of time told to the bus, by outcome", m.expiries.clone());
        m
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Why { reason }).inc();
    }

    pub(crate) fn closed(&self, closing: Closing) {
        self.closed.get_or_create(&close(closing)).inc();
    }

    /// A subscription began; one that says which event it had last is resumed.
    pub(crate) fn begun(&self, after: Option<u64>) {
        let begun = if after.is_some() { "resumed" } else { "anew" };
        self.begun.get_or_create(&Begun { begun }).inc();
    }

    /// An event that somebody watches went to its watchers so long after it was stored.
    pub(crate) fn lag(&self, lag: Duration) {
        self.lag.observe(lag.as_secs_f64());
    }

    pub(crate) fn error(&self, outcome: &'static str) {
        self.errors.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn history(&self, source: &'static str) {
        self.histories.get_or_create(&Source { source }).inc();
    }

    pub(crate) fn expiry(&self, outcome: &'static str) {
        self.expiries.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn ring(&self, events: usize, bytes: usize, oldest: Option<Timestamp>) {
        let signed = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.ring_events.set(signed(events));
        self.ring_bytes.set(signed(bytes));
        self.ring_since.set(oldest.map_or(0, Timestamp::as_secs));
    }

    fn unregistered() -> Self {
        Self {
            open: Gauge::default(),
            accepted: Counter::default(),
            refused: Family::default(),
            closed: Family::default(),
            subscriptions: Gauge::default(),
            begun: Family::default(),
            lag: Histogram::new(LAG_BUCKETS),
            delivered: Counter::default(),
            overrun: Counter::default(),
            errors: Family::default(),
            histories: Family::default(),
            history_failures: Counter::default(),
            ring_events: Gauge::default(),
            ring_bytes: Gauge::default(),
            ring_since: Gauge::default(),
            feed_seq: Gauge::default(),
            feed_lag: Gauge::default(),
            feed_restarts: Counter::default(),
            feed_skipped: Counter::default(),
            expiries: Family::default(),
        }
    }
}

fn close(closing: Closing) -> Close {
    Close { code: closing.code().map_or(0, |(code, _)| code.into()), reason: closing.label() }
}
