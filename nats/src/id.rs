//! Identifiers of verifications.
//!
//! An id is 40 characters of lower-case base32 (RFC 4648 alphabet, no padding): safe in a URL, in a NATS subject and in
//! a Redis key. It is opaque to everyone but the gateway, which reads three parts out of its 25 bytes:
//!
//! | bytes | part | what for |
//! |---|---|---|
//! | 0..10 | tag | keyed hash of app and canonical recipient; the Redis hash tag, so that all keys of a recipient share a slot |
//! | 10..20 | nonce | random; makes the id unguessable |
//! | 20..25 | check | keyed hash of the two; tells an id that this gateway made from one that it never made |

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE32_NOPAD, Encoding, Specification};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Length of an id in characters.
pub const ID_LENGTH: usize = 40;
/// Length of the tag's text, which opens the id.
pub const TAG_LENGTH: usize = 16;

/// The identifier of one verification, see the module's description.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VerificationId([u8; ID_LENGTH]);

/// The text is no verification id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a verification id")]
pub struct InvalidId;

/// The three parts of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdParts {
    /// Keyed hash of app and canonical recipient.
    pub tag: [u8; 10],
    /// Random bytes.
    pub nonce: [u8; 10],
    /// Keyed hash of app, tag and nonce.
    pub check: [u8; 5],
}

impl VerificationId {
    /// Builds the id that carries these parts.
    pub fn from_parts(parts: &IdParts) -> Self {
        let mut bytes = [0; 25];
        let (tag, rest) = bytes.split_at_mut(10);
        let (nonce, check) = rest.split_at_mut(10);
        tag.copy_from_slice(&parts.tag);
        nonce.copy_from_slice(&parts.nonce);
        check.copy_from_slice(&parts.check);
        let mut text = [0; ID_LENGTH];
        encoding().encode_mut(&bytes, &mut text);
        Self(text)
    }

    /// The parts that the id carries.
    pub fn parts(&self) -> IdParts {
        let mut bytes = [0; 25];
        // The text was checked when the id was made, so decoding fills all 25 bytes.
        let filled = encoding().decode_mut(&self.0, &mut bytes);
        debug_assert!(filled.is_ok());
        let (mut tag, mut nonce, mut check) = ([0; 10], [0; 10], [0; 5]);
        tag.copy_from_slice(bytes.get(..10).unwrap_or(&[0; 10]));
        nonce.copy_from_slice(bytes.get(10..20).unwrap_or(&[0; 10]));
        check.copy_from_slice(bytes.get(20..).unwrap_or(&[0; 5]));
        IdParts { tag, nonce, check }
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The text of the tag: the first 16 characters.
    pub fn tag(&self) -> &str {
        self.as_str().get(..TAG_LENGTH).unwrap_or_default()
    }
}

/// Lower-case base32; upper case is refused, so that one id has one spelling.
fn encoding() -> &'static Encoding {
    static LOWER: std::sync::LazyLock<Encoding> = std::sync::LazyLock::new(|| {
        let mut specification = Specification::new();
        specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
        specification.encoding().unwrap_or(BASE32_NOPAD)
    });
    &LOWER
}

impl FromStr for VerificationId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let bytes: [u8; ID_LENGTH] = text.as_bytes().try_into().map_err(|_| InvalidId)?;
        let alphabet = |byte: &u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
        if bytes.iter().all(alphabet) { Ok(Self(bytes)) } else { Err(InvalidId) }
    }
}

impl fmt::Display for VerificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for VerificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for VerificationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for VerificationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
