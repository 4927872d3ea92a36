//! Sealed requests, records and tickets: what was tampered with never opens.

use otp_gateway::code::Code;
use otp_gateway::record::{Record, RecordSealer};
use otp_nats::event::EventKind;
use otp_nats::request::MailRequest;
use otp_nats::seal::{self, SealContext};
use otp_nats::ticket::{Ticket, TicketError};
use otp_nats::{Timestamp, subject};
use secrecy::ExposeSecret as _;

use super::bytes::number;
use super::{id, keys, text};

/// The alphabet of base64url, out of which a changed character is chosen.
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) fn seal(input: &[u8]) {
    let (keys, id) = (keys(), id(1));
    // Nobody without a key writes what opens.
    if let Some(text) = text(input) {
        assert!(MailRequest::open(&keys, &id, 1, text).is_err(), "{text:?} opens");
        assert!(RecordSealer::new(&keys).open(&id, text).is_err(), "{text:?} opens as a record");
    }
    let (choice, plaintext) = number(input);
    let subject = subject::event(EventKind::Requested, &id);
    let context = SealContext { subject: &subject, id: &id, generation: 1 };
    let sealed = seal::seal(&keys, &context, plaintext).expect("random bytes");
    let opened = seal::open(&keys, &context, &sealed).expect("what was sealed opens");
    assert_eq!(opened.as_slice(), plaintext);
    for other in [
        SealContext { generation: 2, ..context },
        SealContext { subject: "otp.sent", ..context },
        SealContext { id: &super::id(2), ..context },
    ] {
        assert!(seal::open(&keys, &other, &sealed).is_err(), "opens elsewhere: {other:?}");
    }
    let tampered = changed(&sealed, choice);
    assert!(tampered == sealed || seal::open(&keys, &context, &tampered).is_err(), "opens though it was changed");

    // A plaintext of anyone who has the key is read without harm; what is a request stays one.
    if let Ok(request) = MailRequest::open(&keys, &id, 1, &sealed) {
        let again = request.seal(&keys, &id, 3).expect("random bytes");
        let again = MailRequest::open(&keys, &id, 3, &again).expect("it opens");
        assert_eq!(again.email.expose_secret(), request.email.expose_secret());
        assert_eq!((again.locale, again.app), (request.locale, request.app));
    }
    record(plaintext);
}

fn record(plaintext: &[u8]) {
    let Some(text) = text(plaintext) else { return };
    let (sealer, id) = (RecordSealer::new(&keys()), id(1));
    let record = Record {
        email: text.into(),
        code: Code::recorded(text),
        locale: text.to_owned(),
        app: String::new(),
        purpose: Some(text.to_owned()),
        metadata: serde_json::from_str(text).ok(),
    };
    let sealed = sealer.seal(&id, &record).expect("random bytes");
    let opened = sealer.open(&id, &sealed).expect("what was sealed opens");
    assert_eq!(opened.email.expose_secret(), text);
    // `null` reads as no metadata at all, which is what it says.
    let metadata = record.metadata.filter(|value| !value.is_null());
    assert_eq!((opened.locale.as_str(), opened.purpose.as_deref(), opened.metadata), (text, Some(text), metadata));
}

pub(super) fn ticket(input: &[u8]) {
    let (keys, id) = (keys(), id(1));
    if let Some(text) = text(input) {
        assert_eq!(Ticket::check(&keys, &id, text, Timestamp::from_millis(0)), Err(TicketError::Invalid), "{text:?}");
    }
    let (requested, rest) = number(input);
    let (expires, rest) = number(rest);
    let (choice, _) = number(rest);
    let ticket = Ticket {
        requested_at: Timestamp::from_millis(requested.cast_signed()),
        expires_at: Timestamp::from_millis(expires.cast_signed()),
    };
    let signed = ticket.sign(&keys, &id);
    let before = Timestamp::from_millis(expires.cast_signed().saturating_sub(1));
    if before < ticket.expires_at {
        assert_eq!(Ticket::check(&keys, &id, &signed, before), Ok(ticket));
    }
    assert_eq!(Ticket::check(&keys, &id, &signed, ticket.expires_at), Err(TicketError::Expired));
    assert_eq!(Ticket::check(&keys, &super::id(2), &signed, before), Err(TicketError::Invalid));
    let tampered = changed(&signed, choice);
    let checked = Ticket::check(&keys, &id, &tampered, before);
    assert!(tampered == signed || checked == Err(TicketError::Invalid), "{tampered:?} for {signed:?}");
}

/// The text with one character changed, taken away or added, as the choice says.
fn changed(text: &str, choice: u64) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let place = usize::try_from(choice % (bytes.len() as u64)).unwrap_or(0);
    let letter = ALPHABET.get(usize::try_from(choice >> 16 & 63).unwrap_or(0)).copied().unwrap_or(b'A');
    match choice >> 32 & 3 {
        0 => {
            bytes.remove(place);
        }
        1 => bytes.insert(place, letter),
        2 => bytes.truncate(place),
        _ => bytes.splice(place..=place, [letter]).for_each(drop),
    }
    String::from_utf8(bytes).expect("ASCII stays ASCII")
}
