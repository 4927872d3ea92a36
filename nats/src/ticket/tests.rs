use proptest::prelude::*;

use super::*;
use crate::keys::KEY_LENGTH;

const ID: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefgh";
const TICKET: Ticket =
    Ticket { requested_at: Timestamp::from_millis(1000), expires_at: Timestamp::from_millis(301_000) };

fn keys(first: u8, id: &str) -> KeyList {
    let mut bytes = [9; KEY_LENGTH];
    bytes[0] = first;
    KeyList::single(Key::new(id, bytes).unwrap())
}

#[test]
fn says_what_was_signed_until_it_expires() {
    let (keys, id) = (keys(1, "t1"), ID.parse().unwrap());
    let text = TICKET.sign(&keys, &id);
    assert_eq!(Ticket::check(&keys, &id, &text, Timestamp::from_millis(300_999)), Ok(TICKET));
    assert_eq!(Ticket::check(&keys, &id, &text, TICKET.expires_at), Err(TicketError::Expired));
}

#[test]
fn foreign_and_changed_tickets_are_invalid() {
    let (ours, id) = (keys(1, "t1"), ID.parse().unwrap());
    let text = TICKET.sign(&ours, &id);
    let now = Timestamp::from_millis(2000);
    let other_id = ID.replace('a', "b").parse().unwrap();
    assert_eq!(Ticket::check(&ours, &other_id, &text, now), Err(TicketError::Invalid));
    assert_eq!(Ticket::check(&keys(2, "t1"), &id, &text, now), Err(TicketError::Invalid));
    assert_eq!(Ticket::check(&keys(1, "t2"), &id, &text, now), Err(TicketError::Invalid));
    for at in 3..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert_eq!(Ticket::check(&ours, &id, &changed, now), Err(TicketError::Invalid), "character {at}");
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,120}") {
        let id = ID.parse().unwrap();
        prop_assert_eq!(Ticket::check(&keys(1, "t1"), &id, &text, Timestamp::from_millis(0)), Err(TicketError::Invalid));
    }
}
