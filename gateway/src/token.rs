//! The proof: a JWT (RFC 7519) signed with Ed25519 (`EdDSA`, RFC 8037), and the key set (RFC 7517) that verifies it.

use std::fmt;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer, SigningKey};
use otp_nats::keys::{Key, KeyList};
use otp_nats::{Timestamp, VerificationId, seal};
use serde::Serialize;
use serde_json::{Value, json};

/// What a token says, beside issuer, audience and times. Its `Debug` shows no address.
pub struct Proof<'a> {
    /// The verification: `jti`.
    pub id: &'a VerificationId,
    /// Who the proof is for: `aud`. That of open mode when `None`.
    pub audience: Option<&'a str>,
    /// The verified address: `sub`.
    pub email: &'a str,
    /// What it was verified for.
    pub purpose: Option<&'a str>,
    /// What the application gave along.
    pub metadata: Option<&'a Value>,
    /// When the code was entered: `iat`.
    pub verified_at: Timestamp,
}

impl fmt::Debug for Proof<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof").field("id", &self.id).field("verified_at", &self.verified_at).finish_non_exhaustive()
    }
}

/// Signs proofs.
#[derive(Debug)]
pub struct TokenSigner {
    issuer: String,
    audience: String,
    ttl: Duration,
    key_id: String,
    key: SigningKey,
    key_set: Value,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    email: &'a str,
    email_verified: bool,
    jti: &'a VerificationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Value>,
    iat: i64,
    exp: i64,
}

impl TokenSigner {
    /// Signs with the list's first key; the key set holds all.
    pub fn new(keys: &KeyList, issuer: String, audience: String, ttl: Duration) -> Self {
        let first = keys.first();
        let key_set = json!({"keys": keys.iter().map(public_key).collect::<Vec<_>>()});
        let key = SigningKey::from_bytes(first.bytes());
        Self { issuer, audience, ttl, key_id: first.id().to_owned(), key, key_set }
    }

    /// The signed token in its compact form.
    pub fn sign(&self, proof: &Proof<'_>) -> String {
        let issued = proof.verified_at.as_secs();
        let claims = Claims {
            iss: &self.issuer,
            aud: proof.audience.unwrap_or(&self.audience),
            sub: proof.email,
            email: proof.email,
            email_verified: true,
            jti: proof.id,
            purpose: proof.purpose,
            metadata: proof.metadata,
            iat: issued,
            exp: (proof.verified_at + self.ttl).as_secs(),
        };
        let header = Header { alg: "EdDSA", typ: "JWT", kid: &self.key_id };
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature.to_bytes()))
    }

    /// The public keys as `/.well-known/jwks.json` answers them.
    pub const fn key_set(&self) -> &Value {
        &self.key_set
    }
}

fn public_key(key: &Key) -> Value {
    let public = SigningKey::from_bytes(key.bytes()).verifying_key();
    let x = BASE64URL_NOPAD.encode(public.as_bytes());
    json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.id(), "x": x})
}

fn encoded(part: &impl Serialize) -> String {
    // Strings, numbers and parsed JSON only: serialising them into memory cannot fail.
    BASE64URL_NOPAD.encode(&seal::wiped_json(part).unwrap_or_default())
}

#[cfg(test)]
mod tests;
