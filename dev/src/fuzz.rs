//! What the fuzz targets do with their bytes: one function for each parser that meets bytes from outside.
//!
//! A target asserts properties, not only that nothing panics: what was read is written and read again, masks hide,
//! one thing has one spelling, nothing that was tampered with opens. `dev/fuzz` runs these functions under libFuzzer,
//! and a test runs them over the corpus that earlier runs have left there.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a property that does not hold is to stop the fuzzer, and panics are how it is told"
)]

mod address;
mod body;
mod bus;
mod bytes;
mod notifier;
mod reply;
mod sealed;
mod settings;

use bytes::{id, keys, text};

/// A target's name and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by name. `dev/fuzz/fuzz_targets` has a program for each.
pub const TARGETS: [Target; 12] = [
    ("address", address::address),
    ("body", body::body),
    ("event", bus::event),
    ("frame", notifier::frame),
    ("handshake", notifier::handshake),
    ("headers", notifier::headers),
    ("id", bus::id),
    ("reply", reply::reply),
    ("seal", sealed::seal),
    ("settings", settings::settings),
    ("ticket", sealed::ticket),
    ("urls", settings::urls),
];

/// Runs one target on an input.
///
/// # Panics
/// There is no target of this name, or a property does not hold: that is a finding.
pub fn run(name: &str, input: &[u8]) {
    let found = TARGETS.iter().find(|(target, _)| *target == name);
    let (_, target) = found.unwrap_or_else(|| panic!("there is no target {name}"));
    target(input);
}
