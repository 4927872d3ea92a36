//! The gateway on a real NATS and a real Redis.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that finds something missing fails")]
#![allow(clippy::print_stdout, reason = "figures that the operations guide gives")]

mod accept;
mod altcha;
mod apps;
mod check;
mod faults;
mod limits;
mod lists;
mod page;
mod quotas;
mod report;
mod resend;
mod secrets;
mod support;
mod topology;
