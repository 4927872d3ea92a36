//! Keys that sign mails: `OTP_DKIM_KEYS`.

use std::fmt;
use std::sync::Arc;

use data_encoding::BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use otp_nats::settings::Setting;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::SignFault;

/// Most keys: two for each of some thirty senders, more while they are changed.
const MAX_KEYS: usize = 128;
/// Longest name of the DNS, and longest label in one (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;
/// A private Ed25519 key as PKCS#8 is this and the seed (RFC 8410 §7).
const ED25519_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// What a key signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with 2048 bits or more (RFC 8301).
    Rsa,
    /// Ed25519 (RFC 8463).
    Ed25519,
}

impl Algorithm {
    /// Its name in settings, signatures and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// A private key with the domain that it signs for. Wiped when dropped: by itself, or by the program's allocator where
/// a library holds it. Its `Debug` shows the public name only.
pub struct DkimKey {
    selector: String,
    domain: String,
    secret: Secret,
}

enum Secret {
    /// On the heap: a key that moves leaves a copy behind.
    Ed25519(Box<SigningKey>),
    Rsa(Box<RsaKeyPair>),
}

impl fmt::Debug for DkimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DkimKey").field("name", &self.record_name()).finish_non_exhaustive()
    }
}

impl DkimKey {
    /// A key from its parts; the secret is PKCS#8 (for RSA also PKCS#1), or the seed of Ed25519.
    ///
    /// # Errors
    /// What is wrong, without a word of the secret.
    pub fn new(selector: &str, domain: &str, algorithm: Algorithm, secret: &[u8]) -> Result<Self, &'static str> {
        if !is_name(selector) {
            return Err("the selector is none: letters, digits, - and _ between dots");
        }
        // An international domain stands in the DNS as xn--...
        if !is_name(domain) || !domain.contains('.') {
            return Err("the domain is none, as example.com");
        }
        let secret = match algorithm {
            Algorithm::Ed25519 => {
                let seed = secret.strip_prefix(&ED25519_PREFIX).unwrap_or(secret);
                let seed: &[u8; 32] =
                    seed.try_into().map_err(|_| "the key is no Ed25519 seed of 32 bytes or PKCS#8")?;
                if seed.iter().all(|byte| *byte == seed[0]) {
                    return Err("the key is a constant");
                }
                Secret::Ed25519(Box::new(SigningKey::from_bytes(seed)))
            }
            Algorithm::Rsa => {
                let read = RsaKeyPair::from_pkcs8(secret).or_else(|fault| {
                    // Too small a key is one in either form; the first finding tells.
                    RsaKeyPair::from_der(secret).map_err(|_| fault.to_string())
                });
                Secret::Rsa(Box::new(read.map_err(|fault| match fault.as_str() {
                    "TooSmall" => "the RSA key has fewer than 2048 bits",
                    "TooLarge" => "the RSA key has more than 4096 bits",
                    _ => "the key is no RSA key of 2048 to 4096 bits as PKCS#8 or PKCS#1 (DER)",
                })?))
            }
        };
        Ok(Self { selector: selector.to_ascii_lowercase(), domain: domain.to_ascii_lowercase(), secret })
    }

    /// What tells it from the domain's other keys.
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// The domain that it signs for.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// What it signs with.
    pub const fn algorithm(&self) -> Algorithm {
        match self.secret {
            Secret::Ed25519(_) => Algorithm::Ed25519,
            Secret::Rsa(_) => Algorithm::Rsa,
        }
    }

    /// The public half: 32 bytes, or an `RSAPublicKey` (RFC 8017, appendix A.1.1).
    pub(super) fn public(&self) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
            Secret::Rsa(key) => key.public_key().as_ref().to_vec(),
        }
    }

    /// Signs. Ed25519 signs the hash where RSA signs the text by it (RFC 8463 §3): receivers hash once for both.
    pub(super) fn sign(&self, text: &[u8]) -> Result<Vec<u8>, SignFault> {
        match &self.secret {
            Secret::Ed25519(key) => {
                let hash: [u8; 32] = Sha256::digest(text).into();
                Ok(key.try_sign(&hash).map_err(|_| SignFault)?.to_bytes().to_vec())
            }
            Secret::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                // The randomness blinds the computation; the signature itself has none.
                let signed = key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature);
                signed.map(|()| signature).map_err(|_| SignFault)
            }
        }
    }
}

