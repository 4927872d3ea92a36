//! What the gateway has to remember of a verification beyond its code's hash, sealed for itself alone.
//!
//! A resend needs address and code again, and the proof names the address. Redis holds them sealed under a key that is
//! derived from the hash keys and that neither the mailer nor Redis has.

use std::fmt;

use otp_nats::VerificationId;
use otp_nats::keys::KeyList;
use otp_nats::seal::{self, SealContext, SealError};
use otp_nats::ticket::keyed_hash;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::code::Code;

const PURPOSE: &[u8] = b"distotp record key 1";
const SUBJECT: &str = "record";

/// The remembered request.
pub struct Record {
    /// The address as typed.
    pub email: SecretString,
    /// The code.
    pub code: Code,
    /// The language asked for, or empty.
    pub locale: String,
    /// The application, empty in open mode.
    pub app: String,
    /// What the verification is for.
    pub purpose: Option<String>,
    /// What the application gave along.
    pub metadata: Option<serde_json::Value>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("app", &self.app).field("locale", &self.locale).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    e: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    c: std::borrow::Cow<'a, str>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    l: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    a: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    m: Option<serde_json::Value>,
}

/// Seals and opens records.
#[derive(Debug, Clone)]
pub struct RecordSealer {
    keys: KeyList,
}

impl RecordSealer {
    /// Derives one record key from each hash key: HMAC as the expansion of one block (RFC 5869 with a uniform input
    /// key), purpose-bound and one-way.
    pub fn new(hash_keys: &KeyList) -> Self {
        Self { keys: hash_keys.derive(|key| keyed_hash(key, PURPOSE)) }
    }

    /// Seals a record for one verification.
    ///
    /// # Errors
    /// As [`seal::seal`].
    pub fn seal(&self, id: &VerificationId, record: &Record) -> Result<String, SealError> {
        let wire = Wire {
            e: record.email.expose_secret().into(),
            c: record.code.secret().expose_secret().into(),
            l: record.locale.clone(),
            a: record.app.clone(),
            p: record.purpose.clone(),
            m: record.metadata.clone(),
        };
        let plaintext = seal::wiped_json(&wire)?;
        seal::seal(&self.keys, &context(id), &plaintext)
    }

    /// Opens a record.
    ///
    /// # Errors
    /// As [`seal::open`]; [`SealError::Malformed`] also when the plaintext is no record.
    pub fn open(&self, id: &VerificationId, sealed: &str) -> Result<Record, SealError> {
        let plaintext = seal::open(&self.keys, &context(id), sealed)?;
        let wire: Wire<'_> = serde_json::from_slice(&plaintext).map_err(|_| SealError::Malformed)?;
        Ok(Record {
            email: wire.e.into_owned().into(),
            code: Code::recorded(&wire.c),
            locale: wire.l,
            app: wire.a,
            purpose: wire.p,
            metadata: wire.m,
        })
    }
}

const fn context(id: &VerificationId) -> SealContext<'_> {
    // The record stays the same over resends, so it belongs to no generation.
    SealContext { subject: SUBJECT, id, generation: 0 }
}

#[cfg(test)]
mod tests {
    use otp_nats::keys::Key;

    use super::*;

    #[test]
    fn only_this_verification_opens_it() {
        let key = Key::new("h1", std::array::from_fn(|index| u8::try_from(index).unwrap())).unwrap();
        let sealer = RecordSealer::new(&KeyList::single(key));
        let id: VerificationId = "abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().unwrap();
        let other = id.as_str().replace('a', "b").parse().unwrap();
        let record = Record {
            email: "\"q\\\"\"@example.com".into(),
            code: Code::recorded("012345"),
            locale: "de".into(),
            app: String::new(),
            purpose: Some("login".into()),
            metadata: Some(serde_json::json!({"a": [1, null]})),
        };
        let sealed = sealer.seal(&id, &record).unwrap();
        assert!(!sealed.contains("example"));
        let opened = sealer.open(&id, &sealed).unwrap();
        assert_eq!(opened.email.expose_secret(), record.email.expose_secret());
        assert_eq!(opened.code.secret().expose_secret(), "012345");
        assert_eq!((opened.purpose, opened.metadata), (record.purpose, record.metadata));
        assert_eq!(sealer.open(&other, &sealed).unwrap_err(), SealError::Tampered);
    }
}
