//! The bus on a real NATS server.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests, also in the functions that they share"
)]

mod publish;
mod streams;
mod support;
mod work;
