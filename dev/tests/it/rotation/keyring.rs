//! Lists of keys in files, as operators keep them.

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, VerifyingKey};
use otp_nats::keys::Key;
use serde_json::Value;
use tempfile::TempDir;

/// What a key is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Seal,
    Ticket,
    Hash,
    Signing,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::Seal, Self::Ticket, Self::Hash, Self::Signing];

    const fn setting(self) -> &'static str {
        match self {
            Self::Seal => "OTP_SEAL_KEYS",
            Self::Ticket => "OTP_TICKET_KEYS",
            Self::Hash => "OTP_HASH_KEYS",
            Self::Signing => "OTP_SIGNING_KEYS",
        }
    }
}

/// A file for each purpose.
pub(super) struct Keyring {
    folder: TempDir,
}

impl Keyring {
    /// With one key for each.
    pub(super) fn new(name: &str) -> Self {
        let keyring = Self { folder: tempfile::tempdir().expect("a directory") };
        keyring.set_all(&[name]);
        keyring
    }

    /// The settings that name the files.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&'static str, String)> {
        Purpose::ALL.into_iter().map(|purpose| {
            let name: &'static str = match purpose {
                Purpose::Seal => "OTP_SEAL_KEYS_FILE",
                Purpose::Ticket => "OTP_TICKET_KEYS_FILE",
                Purpose::Hash => "OTP_HASH_KEYS_FILE",
                Purpose::Signing => "OTP_SIGNING_KEYS_FILE",
            };
            (name, self.folder.path().join(purpose.setting()).display().to_string())
        })
    }

    /// Lists the keys of these names, the first one first; services read them when they start.
    pub(super) fn set(&self, purpose: Purpose, names: &[&str]) {
        let keys: Vec<String> = names.iter().map(|name| key(purpose, name).to_setting().to_string()).collect();
        std::fs::write(self.folder.path().join(purpose.setting()), keys.join(",")).expect("written");
    }

    pub(super) fn set_all(&self, names: &[&str]) {
        for purpose in Purpose::ALL {
            self.set(purpose, names);
        }
    }
}

/// Always the same for a name, and another one for each purpose.
fn key(purpose: Purpose, name: &str) -> Key {
    let text = format!("{} {name} {}", purpose.setting(), "x".repeat(32));
    let mut bytes = [0; 32];
    for (at, byte) in text.bytes().enumerate() {
        bytes[at % 32] ^= byte.rotate_left(u32::try_from(at / 32).expect("short"));
    }
    Key::new(name, bytes).expect("a key")
}

/// Whether a key of this set has signed the token.
pub(super) fn verifies(key_set: &Value, token: &str) -> bool {
    let decode = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).expect("Base64");
    let (signed, signature) = token.rsplit_once('.').expect("a token");
    let header: Value = serde_json::from_slice(&decode(signed.split('.').next().expect("a header"))).expect("JSON");
    let key = key_set["keys"].as_array().expect("keys").iter().find(|key| key["kid"] == header["kid"]);
    let Some(key) = key else { return false };
    let x: [u8; 32] = decode(key["x"].as_str().expect("x")).try_into().expect("32 bytes");
    let signature = Signature::from_slice(&decode(signature)).expect("64 bytes");
    VerifyingKey::from_bytes(&x).expect("a point").verify_strict(signed.as_bytes(), &signature).is_ok()
}
