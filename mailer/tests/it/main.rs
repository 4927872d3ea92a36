//! The mailer on a real NATS server, with relays that misbehave on purpose.

mod connections;
mod drain;
mod nats_server;
mod postfix;
mod private;
mod redelivery;
mod relay;
mod relays;
mod stack;
mod verdicts;
