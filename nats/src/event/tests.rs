use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ID: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefgh";

fn golden() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../golden/events.json")).unwrap();
    file["events"].as_array().unwrap().clone()
}

#[test]
fn golden_payloads_are_read_and_written_unchanged() {
    for expected in golden() {
        let event = Event::from_json(expected.to_string().as_bytes()).unwrap();
        let written: Value = serde_json::from_slice(&event.to_json()).unwrap();
        assert_eq!(written, expected);
    }
}

#[test]
fn golden_file_holds_every_kind_and_every_reason() {
    let events = golden();
    for kind in EventKind::ALL {
        assert!(events.iter().any(|event| event["event"] == kind.as_str()), "{kind} is missing");
    }
    let reasons: Vec<&str> = events.iter().filter_map(|event| event["data"]["reason"].as_str()).collect();
    for reason in [
        Reason::Unreachable,
        Reason::TimedOut,
        Reason::ConnectionLost,
        Reason::TlsFailed,
        Reason::AuthenticationFailed,
        Reason::Busy,
        Reason::Refused,
        Reason::NoTimeLeft,
        Reason::RetriesExhausted,
        Reason::Unreadable,
    ] {
        let name = serde_json::to_value(reason).unwrap();
        assert!(reasons.contains(&name.as_str().unwrap()), "{name} is missing");
    }
}

#[test]
fn message_ids_differ_where_the_events_differ() {
    let mut seen = std::collections::HashSet::new();
    for payload in golden() {
        let event = Event::from_json(payload.to_string().as_bytes()).unwrap();
        let key = (event.kind(), payload["data"]["attempt"].clone(), payload["data"]["attempts_left"].clone());
        if seen.insert(format!("{key:?}")) {
            assert!(seen.insert(event.message_id()), "{} twice", event.message_id());
        }
    }
}

#[test]
fn newer_and_broken_payloads_are_told_apart() {
    let newer = json!({"v": 2, "id": ID, "what": "else"});
    let unknown =
        json!({"v": 1, "id": ID, "event": "teleported", "at": "2026-01-01T00:00:00.000Z", "generation": 1, "data": {}});
    let broken =
        json!({"v": 1, "id": "x", "event": "sent", "at": "2026-01-01T00:00:00.000Z", "generation": 1, "data": {}});
    assert_eq!(Event::from_json(newer.to_string().as_bytes()), Err(EventError::Unsupported));
    assert_eq!(Event::from_json(unknown.to_string().as_bytes()), Err(EventError::Unsupported));
    assert_eq!(Event::from_json(broken.to_string().as_bytes()), Err(EventError::Malformed));
    assert_eq!(Event::from_json(b"\xff"), Err(EventError::Malformed));
}

#[test]
fn unknown_members_and_reasons_are_tolerated() {
    let payload = json!({"v": 1, "id": ID, "event": "failed", "at": "2026-01-01T00:00:00.000Z", "generation": 1,
        "data": {"reason": "gravity", "reply": null, "more": 1}, "new": true});
    let event = Event::from_json(payload.to_string().as_bytes()).unwrap();
    assert_eq!(event.body, Body::Failed { reason: Reason::Unknown, reply: None });
}

proptest! {
    #[test]
    fn any_bytes_are_answered(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _answer = Event::from_json(&payload);
    }
}
