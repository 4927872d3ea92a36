//! What is told of the system: metrics against their page, rules and dashboard against a real Prometheus.

pub(crate) mod collector;
mod exposition;
mod page;
mod prometheus;
mod traces;
mod traffic;
mod uncollected;
