//! Recipients and verification ids: keyed hashes of what must not be readable.

use std::sync::Arc;

use otp_nats::VerificationId;
use otp_nats::id::IdParts;
use otp_nats::keys::KeyList;
use otp_nats::random;
use otp_nats::seal::length_prefixed;
use otp_nats::ticket::keyed_hash;
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use crate::apps::{App, Apps, HINT_LENGTH};
use crate::email::EmailAddress;

const TAG: &[u8] = b"distotp recipient tag 1";
const CHECK: &[u8] = b"distotp id check 1";
const SCOPE: &[u8] = b"distotp scope 1";
const NONCE_LENGTH: usize = 10;

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
    /// address: all keys of a recipient share a Redis slot, and nobody without the key can tell whose they are. The
    /// last bytes of its nonce are the app's hint.
    pub fn mint(&self, app: &App, email: &EmailAddress) -> VerificationId {
        let mut nonce: [u8; NONCE_LENGTH] = random::bytes();
        if let Some(hint) = nonce.last_chunk_mut::<HINT_LENGTH>() {
            *hint = app.hint();
        }
        let key = self.keys.first();
        let message = length_prefixed(&[TAG, app.id.as_bytes(), email.canonical().expose_secret().as_bytes()]);
        let tag = truncated(keyed_hash(key, &message));
        let check = truncated(keyed_hash(key, &check_message(&app.id, &tag, &nonce)));
        VerificationId::from_parts(&IdParts { tag, nonce, check })
    }

    /// The app that this service made the id for; `None` for an id that it never made, and one of an app that is gone.
    pub fn app_of<'a>(&self, id: &VerificationId, apps: &'a Apps) -> Option<&'a Arc<App>> {
        let IdParts { tag, nonce, check } = id.parts();
        let hint = *nonce.last_chunk::<HINT_LENGTH>()?;
        apps.with_hint(hint).iter().find(|app| {
            let message = check_message(&app.id, &tag, &nonce);
            self.keys.iter().any(|key| truncated::<5>(keyed_hash(key, &message)).as_slice().ct_eq(&check).into())
        })
    }

    /// A keyed hash for a Redis key that stands for `parts`: an IP address, an idempotency key, a purpose.
    pub fn scope(&self, parts: &[&[u8]]) -> String {
        let mut all = vec![SCOPE];
        all.extend_from_slice(parts);
        let hash: [u8; 10] = truncated(keyed_hash(self.keys.first(), &length_prefixed(&all)));
        data_encoding::HEXLOWER.encode(&hash)
    }
}

fn check_message(app: &str, tag: &[u8], nonce: &[u8]) -> Vec<u8> {
    length_prefixed(&[CHECK, app.as_bytes(), tag, nonce])
}

fn truncated<const N: usize>(hash: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|index| hash.get(index).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use otp_nats::keys::Key;

    use super::*;
    use crate::apps::tests::app;

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
        let (shop, forum) = (app("shop"), app("forum"));
        let alice = ids.mint(&shop, &email("alice@example.com"));
        assert_eq!(alice.tag(), ids.mint(&shop, &email("Alice+x@EXAMPLE.com")).tag());
        assert_ne!(alice, ids.mint(&shop, &email("alice@example.com")));
        assert_ne!(alice.tag(), ids.mint(&forum, &email("alice@example.com")).tag());
        assert_ne!(alice.tag(), ids.mint(&shop, &email("bob@example.com")).tag());
    }

    #[test]
    fn foreign_ids_are_told_apart() {
        let apps = Apps::new(Some(app("")), vec![(app("shop"), Vec::new())]);
        for name in ["", "shop"] {
            let id = ids(1).mint(&app(name), &email("alice@example.com"));
            assert_eq!(ids(1).app_of(&id, &apps).unwrap().id, name);
            assert!(ids(2).app_of(&id, &apps).is_none());
            assert!(ids(1).app_of(&id, &Apps::default()).is_none());
            for byte in 0..10 {
                let mut changed = id.parts();
                changed.nonce[byte] ^= 1;
                assert!(ids(1).app_of(&VerificationId::from_parts(&changed), &apps).is_none());
            }
            let hint = apps.open().unwrap().hint();
            let mut claimed = ids(1).mint(&app("shop"), &email("alice@example.com")).parts();
            claimed.nonce[8..].copy_from_slice(&hint);
            assert!(ids(1).app_of(&VerificationId::from_parts(&claimed), &apps).is_none(), "the hint proves nothing");
        }
    }
}
