use proptest::prelude::*;

use super::*;

fn address(text: &str) -> String {
    EmailAddress::parse(text).unwrap().address().expose_secret().to_owned()
}

fn canonical(text: &str) -> String {
    EmailAddress::parse(text).unwrap().canonical().expose_secret().to_owned()
}

#[test]
fn good_addresses_keep_their_local_part() {
    for (typed, parsed) in [
        ("alice@example.com", "alice@example.com"),
        ("  Alice@EXAMPLE.com ", "Alice@example.com"),
        ("a.b+c!#$%&'*/=?^_`{|}~-@example.co.uk", "a.b+c!#$%&'*/=?^_`{|}~-@example.co.uk"),
        ("\"odd local\"@example.com", "\"odd local\"@example.com"),
        ("\"a@b\"@example.com", "\"a@b\"@example.com"),
        ("\"qu\\\"ote\"@example.com", "\"qu\\\"ote\"@example.com"),
        ("\"a\\ \\b\\\\\"@example.com", "\"a b\\\\\"@example.com"),
        ("info@bücher.example", "info@xn--bcher-kva.example"),
        ("info@BÜCHER.example", "info@xn--bcher-kva.example"),
        ("用户@例え.テスト", "用户@xn--r8jz45g.xn--zckzah"),
        ("x@1.2.example", "x@1.2.example"),
    ] {
        assert_eq!(address(typed), parsed, "{typed}");
    }
}

#[test]
fn bad_addresses_are_refused_with_their_reason() {
    use InvalidEmail::{BadDomain, BadLocalPart, Empty, NoLocalPart, TooLong};
    let long_local = format!("{}@example.com", "a".repeat(65));
    let long = format!("{}@{}.com", "a".repeat(64), "b.".repeat(100));
    let long_label = format!("a@{}.com", "b".repeat(64));
    for (text, reason) in [
        ("", Empty),
        ("   ", Empty),
        ("alice", NoLocalPart),
        ("@example.com", NoLocalPart),
        ("alice@", BadDomain),
        ("alice@localhost", BadDomain),
        ("alice@example.com.", BadDomain),
        ("alice@.example.com", BadDomain),
        ("alice@exa mple.com", BadDomain),
        ("alice@-example.com", BadDomain),
        ("alice@[192.0.2.1]", BadDomain),
        ("alice@192.0.2.1", BadDomain),
        ("alice@exa_mple.com", BadDomain),
        (".alice@example.com", BadLocalPart),
        ("alice.@example.com", BadLocalPart),
        ("al..ice@example.com", BadLocalPart),
        ("al ice@example.com", BadLocalPart),
        ("a@b@example.com", BadLocalPart),
        ("\"\"@example.com", BadLocalPart),
        ("\"a\"b\"@example.com", BadLocalPart),
        ("\"a\\\"@example.com", BadLocalPart),
        ("<alice>@example.com", BadLocalPart),
        ("\"<x>\"@example.com", BadLocalPart),
        ("alice\r\nBcc: bob@example.com", BadLocalPart),
        ("\"alice\r\n\"@example.com", BadLocalPart),
        ("alice@example.com\r\nBcc: bob@example.org", BadLocalPart),
        ("alice\0@example.com", BadLocalPart),
        ("alice,bob@example.com", BadLocalPart),
        (&long_local, TooLong),
        (&long, TooLong),
        (&long_label, BadDomain),
    ] {
        assert_eq!(EmailAddress::parse(text).unwrap_err(), reason, "{text:?}");
    }
}

#[test]
fn spellings_of_one_mailbox_count_as_one() {
    for (typed, form) in [
        ("Alice@Example.com", "alice@example.com"),
        ("alice+news@example.com", "alice@example.com"),
        ("a.l.i.c.e+x@googlemail.com", "alice@gmail.com"),
        ("a.lice@example.com", "a.lice@example.com"),
        ("+tag@example.com", "+tag@example.com"),
        ("\"alice\"@example.com", "alice@example.com"),
        ("\".\"@gmail.com", ".@gmail.com"),
    ] {
        assert_eq!(canonical(typed), form, "{typed}");
    }
}

#[test]
fn prints_masked_only() {
    assert_eq!(format!("{:?}", EmailAddress::parse("alice@example.com").unwrap()), "a***e@example.com");
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,300}") {
        let _answer = EmailAddress::parse(&text);
    }

    #[test]
    fn what_is_accepted_is_one_line_with_one_recipient(text in "[a-z\"\\\\@.,<>\r\n +\u{e9}]{1,20}@[a-z.\r\n-]{1,20}") {
        if let Ok(email) = EmailAddress::parse(&text) {
            let address = email.address().expose_secret().to_owned();
            prop_assert!(!address.contains(['\r', '\n', '<', '>', '\0']));
            let again = EmailAddress::parse(&address).unwrap();
            prop_assert_eq!(again.canonical().expose_secret(), email.canonical().expose_secret());
        }
    }
}
