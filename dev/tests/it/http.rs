//! The HTTP API as its documentation promises it to a stranger: every row of the table, every problem.

mod addresses;
mod checks;
mod idempotency;
mod life;
mod limits;
mod proof;
mod requests;

use otp_dev::stack::Options;

use crate::support::System;

/// The defaults, but that a client may say who it is, so that each test has a network and its limits for itself.
async fn default_system() -> System {
    System::with(|options| options.caller.set("OTP_TRUSTED_PROXIES", "127.0.0.0/8")).await
}

/// Nothing is limited but guesses.
async fn unlimited_system() -> System {
    System::with(unlimited).await
}

fn unlimited(options: &mut Options) {
    for (name, value) in [("OTP_LIMIT_IP", "off"), ("OTP_LIMIT_RECIPIENT", "off"), ("OTP_RESEND_COOLDOWN", "0")] {
        options.caller.set(name, value);
    }
}
