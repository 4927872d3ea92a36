//! What a client of the gateway reads in a 202.

use otp_nats::VerificationId;
use serde::Deserialize;

/// A 202.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) id: VerificationId,
    pub(crate) events: Events,
}

/// What lets one watch.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Events {
    pub(crate) ticket: String,
}
