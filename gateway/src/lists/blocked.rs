//! Who never gets mail, after a complaint for example: domains, and recipients by hash, so that neither file nor memory
//! need hold an address.

use std::collections::BTreeMap;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use otp_nats::keys::{Key, KeyList};
use otp_nats::seal::length_prefixed;
use otp_nats::ticket::keyed_hash;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::{DomainList, LineFault, entries};
use crate::email::EmailAddress;

const PURPOSE: &[u8] = b"distotp blocked recipient 1";
const PLAIN: &str = "sha256";
const KEYED: &str = "hmac";

type Hash = [u8; 32];

/// Domains and recipients.
#[derive(Debug, Default)]
pub struct BlockedList {
    domains: DomainList,
    plain: Vec<Hash>,
    /// By the id of the key that they were hashed with, and that key.
    keyed: Vec<(Key, Vec<Hash>)>,
}

impl BlockedList {
    /// Reads a list with one of these on each line: a domain, which stands for all below it too; an address; or a
    /// recipient's hash as [`entry`] prints it. `keys` are the hash keys.
    ///
    /// # Errors
    /// The first line that is none of them, or was hashed with a key that is not there.
    pub fn parse(bytes: &[u8], keys: &KeyList) -> Result<Self, LineFault> {
        let mut list = Self::default();
        let mut keyed: BTreeMap<&str, Vec<Hash>> = BTreeMap::new();
        for (line, entry) in entries(bytes)? {
            let fault = |fault| LineFault { line, fault };
            match entry.split_once(':') {
                Some((PLAIN, hash)) => list.plain.push(hash_of(hash).ok_or(fault("is no sha256:HEX"))?),
                Some((KEYED, rest)) => {
                    let (key, hash) = rest.split_once(':').ok_or(fault("is no hmac:KEY:HEX"))?;
                    keyed.entry(key).or_default().push(hash_of(hash).ok_or(fault("is no hmac:KEY:HEX"))?);
                    // Told, not passed over: a recipient who is forgotten gets mail again.
                    keys.find(key).ok_or(fault("was hashed with a key that is not among OTP_HASH_KEYS"))?;
                }
                _ => match entry.split_once('@') {
                    Some((local, _)) if !local.is_empty() => {
                        let email = EmailAddress::parse(entry).map_err(|_| fault("is no address"))?;
                        list.plain.push(plain_hash(&email));
                    }
                    _ => list.domains.push(entry).ok_or(fault("is no domain"))?,
                },
            }
        }
        list.domains = list.domains.sorted();
        list.plain.sort_unstable();
        for (id, mut hashes) in keyed {
            hashes.sort_unstable();
            list.keyed.extend(keys.find(id).map(|key| (key.clone(), hashes)));
        }
        Ok(list)
    }

    /// The domains.
    pub const fn domains(&self) -> &DomainList {
        &self.domains
    }

    /// Whether the list has this mailbox.
    pub fn has(&self, email: &EmailAddress) -> bool {
        self.plain.binary_search(&plain_hash(email)).is_ok()
            || self.keyed.iter().any(|(key, hashes)| hashes.binary_search(&hash_with(key, email)).is_ok())
    }
}

/// The line that blocks a recipient: with a key, a hash that is worth nothing without it; without one, a hash that
/// whoever has the file can try addresses against.
pub fn entry(email: &EmailAddress, key: Option<&Key>) -> String {
    match key {
        Some(key) => format!("{KEYED}:{}:{}", key.id(), HEXLOWER.encode(&hash_with(key, email))),
        None => format!("{PLAIN}:{}", HEXLOWER.encode(&plain_hash(email))),
    }
}

fn hash_of(hex: &str) -> Option<Hash> {
    HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?.try_into().ok()
}

fn plain_hash(email: &EmailAddress) -> Hash {
    Sha256::digest(email.canonical().expose_secret().as_bytes()).into()
}

fn hash_with(key: &Key, email: &EmailAddress) -> Hash {
    keyed_hash(key, &length_prefixed(&[PURPOSE, email.canonical().expose_secret().as_bytes()]))
}
