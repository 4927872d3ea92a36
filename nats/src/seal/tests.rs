use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;

const ID: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefgh";

fn keys(ids: &[&str]) -> KeyList {
    let entry = |id: &&str| {
        let mut bytes = [1; KEY_LENGTH];
        bytes[..id.len()].copy_from_slice(id.as_bytes());
        Key::new(id, bytes).unwrap().to_setting().to_string()
    };
    ids.iter().map(entry).collect::<Vec<_>>().join(",").parse().unwrap()
}

/// The vector of draft-irtf-cfrg-xchacha-03, appendix A.3.1.
#[test]
fn the_cipher_is_the_one_that_it_is_called() {
    let key = Key::new("k", std::array::from_fn(|index| 0x80 + u8::try_from(index).unwrap())).unwrap();
    let nonce = std::array::from_fn(|index| 0x40 + u8::try_from(index).unwrap());
    let associated = HEXLOWER.decode(b"50515253c0c1c2c3c4c5c6c7").unwrap();
    let text = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                sunscreen would be it.";
    let expected = "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb\
                    731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452\
                    2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9\
                    21f9664c97637da9768812f615c68b13b52e\
                    c0875924c1c7987947deafd8780acf49";
    let sealed = encrypt(&key, nonce, &associated, text.as_bytes()).unwrap();
    let bytes = BASE64URL_NOPAD.decode(sealed.strip_prefix("k.").unwrap().as_bytes()).unwrap();
    assert_eq!(HEXLOWER.encode(&bytes[NONCE_LENGTH..]), expected);
    assert_eq!(decrypt(&key, &associated, bytes.into()).unwrap().as_slice(), text.as_bytes());
}

#[test]
fn opens_only_in_its_context() {
    let (id, keys) = (ID.parse().unwrap(), keys(&["k1"]));
    let context = SealContext { subject: "otp.requested.x", id: &id, generation: 1 };
    let sealed = seal(&keys, &context, b"secret").unwrap();
    assert_eq!(open(&keys, &context, &sealed).unwrap().as_slice(), b"secret");

    let other_id = ID.replace('a', "b").parse().unwrap();
    for wrong in [
        SealContext { subject: "otp.requested.y", ..context },
        SealContext { id: &other_id, ..context },
        SealContext { generation: 2, ..context },
    ] {
        assert_eq!(open(&keys, &wrong, &sealed), Err(SealError::Tampered));
    }
}

#[test]
fn every_flipped_character_is_noticed() {
    let (id, keys) = (ID.parse().unwrap(), keys(&["k1"]));
    let context = SealContext { subject: "s", id: &id, generation: 1 };
    let sealed = seal(&keys, &context, b"secret").unwrap();
    for at in 0..sealed.len() {
        let mut bytes = sealed.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert!(open(&keys, &context, std::str::from_utf8(&bytes).unwrap()).is_err(), "character {at}");
    }
}

#[test]
fn rotation_keeps_old_texts_open() {
    let id = ID.parse().unwrap();
    let context = SealContext { subject: "s", id: &id, generation: 1 };
    let sealed = seal(&keys(&["old"]), &context, b"secret").unwrap();
    assert!(sealed.starts_with("old."));
    assert!(open(&keys(&["new", "old"]), &context, &sealed).is_ok());
    assert_eq!(open(&keys(&["new"]), &context, &sealed), Err(SealError::UnknownKey));
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,100}") {
        let id = ID.parse().unwrap();
        let opened = open(&keys(&["k1"]), &SealContext { subject: "s", id: &id, generation: 1 }, &text);
        prop_assert!(opened.is_err());
    }

    #[test]
    fn length_prefixes_are_injective(a in "[ab]{0,3}", b in "[ab]{0,3}", c in "[ab]{0,3}", d in "[ab]{0,3}") {
        let (left, right) = (length_prefixed(&[a.as_bytes(), b.as_bytes()]), length_prefixed(&[c.as_bytes(), d.as_bytes()]));
        prop_assert_eq!(left == right, a == c && b == d);
    }
}

#[test]
fn json_is_written_without_a_move() {
    let value = serde_json::json!({"code": "0123456789", "text": "\u{1F511}\"\\".repeat(100)});
    let json = wiped_json(&value).unwrap();
    assert_eq!(*json, serde_json::to_vec(&value).unwrap());
    assert_eq!(json.capacity(), json.len(), "measured exactly, so that it never grew");
}
