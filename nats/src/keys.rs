//! Lists of secret keys: `kid:base64,kid:base64`. The first key signs or seals, every key is accepted.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Length of every key in bytes.
pub const KEY_LENGTH: usize = 32;
/// At most so many keys in a list: a rotation needs two, and each key costs work on a miss.
pub const MAX_KEYS: usize = 8;
/// Longest key id in characters.
pub const MAX_KEY_ID_LENGTH: usize = 16;

/// A secret key with its public id. Wiped when dropped; its `Debug` shows the id only.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key {
    #[zeroize(skip)]
    id: String,
    bytes: [u8; KEY_LENGTH],
}

impl Key {
    /// A key from its parts; `None` when the id is empty, too long or holds others than letters, digits, `-` and `_`.
    pub fn new(id: &str, bytes: [u8; KEY_LENGTH]) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (1..=MAX_KEY_ID_LENGTH).contains(&id.len()) && id.bytes().all(plain);
        fits.then(|| Self { id: id.to_owned(), bytes })
    }

    /// The key's public name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret.
    pub fn bytes(&self) -> &[u8; KEY_LENGTH] {
        &self.bytes
    }

    /// What was sealed or signed with it, as text: `kid "." base64url(bytes)`.
    pub(crate) fn named(&self, bytes: &[u8]) -> String {
        let mut text = String::with_capacity(self.id.len() + 1 + BASE64URL_NOPAD.encode_len(bytes.len()));
        text.push_str(&self.id);
        text.push('.');
        BASE64URL_NOPAD.encode_append(bytes, &mut text);
        text
    }

    /// The key as the settings spell it: `kid:base64`.
    pub fn to_setting(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}:{}", self.id, BASE64.encode(&self.bytes)))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// One to eight keys with different ids.
#[derive(Debug, Clone)]
pub struct KeyList {
    keys: Vec<Key>,
}

/// Why a text is no key list. It never repeats any of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyListError {
    /// No key at all.
    #[error("holds no key")]
    Empty,
    /// More than eight keys.
    #[error("holds more than {MAX_KEYS} keys")]
    TooMany,
    /// An entry is not `kid:base64` of 32 bytes.
    #[error("entry {0} is not kid:base64 of {KEY_LENGTH} bytes")]
    BadEntry(usize),
    /// A key id stands twice.
    #[error("entry {0} repeats a key id")]
    Repeated(usize),
    /// All bytes of the key are the same.
    #[error("entry {0} is a constant, not a key")]
    Weak(usize),
}

impl KeyList {
    /// A list of one key.
    pub fn single(key: Key) -> Self {
        Self { keys: vec![key] }
    }

    /// Other keys under the same ids, in the same order: each made from the one that it stands for.
    #[must_use]
    pub fn derive(&self, make: impl Fn(&Key) -> [u8; KEY_LENGTH]) -> Self {
        Self { keys: self.keys.iter().map(|key| Key { id: key.id.clone(), bytes: make(key) }).collect() }
    }

    /// The key that signs and seals.
    pub fn first(&self) -> &Key {
        // A list is never empty: both ways to make one see to it.
        #[expect(clippy::indexing_slicing, reason = "a list holds one key at least")]
        &self.keys[0]
    }

    /// The key with this id.
    pub fn find(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// All keys, the first one first.
    pub fn iter(&self) -> std::slice::Iter<'_, Key> {
        self.keys.iter()
    }
}

impl<'a> IntoIterator for &'a KeyList {
    type Item = &'a Key;
    type IntoIter = std::slice::Iter<'a, Key>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromStr for KeyList {
    type Err = KeyListError;

    fn from_str(text: &str) -> Result<Self, KeyListError> {
        let mut keys: Vec<Key> = Vec::new();
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        for (number, entry) in (1..).zip(entries) {
            if number > MAX_KEYS {
                return Err(KeyListError::TooMany);
            }
            let key = parse_entry(entry).ok_or(KeyListError::BadEntry(number))?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(KeyListError::Repeated(number));
            }
            if key.bytes.iter().all(|byte| *byte == key.bytes[0]) {
                return Err(KeyListError::Weak(number));
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(KeyListError::Empty) } else { Ok(Self { keys }) }
    }
}

fn parse_entry(entry: &str) -> Option<Key> {
    let (id, encoded) = entry.split_once(':')?;
    let mut decodings = [BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD].into_iter();
    // Into memory that is wiped: a decoding that fails half way has written half a key.
    let bytes = decodings.find_map(|encoding| {
        let length = encoding.decode_len(encoded.len()).ok()?;
        let mut bytes = Zeroizing::new(vec![0; length]);
        let written = encoding.decode_mut(encoded.as_bytes(), &mut bytes).ok()?;
        <[u8; KEY_LENGTH]>::try_from(bytes.get(..written)?).ok().map(Zeroizing::new)
    })?;
    Key::new(id, *bytes)
}

#[cfg(test)]
mod tests;
