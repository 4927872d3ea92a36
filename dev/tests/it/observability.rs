//! What is told of the system: metrics against their page, rules and dashboard against a real Prometheus.

mod exposition;
mod page;
mod prometheus;
mod traffic;