/// A name of the DNS, with the underscores that selectors may have.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=MAX_LABEL).contains(&label.len()) && label.bytes().all(plain)
    };
    text.len() <= MAX_NAME && text.split('.').all(label)
}

/// Any number of keys. Of a domain's keys of one algorithm the first signs; others are there to be announced before
/// they do. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct DkimKeys(Arc<Vec<DkimKey>>);

impl DkimKeys {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All keys, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, DkimKey> {
        self.0.iter()
    }

    /// Whether this key signs: it is the first of its domain and algorithm.
    pub fn signs(&self, key: &DkimKey) -> bool {
        let like = |other: &&DkimKey| other.domain == key.domain && other.algorithm() == key.algorithm();
        self.0.iter().find(like).is_some_and(|first| first.selector == key.selector)
    }

    pub(super) fn get(&self, place: usize) -> Option<&DkimKey> {
        self.0.get(place)
    }

    /// The places of the keys that sign mails from this domain: RSA first, which every receiver knows. A domain without
    /// keys of its own has those of the nearest one above it, which DMARC takes as well (RFC 7489 §3.1.1).
    pub(super) fn for_domain(&self, domain: &str) -> Vec<usize> {
        let mut signer = Some(domain);
        while let Some(name) = signer {
            let first =
                |algorithm| self.0.iter().position(|key: &DkimKey| key.domain == name && key.algorithm() == algorithm);
            let found: Vec<usize> = [Algorithm::Rsa, Algorithm::Ed25519].into_iter().filter_map(first).collect();
            if !found.is_empty() {
                return found;
            }
            signer = name.split_once('.').map(|(_, above)| above);
        }
        Vec::new()
    }

    /// The keys that sign mails from this domain.
    pub fn signing(&self, domain: &str) -> Vec<&DkimKey> {
        self.for_domain(&domain.to_ascii_lowercase()).into_iter().filter_map(|place| self.0.get(place)).collect()
    }
}

impl<'k> IntoIterator for &'k DkimKeys {
    type Item = &'k DkimKey;
    type IntoIter = std::slice::Iter<'k, DkimKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Setting for DkimKeys {
    const FORM: &'static str = "selector:domain:rsa|ed25519:base64,... or a line for each, with # before comments; \
        `otp-mailer dkim-keys` prints fresh ones";

    fn parse(text: &str) -> Result<Self, String> {
        let entries = text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(|line| line.split(','));
        let mut keys: Vec<DkimKey> = Vec::new();
        for (number, entry) in (1_usize..).zip(entries.map(str::trim).filter(|entry| !entry.is_empty())) {
            if number > MAX_KEYS {
                return Err(format!("more than {MAX_KEYS} keys"));
            }
            let key = parse_entry(entry).map_err(|why| format!("entry {number}: {why}"))?;
            if keys.iter().any(|other| other.record_name() == key.record_name()) {
                return Err(format!("entry {number}: selector and domain are those of another entry"));
            }
            keys.push(key);
        }
        Ok(Self(Arc::new(keys)))
    }
}

fn parse_entry(entry: &str) -> Result<DkimKey, &'static str> {
    let mut parts = entry.splitn(4, ':').map(str::trim);
    let (Some(selector), Some(domain), Some(algorithm), Some(encoded)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("not selector:domain:algorithm:base64");
    };
    let algorithm = match algorithm {
        "rsa" => Algorithm::Rsa,
        "ed25519" => Algorithm::Ed25519,
        _ => return Err("the algorithm is neither rsa nor ed25519"),
    };
    // Into memory that is wiped.
    let length = BASE64.decode_len(encoded.len()).map_err(|_| "the key is not base64")?;
    let mut secret = Zeroizing::new(vec![0; length]);
    let written = BASE64.decode_mut(encoded.as_bytes(), &mut secret).map_err(|_| "the key is not base64")?;
    DkimKey::new(selector, domain, algorithm, secret.get(..written).unwrap_or_default())
}
