//! The notifier on a real nats-server, spoken to by a real WebSocket client.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's helper fails by panicking")]

mod client;
mod endings;
mod faults;
mod refusals;
mod timelines;
mod world;
