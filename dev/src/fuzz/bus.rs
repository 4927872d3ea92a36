//! What travels on the bus: events, subjects, ids.

use otp_nats::event::Envelope;
use otp_nats::request::DeadLetter;
use otp_nats::{Event, Timestamp, VerificationId, subject};

use super::text;

/// What a frame has beyond the payload that it is made of: its own members' names and the sequence.
const FRAME_EXTRA: usize = 256;

pub(super) fn event(input: &[u8]) {
    let frame = otp_notifier::fuzz::notice(input);
    if let Ok(frame) = &frame {
        // By its grammar: what stands in `data` comes from our own services and goes on as it came.
        assert!(serde_json::from_str::<&serde_json::value::RawValue>(frame).is_ok(), "no JSON: {frame:?}");
        assert!(frame.starts_with(r#"{"type":"event","id":""#), "{frame:?}");
        assert!(frame.len() <= input.len() + FRAME_EXTRA, "{} out of {}", frame.len(), input.len());
    }
    let letter: Result<DeadLetter, _> = serde_json::from_slice(input);
    if let Ok(letter) = letter {
        assert!(letter.message_id().len() <= 80);
    }
    let Ok(event) = Event::from_json(input) else { return };
    let envelope = Envelope::from_json(input).expect("an event has an envelope");
    assert_eq!((envelope.id, envelope.at, envelope.generation), (event.id, event.at, event.generation));
    assert_eq!(envelope.kind(), Ok(event.kind()));
    assert!(frame.is_ok(), "an event that clients can't be told of");

    let written = event.to_json();
    assert_eq!(Event::from_json(&written), Ok(event.clone()));
    assert_eq!(Event::from_json(&written).expect("an event").to_json(), written, "one event has one spelling");
    let message_id = event.message_id();
    assert!(message_id.len() <= 128 && !message_id.contains(char::is_whitespace), "{message_id:?}");
    let parsed = subject::parse(&event.subject()).expect("a subject");
    assert_eq!((parsed.kind, parsed.id), (event.kind(), event.id));
}

pub(super) fn id(input: &[u8]) {
    let Some(text) = text(input) else { return };
    if let Some(parsed) = subject::parse(text) {
        assert_eq!(subject::event(parsed.kind, &parsed.id), text);
    }
    if let Ok(at) = Timestamp::parse(text) {
        let written = at.to_string();
        assert_eq!(written.len(), 24, "{written}");
        assert_eq!(Timestamp::parse(&written).ok(), Some(at));
    }
    let Ok(id) = text.parse::<VerificationId>() else { return };
    assert_eq!(id.as_str(), text);
    assert_eq!(VerificationId::from_parts(&id.parts()), id);
    assert!(text.starts_with(id.tag()) && id.tag().len() == 16);
    let json = serde_json::to_vec(&id).expect("JSON");
    assert_eq!(serde_json::from_slice::<VerificationId>(&json).ok(), Some(id));
    assert!(subject::dead_letter(&id).bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.'));
}
