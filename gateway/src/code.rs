//! One-time codes: drawn uniformly, kept as a keyed hash only.

use std::fmt;

use otp_nats::VerificationId;
use otp_nats::keys::{Key, KeyList};
use otp_nats::seal::length_prefixed;
use otp_nats::ticket::keyed_hash;
use rand::{CryptoRng, RngExt};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

const PURPOSE: &[u8] = b"distotp code 1";
/// Shortest and longest code in digits: four can be guessed once in 2,000 with five guesses, more than ten nobody types.
pub const CODE_LENGTHS: std::ops::RangeInclusive<usize> = 4..=10;
/// What is entered is read up to so many characters; a code with separators has fewer.
const MAX_ENTERED: usize = 64;

/// A code of digits. It neither prints nor serialises.
#[derive(Clone)]
pub struct Code(SecretString);

impl Code {
    /// Draws a code of `length` digits, each uniform, leading zeros allowed.
    pub fn draw(length: usize, random: &mut impl CryptoRng) -> Self {
        let digits: String = (0..length).map(|_| char::from(b'0' + random.random_range(0..10_u8))).collect();
        Self(digits.into())
    }

    /// What a person entered, without white space and hyphens; digits of other scripts become ASCII digits. Anything
    /// else stays and is simply not the code.
    pub fn entered(text: &str) -> Self {
        let plain = text
            .chars()
            .take(MAX_ENTERED)
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}'));
        Self(plain.map(ascii_digit).collect::<String>().into())
    }

    /// Takes a code out of a record that this service sealed.
    pub fn recorded(text: &str) -> Self {
        Self(text.to_owned().into())
    }

    /// The digits.
    pub const fn secret(&self) -> &SecretString {
        &self.0
    }

    /// The keyed hash that Redis may hold: HMAC-SHA256 over purpose, key id, verification and code.
    pub fn hash(&self, key: &Key, id: &VerificationId) -> CodeHash {
        let code = self.0.expose_secret();
        let message = zeroize::Zeroizing::new(length_prefixed(&[
            PURPOSE,
            key.id().as_bytes(),
            id.as_str().as_bytes(),
            code.as_bytes(),
        ]));
        CodeHash { key_id: key.id().to_owned(), hash: keyed_hash(key, &message) }
    }

    /// The hash under every key of the list: what a stored hash may be compared with.
    pub fn hashes(&self, keys: &KeyList, id: &VerificationId) -> Vec<CodeHash> {
        keys.iter().map(|key| self.hash(key, id)).collect()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

/// Full-width and Arabic-Indic digits as keyboards of some languages type them.
fn ascii_digit(c: char) -> char {
    let base = match c {
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        '\u{966}'..='\u{96f}' => '\u{966}',
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}',
        other => return other,
    };
    char::from_digit(u32::from(c) - u32::from(base), 10).unwrap_or(c)
}

/// A code's keyed hash with the id of its key, as Redis stores it: `kid:hex`.
#[derive(Debug, Clone)]
pub struct CodeHash {
    key_id: String,
    hash: [u8; 32],
}

impl CodeHash {
    /// The stored form.
    pub fn to_stored(&self) -> String {
        [self.key_id.as_str(), ":", &data_encoding::HEXLOWER.encode(&self.hash)].concat()
    }

    /// Compares with a stored form in constant time.
    pub fn matches(&self, stored: &str) -> bool {
        let Some((key_id, encoded)) = stored.split_once(':') else { return false };
        let Ok(hash) = data_encoding::HEXLOWER.decode(encoded.as_bytes()) else { return false };
        key_id == self.key_id && bool::from(self.hash.as_slice().ct_eq(&hash))
    }
}

#[cfg(test)]
mod tests;
