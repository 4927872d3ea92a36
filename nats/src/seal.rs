//! Sealing: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a key list and associated data.
//!
//! A sealed text is `kid "." base64url(nonce ciphertext tag)`. The nonce has 24 random bytes, enough for any number of
//! messages under one key. The associated data binds the ciphertext to its purpose, the key's id, and the context
//! (subject, id, generation), each part with its length before it, so that no two contexts give the same bytes and a
//! sealed text that is moved to another place does not open.

use std::io::{self, Write};

use chacha20::{R20, hchacha};
use data_encoding::BASE64URL_NOPAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::id::VerificationId;
use crate::keys::{KEY_LENGTH, Key, KeyList};
use crate::random;
use crate::ticket::keyed_hash;

const PURPOSE: &[u8] = b"distotp seal 1";
const TOKEN_PURPOSE: &[u8] = b"distotp sealed token 1";
const TOKEN_NONCE_PURPOSE: &[u8] = b"distotp sealed token nonce 1";
const NONCE_LENGTH: usize = 24;
/// What of the nonce makes the key of one message; the rest is that message's own nonce.
const SUBKEY_NONCE_LENGTH: usize = 16;

/// Where a sealed text belongs.
#[derive(Debug, Clone, Copy)]
pub struct SealContext<'a> {
    /// The subject that it travels on, or the name of the record that holds it.
    pub subject: &'a str,
    /// The verification.
    pub id: &'a VerificationId,
    /// Which mail of the verification.
    pub generation: u32,
}

/// Why a text could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text is not `kid.base64url`.
    #[error("not a sealed text")]
    Malformed,
    /// No key of that id is in the list.
    #[error("sealed with a key that is not in the list")]
    UnknownKey,
    /// The ciphertext or its context was changed.
    #[error("does not open in this context")]
    Tampered,
}

/// Seals `plaintext` with the list's first key.
///
/// # Errors
/// [`SealError::Tampered`] when the text is longer than a cipher takes (256 GiB).
pub fn seal(keys: &KeyList, context: &SealContext<'_>, plaintext: &[u8]) -> Result<String, SealError> {
    let key = keys.first();
    encrypt(key, random::bytes(), &associated_data(key, context), plaintext)
}

/// Opens a sealed text with whichever key of the list it names.
///
/// # Errors
/// [`SealError`], as its variants say.
pub fn open(keys: &KeyList, context: &SealContext<'_>, sealed: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (key, bytes) = named(keys, sealed)?;
    decrypt(key, &associated_data(key, context), bytes)
}

/// As [`seal`], for what tells by itself which verification it is about: bound to a purpose alone, and the same each
/// time. The nonce is a keyed hash of what is sealed, as in SIV (RFC 5297), so that it comes again with the same text alone.
///
/// # Errors
/// [`SealError::Tampered`] when the text is longer than a cipher takes (256 GiB).
pub fn seal_token(keys: &KeyList, purpose: &[u8], plaintext: &[u8]) -> Result<String, SealError> {
    let key = keys.first();
    let hash = keyed_hash(key, &length_prefixed(&[TOKEN_NONCE_PURPOSE, purpose, plaintext]));
    let nonce = std::array::from_fn(|index| hash.get(index).copied().unwrap_or_default());
    encrypt(key, nonce, &length_prefixed(&[TOKEN_PURPOSE, key.id().as_bytes(), purpose]), plaintext)
}

/// Opens what [`seal_token`] has sealed.
///
/// # Errors
/// [`SealError`], as its variants say.
pub fn open_token(keys: &KeyList, purpose: &[u8], sealed: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (key, bytes) = named(keys, sealed)?;
    decrypt(key, &length_prefixed(&[TOKEN_PURPOSE, key.id().as_bytes(), purpose]), bytes)
}

fn encrypt(key: &Key, nonce: [u8; NONCE_LENGTH], associated: &[u8], plaintext: &[u8]) -> Result<String, SealError> {
    let (cipher, short) = cipher(key, &nonce)?;
    let mut bytes = Vec::with_capacity(NONCE_LENGTH + plaintext.len() + CHACHA20_POLY1305.tag_len());
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(plaintext);
    let message = bytes.get_mut(NONCE_LENGTH..).ok_or(SealError::Malformed)?;
    let tag = cipher.seal_in_place_separate_tag(short, Aad::from(associated), message);
    bytes.extend_from_slice(tag.map_err(|_| SealError::Tampered)?.as_ref());
    Ok(key.named(&bytes))
}

/// The key that a sealed text names, and its bytes.
fn named<'k>(keys: &'k KeyList, sealed: &str) -> Result<(&'k Key, Zeroizing<Vec<u8>>), SealError> {
    let (key_id, encoded) = sealed.split_once('.').ok_or(SealError::Malformed)?;
    let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| SealError::Malformed)?;
    Ok((keys.find(key_id).ok_or(SealError::UnknownKey)?, Zeroizing::new(bytes)))
}

/// The plaintext takes the place of the ciphertext.
fn decrypt(key: &Key, associated: &[u8], mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let nonce = *bytes.first_chunk::<NONCE_LENGTH>().ok_or(SealError::Malformed)?;
    let (cipher, short) = cipher(key, &nonce)?;
    let opened = cipher.open_within(short, Aad::from(associated), &mut bytes, NONCE_LENGTH..);
    let length = opened.map_err(|_| SealError::Tampered)?.len();
    bytes.truncate(length);
    Ok(bytes)
}

/// A value as JSON in memory that is wiped. It is measured first: a buffer that grows leaves what it held behind wherever
/// it was before.
///
/// # Errors
/// [`SealError::Malformed`] when the value has no JSON form.
pub fn wiped_json(value: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).map_err(|_| SealError::Malformed)?;
    let mut json = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *json, value).map_err(|_| SealError::Malformed)?;
    Ok(json)
}

/// Counts what is written to it.
struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The cipher of one message, with its nonce (draft-irtf-cfrg-xchacha-03 §2.3).
fn cipher(key: &Key, nonce: &[u8; NONCE_LENGTH]) -> Result<(LessSafeKey, Nonce), SealError> {
    let (long, rest) = nonce.split_first_chunk::<SUBKEY_NONCE_LENGTH>().ok_or(SealError::Malformed)?;
    let subkey = Zeroizing::new(<[u8; KEY_LENGTH]>::from(hchacha::<R20>(key.bytes().into(), long.into())));
    let mut short = [0; NONCE_LEN];
    short.iter_mut().rev().zip(rest.iter().rev()).for_each(|(place, byte)| *place = *byte);
    let cipher = UnboundKey::new(&CHACHA20_POLY1305, subkey.as_slice()).map_err(|_| SealError::Malformed)?;
    Ok((LessSafeKey::new(cipher), Nonce::assume_unique_for_key(short)))
}

fn associated_data(key: &Key, context: &SealContext<'_>) -> Vec<u8> {
    let generation = context.generation.to_be_bytes();
    length_prefixed(&[
        PURPOSE,
        key.id().as_bytes(),
        context.subject.as_bytes(),
        context.id.as_str().as_bytes(),
        &generation,
    ])
}

/// The parts, each with its length as four bytes before it: no two lists of parts give the same bytes.
pub fn length_prefixed(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests;
