//! Recipients and verification ids: keyed hashes of what must not be readable.

use otp_nats::VerificationId;
use otp_nats::id::IdParts;
use otp_nats::keys::KeyList;
use otp_nats::seal::length_prefixed;
use otp_nats::ticket::keyed_hash;
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use crate::email::EmailAddress;

const TAG: &[u8] = b"distotp recipient tag 1";
const CHECK: &[u8] = b"distotp id check 1";
const SCOPE: &[u8] = b"distotp scope 1";

/// Makes ids for recipients and tells its own ids from others.
#[derive(Debug, Clone)]
pub struct Ids {
    keys: KeyList,
}

impl Ids {
    /// With the hash keys: the first makes ids, all of them recognise them.
    pub const fn new(keys: KeyList) -> Self {
        Self { keys }
    }

    /// A fresh id for a verification of this recipient by this app. Its tag is a keyed hash of app and canonical
    /// address: all keys of a recipient share a Redis slot, and nobody without the key can tell whose they are.
    ///
    /// # Errors
    /// The system gave no random bytes.
    pub fn mint(&self, app: &str, email: &EmailAddress) -> Result<VerificationId, getrandom::Error> {
        let mut nonce = [0; 10];
        getrandom::fill(&mut nonce)?;
        let key = self.keys.first();
        let message = length_prefixed(&[TAG, app.as_bytes(), email.canonical().expose_secret().as_bytes()]);
        let tag = truncated(keyed_hash(key, &message));
        let check = truncated(keyed_hash(key, &length_prefixed(&[CHECK, &tag, &nonce])));
        Ok(VerificationId::from_parts(&IdParts { tag, nonce, check }))
    }

    /// Whether this service made the id.
    pub fn made(&self, id: &VerificationId) -> bool {
        let IdParts { tag, nonce, check } = id.parts();
        let message = length_prefixed(&[CHECK, &tag, &nonce]);
        self.keys.iter().any(|key| truncated::<5>(keyed_hash(key, &message)).as_slice().ct_eq(&check).into())
    }

    /// A keyed hash for a Redis key that stands for `parts`: an IP address, an idempotency key, a purpose.
    pub fn scope(&self, parts: &[&[u8]]) -> String {
        let mut all = vec![SCOPE];
        all.extend_from_slice(parts);
        let hash: [u8; 10] = truncated(keyed_hash(self.keys.first(), &length_prefixed(&all)));
        data_encoding::HEXLOWER.encode(&hash)
    }
}

fn truncated<const N: usize>(hash: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|index| hash.get(index).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use otp_nats::keys::Key;

    use super::*;

    fn ids(first: u8) -> Ids {
        let mut bytes = [3; 32];
        bytes[0] = first;
        Ids::new(KeyList::single(Key::new("h1", bytes).unwrap()))
    }

    fn email(text: &str) -> EmailAddress {
        EmailAddress::parse(text).unwrap()
    }

    #[test]
    fn one_mailbox_has_one_tag_for_an_app() {
        let ids = ids(1);
        let alice = ids.mint("shop", &email("alice@example.com")).unwrap();
        assert_eq!(alice.tag(), ids.mint("shop", &email("Alice+x@EXAMPLE.com")).unwrap().tag());
        assert_ne!(alice, ids.mint("shop", &email("alice@example.com")).unwrap());
        assert_ne!(alice.tag(), ids.mint("forum", &email("alice@example.com")).unwrap().tag());
        assert_ne!(alice.tag(), ids.mint("shop", &email("bob@example.com")).unwrap().tag());
    }

    #[test]
    fn foreign_ids_are_told_apart() {
        let id = ids(1).mint("", &email("alice@example.com")).unwrap();
        assert!(ids(1).made(&id));
        assert!(!ids(2).made(&id));
        let mut changed = id.parts();
        changed.nonce[0] ^= 1;
        assert!(!ids(1).made(&VerificationId::from_parts(&changed)));
    }
}
