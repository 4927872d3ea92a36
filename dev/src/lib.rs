//! `cargo dev`: the local stack, its system tests and its benchmarks.

pub mod dns;
pub mod inbox;
