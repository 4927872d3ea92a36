use proptest::prelude::*;

use super::*;
use crate::keys::KEY_LENGTH;

const ID: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefgh";

fn keys(ids: &[&str]) -> KeyList {
    let entry = |id: &&str| {
        let mut bytes = [1; KEY_LENGTH];
        bytes[..id.len()].copy_from_slice(id.as_bytes());
        Key::new(id, bytes).unwrap().to_setting().to_string()
    };
    ids.iter().map(entry).collect::<Vec<_>>().join(",").parse().unwrap()
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
