//! What targets make out of an input.

use otp_nats::VerificationId;
use otp_nats::id::IdParts;
use otp_nats::keys::{Key, KeyList};

/// The input as text; what is no UTF-8 never reaches the parsers of text.
pub(super) fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}

/// Two keys, always the same.
pub(super) fn keys() -> KeyList {
    "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,k2:HxwdHh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRo="
        .parse()
        .or_else(|_| Key::new("k1", [7; 32]).map(KeyList::single).ok_or(()))
        .expect("a list of keys")
}

/// An id for each number.
pub(super) fn id(number: u8) -> VerificationId {
    VerificationId::from_parts(&IdParts { tag: [number; 10], nonce: [7; 10], check: [9; 5] })
}

/// Takes a number of eight bytes off the front; what is missing counts as zero.
pub(super) fn number(input: &[u8]) -> (u64, &[u8]) {
    let (front, rest) = input.split_at(input.len().min(8));
    let mut bytes = [0; 8];
    for (byte, given) in bytes.iter_mut().zip(front) {
        *byte = *given;
    }
    (u64::from_be_bytes(bytes), rest)
}
