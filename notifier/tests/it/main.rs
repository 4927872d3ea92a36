//! The notifier on a real nats-server, spoken to by a real WebSocket client.

mod client;
mod endings;
mod faults;
mod nats;
mod refusals;
mod timelines;
mod world;
