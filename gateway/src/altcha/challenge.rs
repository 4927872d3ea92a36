//! What goes over the wire, spelled as the protocol has it, and the derivation of keys.

use data_encoding::HEXLOWER;
use rand::{Rng, RngExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::Level;

/// Bytes of a derived key; the client is shown the first half.
pub(super) const KEY_LENGTH: usize = 32;
/// Rounds of PBKDF2 for a key. So few that a challenge costs the gateway a tenth of a millisecond, so many that a
/// browser's own PBKDF2 is busy with them and not with being called.
const ROUNDS: u32 = 500;
const ALGORITHM: &str = "PBKDF2/SHA-256";

/// A challenge, as widgets and libraries take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Challenge {
    pub(super) parameters: Parameters,
    pub(super) signature: String,
}

/// What is signed. The members stand in the order of their names, as the signature needs them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChallengeParameters")]
pub(super) struct Parameters {
    pub(super) algorithm: String,
    pub(super) cost: u32,
    pub(super) data: Data,
    pub(super) expires_at: i64,
    pub(super) key_length: usize,
    pub(super) key_prefix: String,
    pub(super) key_signature: String,
    pub(super) nonce: String,
    pub(super) salt: String,
}

/// What we give along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Data {
    pub(super) level: Level,
}

/// What the client submits, in base64.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Payload {
    pub(super) challenge: Challenge,
    pub(super) solution: Solution,
}

/// The client's answer. The number that led to the key need not be known to check it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Solution {
    pub(super) derived_key: String,
}

impl Parameters {
    /// Parameters without key, which [`super::Altcha`] adds.
    pub(super) fn draw(level: Level, expires_at: i64, random: &mut impl Rng) -> Self {
        let mut hex = || HEXLOWER.encode(&random.random::<[u8; 16]>());
        Self {
            algorithm: ALGORITHM.to_owned(),
            cost: ROUNDS,
            data: Data { level },
            expires_at,
            key_length: KEY_LENGTH,
            key_prefix: String::new(),
            key_signature: String::new(),
            nonce: hex(),
            salt: hex(),
        }
    }

    /// The JSON text that the signature covers: members sorted, no white space.
    pub(super) fn canonical(&self) -> String {
        // Our own types with strings and numbers: serialising them into memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The key that belongs to a number: PBKDF2 (RFC 8018 §5.2) over nonce and number, four bytes, big endian.
pub(super) fn derived_key(parameters: &Parameters, number: u32) -> [u8; KEY_LENGTH] {
    let bytes = |hex: &str| HEXLOWER.decode(hex.as_bytes()).unwrap_or_default();
    let mut password = bytes(&parameters.nonce);
    password.extend_from_slice(&number.to_be_bytes());
    let mut key = [0; KEY_LENGTH];
    pbkdf2::pbkdf2_hmac::<Sha256>(&password, &bytes(&parameters.salt), parameters.cost, &mut key);
    key
}
