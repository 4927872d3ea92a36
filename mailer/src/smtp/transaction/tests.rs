use proptest::prelude::*;

use super::*;

#[test]
fn stuffs_dots_and_ends_lines() {
    for (message, wire) in [
        ("", ".\r\n"),
        ("a", "a\r\n.\r\n"),
        ("a\r\n", "a\r\n.\r\n"),
        (".\r\n..\r\na.\r\n", "..\r\n...\r\na.\r\n.\r\n"),
        ("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
        ("a\r.\rb\r\r\n", "a\r\n..\r\nb\r\n\r\n.\r\n"),
        ("\r\n.\r\n", "\r\n..\r\n.\r\n"),
    ] {
        assert_eq!(String::from_utf8(wire_form(message.as_bytes())).unwrap(), wire, "{message:?}");
    }
}

fn mail(to: &str, message: &str) -> Outgoing {
    Outgoing::new("codes@example.com".parse().unwrap(), to.parse().unwrap(), message.as_bytes())
}

#[test]
fn asks_for_what_it_needs_and_offers_nothing_without() {
    let mut all = Capabilities::default();
    (all.utf8, all.eight_bit) = (true, true);
    let none = Capabilities::default();
    let [(_, from), (_, to), (_, data)] = mail("alice@example.com", "text").commands(&none).unwrap();
    assert_eq!((from.as_str(), to.as_str()), ("MAIL FROM:<codes@example.com>\r\n", "RCPT TO:<alice@example.com>\r\n"));
    assert_eq!(data, "DATA\r\n");
    let [(_, from), ..] = mail("älice@example.com", "täxt").commands(&all).unwrap();
    assert_eq!(from, "MAIL FROM:<codes@example.com> SMTPUTF8 BODY=8BITMIME\r\n");
    assert!(mail("älice@example.com", "text").commands(&none).is_err());
    assert!(mail("alice@example.com", "täxt").commands(&none).is_err());
}

proptest! {
    #[test]
    fn only_the_end_looks_like_the_end(message in prop::collection::vec(prop_oneof![
        Just(b'\r'), Just(b'\n'), Just(b'.'), any::<u8>()
    ], 0..200)) {
        let wire = wire_form(&message);
        let ends: Vec<usize> = (0..wire.len()).filter(|&at| {
            wire[at..].starts_with(b".\r\n") && (at == 0 || wire[..at].ends_with(b"\n"))
        }).collect();
        prop_assert_eq!(ends, vec![wire.len() - 3]);
        for (at, byte) in wire.iter().enumerate() {
            match byte {
                b'\r' => prop_assert_eq!(wire.get(at + 1), Some(&b'\n')),
                b'\n' => prop_assert!(at > 0 && wire[at - 1] == b'\r'),
                _ => {}
            }
        }
    }
}
