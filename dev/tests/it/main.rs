//! The whole system on real servers: services, inbox, DNS zone, faults by real kills.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy.toml allows them in test functions; what these call is a test as well"
)]

mod attack;
mod browser;
mod chaos;
mod cluster;
mod command;
mod crash;
mod delivery;
mod deploy;
mod descriptions;
mod dkim;
mod doctor;
mod documents;
mod faults;
mod flow;
mod http;
mod network;
mod observability;
mod operator;
mod overload;
mod permissions;
mod proof;
mod reconnect;
mod relay;
mod rotation;
mod secrets;
mod security;
mod socket;
mod stack;
mod support;
mod tls;
