use super::*;

#[test]
fn every_golden_event_is_forwarded_with_its_data_untouched() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("../../../nats/golden/events.json")).unwrap();
    for (seq, event) in (1..).zip(golden["events"].as_array().unwrap()) {
        let notice = Notice::read(seq, event.to_string().as_bytes()).unwrap();
        let frame: serde_json::Value = serde_json::from_str(&notice.frame).unwrap();
        let expected = json!({
            "type": "event", "id": event["id"], "seq": seq, "event": event["event"], "at": event["at"],
            "data": event["data"],
        });
        assert_eq!(frame, expected);
        assert_eq!(u64::from(notice.generation), event["generation"].as_u64().unwrap());
    }
}

#[test]
fn the_longest_frame_is_written_in_one_go() {
    let payload = br#"{"v":1,"id":"abcdefghijklmnopqrstuvwxyz234567abcdefgh","event":"superseded","at":"2026-01-02T03:04:05.678Z","generation":1,"data":{}}"#;
    let notice = Notice::read(u64::MAX, payload).unwrap();
    assert_eq!(notice.frame.len(), "{}".len() + OTHER_OCTETS);
}

#[test]
fn what_is_stored_twice_has_one_fingerprint() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("../../../nats/golden/events.json")).unwrap();
    let read =
        |seq: u64, event: &serde_json::Value| Notice::read(seq, event.to_string().as_bytes()).unwrap().fingerprint;
    let events = golden["events"].as_array().unwrap();
    let all: std::collections::BTreeSet<u64> = events.iter().map(|event| read(1, event)).collect();
    assert_eq!(all.len(), events.len());
    assert!(events.iter().all(|event| read(1, event) == read(2, event)));
}

#[test]
fn what_is_newer_or_broken_is_told_apart() {
    assert_eq!(Notice::read(1, b"{}").unwrap_err(), EventError::Malformed);
    assert_eq!(Notice::read(1, br#"{"v":2}"#).unwrap_err(), EventError::Unsupported);
    let unknown = br#"{"v":1,"id":"abcdefghijklmnopqrstuvwxyz234567abcdefgh","event":"bounced","at":"2026-01-02T03:04:05.000Z","generation":1,"data":{}}"#;
    assert_eq!(Notice::read(1, unknown).unwrap_err(), EventError::Unsupported);
}

#[test]
fn requested_comes_from_the_ticket_alone() {
    let id: VerificationId = "abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().unwrap();
    let frame = requested(&id, Timestamp::from_millis(1_000), Timestamp::from_millis(301_000));
    let frame: serde_json::Value = serde_json::from_str(&frame).unwrap();
    assert_eq!(
        frame,
        json!({"type": "event", "id": id, "seq": 0, "event": "requested", "at": "1970-01-01T00:00:01.000Z",
            "data": {"expires_at": "1970-01-01T00:05:01.000Z"}})
    );
}

/// An event for other modules' tests.
pub(crate) fn notice(id: VerificationId, seq: u64) -> Arc<Notice> {
    notice_of(id, seq, EventKind::Sent, 1)
}

/// An event for other modules' tests.
pub(crate) fn notice_of(id: VerificationId, seq: u64, kind: EventKind, generation: u32) -> Arc<Notice> {
    Arc::new(Notice {
        seq,
        id,
        kind,
        generation,
        fingerprint: seq,
        trace: None,
        frame: Utf8Bytes::from("x".repeat(100)),
    })
}
