//! A key's record in the DNS (RFC 6376 §3.6.1). No I/O.

use std::fmt::Write as _;

use data_encoding::BASE64;

use super::keys::{Algorithm, DkimKey};

/// Longest string of a TXT record in bytes (RFC 1035 §3.3.14); a record may have several.
const STRING_MAX: usize = 255;
/// What a public RSA key is wrapped in: the algorithm's name and no parameters (RFC 8017, appendix A.1).
const RSA_ALGORITHM: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
const DER_SEQUENCE: u8 = 0x30;
const DER_BIT_STRING: u8 = 0x03;

/// What is wrong with a published record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// It is no DKIM record, or of another version.
    #[error("it is no DKIM record")]
    NoRecord,
    /// It has no key: whatever it once stood for is revoked.
    #[error("its p= is empty: the key is revoked")]
    Revoked,
    /// It is for another algorithm.
    #[error("its k= is another algorithm")]
    Algorithm,
    /// It has another key.
    #[error("it has another key")]
    OtherKey,
    /// It does not allow SHA-256.
    #[error("its h= does not allow sha256")]
    Hash,
    /// It is not for mail.
    #[error("its s= does not allow email")]
    Service,
}

impl DkimKey {
    /// Where the record belongs.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector(), self.domain())
    }

    /// What the record says.
    pub fn record(&self) -> String {
        let key = self.public();
        let key = match self.algorithm() {
            Algorithm::Ed25519 => key,
            Algorithm::Rsa => wrapped(&key),
        };
        format!("v=DKIM1; k={}; p={}", self.algorithm().as_str(), BASE64.encode(&key))
    }

    /// The record as a line of a zone file, in strings that each fit.
    pub fn zone_line(&self) -> String {
        let mut line = format!("{}. IN TXT (", self.record_name());
        for string in self.record().as_bytes().chunks(STRING_MAX) {
            let written = write!(line, " \"{}\"", String::from_utf8_lossy(string));
            debug_assert!(written.is_ok());
        }
        line + " )"
    }

    /// Whether a record, its strings joined, lets receivers check this key's signatures.
    ///
    /// # Errors
    /// [`RecordFault`], as its variants say.
    pub fn check_record(&self, record: &str) -> Result<(), RecordFault> {
        let tags: Vec<(&str, String)> = record.split(';').filter_map(tag).collect();
        let value = |name: &str| tags.iter().find(|(tag, _)| *tag == name).map(|(_, value)| value.as_str());
        let allows =
            |name, wanted: &str| value(name).is_none_or(|list| list.split(':').any(|one| one == wanted || one == "*"));
        if value("v").is_some_and(|version| version != "DKIM1") {
            return Err(RecordFault::NoRecord);
        }
        let published = value("p").ok_or(RecordFault::NoRecord)?;
        if published.is_empty() {
            return Err(RecordFault::Revoked);
        }
        if value("k").unwrap_or("rsa") != self.algorithm().as_str() {
            return Err(RecordFault::Algorithm);
        }
        // Both forms of a public RSA key are about.
        let (own, published) = (self.public(), BASE64.decode(published.as_bytes()).unwrap_or_default());
        if published != own && (self.algorithm() == Algorithm::Ed25519 || published != wrapped(&own)) {
            return Err(RecordFault::OtherKey);
        }
        if !value("h").is_none_or(|list| list.split(':').any(|one| one == "sha256")) {
            return Err(RecordFault::Hash);
        }
        if allows("s", "email") { Ok(()) } else { Err(RecordFault::Service) }
    }
}

/// A `name=value` without the white space that may stand anywhere in it.
fn tag(text: &str) -> Option<(&str, String)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim(), value.split_whitespace().collect()))
}

/// A public RSA key as `SubjectPublicKeyInfo` (RFC 5280 §4.1), which is what everybody publishes.
fn wrapped(key: &[u8]) -> Vec<u8> {
    let string: Vec<u8> = std::iter::once(0).chain(key.iter().copied()).collect();
    let inner: Vec<u8> = RSA_ALGORITHM.into_iter().chain(der(DER_BIT_STRING, &string)).collect();
    der(DER_SEQUENCE, &inner)
}

/// A value with its kind and length (X.690 §8.1).
fn der(kind: u8, value: &[u8]) -> Vec<u8> {
    let octets = value.len().to_be_bytes();
    let length: Vec<u8> = octets.into_iter().skip_while(|octet| *octet == 0).collect();
    let mut all = vec![kind];
    match length.as_slice() {
        [] => all.push(0),
        [short @ 0..0x80] => all.push(*short),
        long => {
            all.push(0x80 | u8::try_from(long.len()).unwrap_or(u8::MAX));
            all.extend_from_slice(long);
        }
    }
    all.extend_from_slice(value);
    all
}
