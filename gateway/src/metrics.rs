//! What is measured of the gateway.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::Verdict;

/// From half a millisecond, an answer without a look at any server, to the deadline of a request.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    route: &'static str,
    status: u16,
    problem: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Policy {
    policy: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Mail {
    mail: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DnsVerdict {
    verdict: &'static str,
}

/// Counts a request as long as it lives: also one whose client goes away.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Metrics of the gateway. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    answers: Family<Answer, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    accepted: Family<Mail, Counter>,
    refused: Family<Policy, Counter>,
    dns: Family<DnsVerdict, Counter>,
    dns_durations: Histogram,
    /// HTTP connections open.
    pub connections: Gauge,
    /// HTTP connections refused because there were too many.
    pub connections_refused: Counter,
    /// Events of decided verifications that wait for NATS.
    pub events_waiting: Gauge,
    /// Events that were given up because NATS was away too long or too many waited.
    pub events_dropped: Counter,
}

impl Metrics {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            answers: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
            accepted: Family::default(),
            refused: Family::default(),
            dns: Family::default(),
            dns_durations: Histogram::new(BUCKETS),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            events_waiting: Gauge::default(),
            events_dropped: Counter::default(),
        };
        // What alerts ask for is there from the start: a counter whose first value is 1 did not rise.
        for mail in ["first", "resend"] {
            drop(metrics.accepted.get_or_create(&Mail { mail }));
        }
        for verdict in Verdict::ALL {
            drop(metrics.dns.get_or_create(&DnsVerdict { verdict: verdict.as_str() }));
        }
        registry.register("otp_http_answers", "HTTP answers, by route, status and problem", metrics.answers.clone());
        let seconds = Unit::Seconds;
        registry.register_with_unit("otp_http_duration", "Time to the answer", seconds, metrics.durations.clone());
        let in_flight = metrics.in_flight.clone();
        registry.register("otp_http_requests_in_flight", "HTTP requests that are being answered", in_flight);
        let accepted = metrics.accepted.clone();
        registry.register("otp_requests_accepted", "Mails promised: stored in OTP_REQUESTS and answered 202", accepted);
        registry.register("otp_refused", "Requests refused, by policy", metrics.refused.clone());
        registry.register("otp_dns_verdicts", "What the DNS said of domains", metrics.dns.clone());
        let durations = metrics.dns_durations.clone();
        registry.register_with_unit("otp_dns_duration", "Time to a verdict on a domain", Unit::Seconds, durations);
        registry.register("otp_http_connections", "HTTP connections open", metrics.connections.clone());
        let refused = metrics.connections_refused.clone();
        registry.register("otp_http_connections_refused", "HTTP connections over the bound", refused);
        registry.register("otp_events_waiting", "Events waiting for NATS", metrics.events_waiting.clone());
        registry.register("otp_events_dropped", "Events given up", metrics.events_dropped.clone());
        metrics
    }

    /// A request is being answered until the guard is dropped.
    pub fn in_flight(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Counts a mail that JetStream has taken; the first of a verification or another.
    pub fn accepted(&self, generation: u32) {
        self.accepted.get_or_create(&Mail { mail: if generation == 1 { "first" } else { "resend" } }).inc();
    }

    /// Counts an answer.
    pub fn answered(&self, route: &'static str, status: u16, problem: &'static str, took: Duration) {
        self.answers.get_or_create(&Answer { route, status, problem }).inc();
        self.durations.get_or_create(&Route { route }).observe(took.as_secs_f64());
    }

    /// Counts a refusal by a policy.
    pub fn refused(&self, policy: &str) {
        self.refused.get_or_create(&Policy { policy: policy.to_owned() }).inc();
    }

    /// Counts a verdict on a domain.
    pub fn dns(&self, verdict: Verdict, took: Duration) {
        self.dns.get_or_create(&DnsVerdict { verdict: verdict.as_str() }).inc();
        self.dns_durations.observe(took.as_secs_f64());
    }
}
