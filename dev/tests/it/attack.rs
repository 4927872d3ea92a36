//! Attacks: what strangers may try on the parsers, on the order of things, on the clock, and on the wire.
//!
//! `cargo dev attack` runs them for longer than the tests do.

mod corpus;
mod enumeration;
mod fleet;
mod openapi;
mod races;
mod sockets;
mod statistics;
mod stopwatch;
mod timing;
mod wire;

/// A number from the environment, which makes a short test a long attack.
fn setting(name: &str, default: usize) -> usize {
    let text = std::env::var_os(name).and_then(|text| text.into_string().ok());
    text.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}
