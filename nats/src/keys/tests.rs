use super::*;

fn entry(id: &str, first: u8) -> String {
    let mut bytes = [7; KEY_LENGTH];
    bytes[0] = first;
    Key::new(id, bytes).unwrap().to_setting().to_string()
}

#[test]
fn first_signs_and_all_are_found() {
    let list: KeyList = format!("{}, {}", entry("new", 1), entry("old", 2)).parse().unwrap();
    assert_eq!(list.first().id(), "new");
    assert_eq!(list.find("old").unwrap().bytes()[0], 2);
    assert!(list.find("none").is_none());
}

#[test]
fn url_alphabet_and_missing_padding_are_read() {
    let bytes: [u8; KEY_LENGTH] = std::array::from_fn(|index| 255 - u8::try_from(index).unwrap());
    for encoded in [BASE64.encode(&bytes), BASE64URL_NOPAD.encode(&bytes)] {
        let list: KeyList = format!("k:{encoded}").parse().unwrap();
        assert_eq!(list.first().bytes(), &bytes);
    }
}

#[test]
fn faults_are_named_by_position_and_never_by_value() {
    let good = entry("a", 1);
    let cases = [
        (String::new(), KeyListError::Empty),
        ("nokey".to_owned(), KeyListError::BadEntry(1)),
        ("k:c2hvcnQ=".to_owned(), KeyListError::BadEntry(1)),
        (format!("{good},{good}"), KeyListError::Repeated(2)),
        (format!("{good},b d:{}", "A".repeat(44)), KeyListError::BadEntry(2)),
        (format!("k:{}=", "A".repeat(43)), KeyListError::Weak(1)),
        ((10..19).map(|n| entry(&format!("k{n}"), n)).collect::<Vec<_>>().join(","), KeyListError::TooMany),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<KeyList>().unwrap_err(), error);
    }
    assert!(!format!("{:?}", good.parse::<KeyList>().unwrap()).contains("BwcH"));
}
