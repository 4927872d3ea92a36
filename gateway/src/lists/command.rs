//! `otp-gateway blocked-hash`: addresses in, lines for the list of the blocked out.

use std::io::{self, Read};

use otp_nats::keys::KeyList;
use otp_nats::settings::Environment;
use zeroize::Zeroizing;

use super::blocked::entry;
use super::{LineFault, entries};
use crate::email::EmailAddress;

const KEYS: &str = "OTP_HASH_KEYS";
const KEYS_FILE: &str = "OTP_HASH_KEYS_FILE";
/// Most bytes that are read: as many addresses as a list may have hashes.
const MOST: u64 = 64 * 1024 * 1024;

/// Why there are no lines.
#[derive(Debug, thiserror::Error)]
pub enum HashFault {
    /// The keys cannot be read.
    #[error("{KEYS}: {0}")]
    Keys(String),
    /// The addresses cannot be read.
    #[error("the addresses cannot be read: {0}")]
    Input(#[from] io::Error),
    /// One of them is none.
    #[error(transparent)]
    Address(#[from] LineFault),
}

/// A line for each address, hashed with the first of `OTP_HASH_KEYS` if there are any.
///
/// # Errors
/// [`HashFault`], as its variants say.
pub fn hash_lines(environment: &dyn Environment, addresses: impl Read) -> Result<String, HashFault> {
    let keys = keys(environment)?;
    let mut bytes = Zeroizing::new(Vec::new());
    addresses.take(MOST).read_to_end(&mut bytes)?;
    let mut lines = String::new();
    for (line, address) in entries(&bytes)? {
        let email = EmailAddress::parse(address).map_err(|_| LineFault { line, fault: "is no address" })?;
        lines.push_str(&entry(&email, keys.as_ref().map(KeyList::first)));
        lines.push('\n');
    }
    Ok(lines)
}

fn keys(environment: &dyn Environment) -> Result<Option<KeyList>, HashFault> {
    let file = |path: String| environment.file(&path).map_err(|error| HashFault::Keys(error.kind().to_string()));
    let text = match environment.variable(KEYS) {
        Some(text) => Some(Zeroizing::new(text)),
        None => environment.variable(KEYS_FILE).map(file).transpose()?,
    };
    text.map(|text| text.trim().parse().map_err(|error| HashFault::Keys(format!("{error}")))).transpose()
}
