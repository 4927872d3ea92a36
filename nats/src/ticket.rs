//! Tickets: what lets a client watch, read and cancel one verification.
//!
//! A ticket is `kid "." base64url(requested_at expires_at mac)`: two times of eight bytes (milliseconds, big endian)
//! and HMAC-SHA256 (RFC 2104) over purpose, key id, verification id and times. The id is bound by the MAC and not
//! repeated. The same inputs give the same ticket.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::id::VerificationId;
use crate::keys::{Key, KeyList};
use crate::seal::length_prefixed;
use crate::timestamp::Timestamp;

const PURPOSE: &[u8] = b"distotp ticket 1";
const TIMES_LENGTH: usize = 16;
const MAC_LENGTH: usize = 32;

/// What a ticket says of its verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// When the verification was accepted: the time of its event `requested`.
    pub requested_at: Timestamp,
    /// When verification and ticket end.
    pub expires_at: Timestamp,
}

/// Why a ticket is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// No ticket, another verification's, or one that this key list did not sign.
    #[error("not a ticket for this verification")]
    Invalid,
    /// The verification is over.
    #[error("the ticket has expired")]
    Expired,
}

impl Ticket {
    /// Signs with the list's first key.
    pub fn sign(&self, keys: &KeyList, id: &VerificationId) -> String {
        let key = keys.first();
        let mut bytes = Vec::with_capacity(TIMES_LENGTH + MAC_LENGTH);
        bytes.extend_from_slice(&self.times());
        bytes.extend_from_slice(&self.mac(key, id));
        key.named(&bytes)
    }

    /// Checks a ticket for this verification at this time.
    ///
    /// # Errors
    /// [`TicketError`], as its variants say.
    pub fn check(keys: &KeyList, id: &VerificationId, text: &str, now: Timestamp) -> Result<Self, TicketError> {
        let (key_id, encoded) = text.split_once('.').ok_or(TicketError::Invalid)?;
        let key = keys.find(key_id).ok_or(TicketError::Invalid)?;
        let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| TicketError::Invalid)?;
        let (requested, rest) = bytes.split_first_chunk::<8>().ok_or(TicketError::Invalid)?;
        let (expires, mac) = rest.split_first_chunk::<8>().ok_or(TicketError::Invalid)?;
        let ticket = Self {
            requested_at: Timestamp::from_millis(i64::from_be_bytes(*requested)),
            expires_at: Timestamp::from_millis(i64::from_be_bytes(*expires)),
        };
        if !bool::from(ticket.mac(key, id).as_slice().ct_eq(mac)) {
            return Err(TicketError::Invalid);
        }
        if now >= ticket.expires_at { Err(TicketError::Expired) } else { Ok(ticket) }
    }

    fn times(&self) -> [u8; TIMES_LENGTH] {
        let mut times = [0; TIMES_LENGTH];
        let (requested, expires) = times.split_at_mut(8);
        requested.copy_from_slice(&self.requested_at.as_millis().to_be_bytes());
        expires.copy_from_slice(&self.expires_at.as_millis().to_be_bytes());
        times
    }

    fn mac(&self, key: &Key, id: &VerificationId) -> [u8; MAC_LENGTH] {
        let message = length_prefixed(&[PURPOSE, key.id().as_bytes(), id.as_str().as_bytes(), &self.times()]);
        keyed_hash(key, &message)
    }
}

/// HMAC-SHA256 of `message` under `key`.
///
/// # Panics
/// Never: HMAC takes a key of any length.
pub fn keyed_hash(key: &Key, message: &[u8]) -> [u8; MAC_LENGTH] {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length, so 32 bytes never fail")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key.bytes()).expect("any key length is accepted");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests;
