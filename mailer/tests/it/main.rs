//! The mailer on a real NATS server, with relays that misbehave on purpose.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "in tests, also in the functions that they share"
)]

mod again;
mod connections;
mod drain;
mod poison;
mod postfix;
mod private;
mod redelivery;
mod relay;
mod relays;
mod stack;
mod verdicts;
