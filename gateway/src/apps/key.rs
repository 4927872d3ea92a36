//! Keys of applications: random, shown once, known to the gateway by their hash alone.
//!
//! A publishable key stands in a page for everybody to read and says which application asks; it works from the
//! application's origins only. A secret key stays on the application's servers and may do all that the application may.

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const PUBLISHABLE: &str = "otp_pk_";
const SECRET: &str = "otp_sk_";
/// As many random bytes as the hash has: nobody guesses it, so no slow hash has to make guessing slow.
const LENGTH: usize = 32;
const HASH_PREFIX: &str = "sha256:";

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Ask from the application's own pages.
    Publishable,
    /// Ask, read and cancel from its servers.
    Secret,
}

/// SHA-256 of a whole key, prefix and all. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a key as it was presented, and what the key claims to be; `None` for what is no key at all.
    pub fn of(key: &str) -> Option<(KeyKind, Self)> {
        let kind = if key.starts_with(SECRET) {
            KeyKind::Secret
        } else if key.starts_with(PUBLISHABLE) {
            KeyKind::Publishable
        } else {
            return None;
        };
        Some((kind, Self(Sha256::digest(key.as_bytes()).into())))
    }

    /// Reads the form that the file has: `sha256:` and 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix(HASH_PREFIX)?.to_ascii_lowercase();
        HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HASH_PREFIX}{}", HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A fresh key.
///
/// # Errors
/// The system gave no random bytes.
pub fn fresh(kind: KeyKind) -> Result<Zeroizing<String>, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    getrandom::fill(bytes.as_mut_slice())?;
    let prefix = match kind {
        KeyKind::Publishable => PUBLISHABLE,
        KeyKind::Secret => SECRET,
    };
    let mut key = Zeroizing::new(String::with_capacity(prefix.len() + BASE64URL_NOPAD.encode_len(LENGTH)));
    key.push_str(prefix);
    BASE64URL_NOPAD.encode_append(bytes.as_slice(), &mut key);
    Ok(key)
}

/// A fresh key of each kind, with the lines that make it known, as `otp-gateway app-keys` prints them.
///
/// # Errors
/// The system gave no random bytes.
pub fn fresh_pair() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut text = Zeroizing::new(String::new());
    let kinds = [
        (KeyKind::Secret, "secret_keys", "for the application's servers; it is shown this once"),
        (KeyKind::Publishable, "publishable_keys", "for its pages; anybody may read it"),
    ];
    for (kind, member, about) in kinds {
        let key = fresh(kind)?;
        let hash = KeyHash(Sha256::digest(key.as_bytes()).into());
        for part in ["# ", about, ":\n#   ", &key, "\n", member, " = [\"", &hash.to_string(), "\"]\n"] {
            text.push_str(part);
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_hash_and_its_kind() {
        for kind in [KeyKind::Publishable, KeyKind::Secret] {
            let key = fresh(kind).unwrap();
            let (claimed, hash) = KeyHash::of(&key).unwrap();
            assert_eq!(claimed, kind);
            assert_eq!(KeyHash::parse(&hash.to_string()), Some(hash));
            assert_ne!(KeyHash::of(&fresh(kind).unwrap()).unwrap().1, hash);
        }
    }

    #[test]
    fn the_hash_is_plain_sha_256() {
        // printf otp_sk_test | sha256sum
        let expected = "sha256:70d1dc5c6b3d2cee56e746f9aca1d27cb6881af85e85f499f222a5c960b05c95";
        assert_eq!(KeyHash::of("otp_sk_test").unwrap().1.to_string(), expected);
    }

    #[test]
    fn other_texts_are_no_keys_and_no_hashes() {
        for text in ["", "otp_", "sk_live", "Bearer otp_sk_x", "otp_xx_abc"] {
            assert!(KeyHash::of(text).is_none(), "{text}");
        }
        for text in ["", "sha256:", "sha256:00", "md5:00", &format!("sha256:{}", "g".repeat(64))] {
            assert!(KeyHash::parse(text).is_none(), "{text}");
        }
    }
}
