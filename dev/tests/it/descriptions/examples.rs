//! The descriptions themselves: they are what they say they are, and their examples are true.

use jsonschema::Draft;
use serde_json::{Value, json};

use super::book::{Book, Schemas, pointer};

#[test]
fn every_example_is_valid() {
    let book = Book::new(otp_gateway::description::openapi(None));
    let mut seen = 0;
    let paths = book.document["paths"].as_object().expect("paths");
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            let at = pointer(&["paths", path, method]);
            let request = format!("{at}/requestBody/content");
            let responses = operation["responses"].as_object().expect("answers").keys();
            let answers = responses.map(|status| format!("{at}/responses/{status}/content"));
            for content in answers.chain([request]) {
                let Some(media) = book.document.pointer(&content).and_then(Value::as_object) else { continue };
                for (kind, media) in media {
                    let schema = format!("{content}{}", pointer(&[kind, "schema"]));
                    for (name, example) in media["examples"].as_object().expect("examples") {
                        assert_eq!(book.faults(&schema, &example["value"]), [] as [&str; 0], "{schema}, {name}");
                        seen += 1;
                    }
                }
            }
        }
    }
    assert!(seen > 80, "{seen} examples");
}

/// The test that holds a system against its description can fail.
#[test]
fn what_is_not_described_is_found() {
    let book = Book::new(otp_gateway::description::openapi(None));
    let place = "/components/schemas/Guess";
    assert_eq!(book.faults(place, &json!({"code": "1"})), [] as [&str; 0]);
    for wrong in [json!({}), json!({"code": 1}), json!({"code": "1", "more": 1}), json!([])] {
        assert_ne!(book.faults(place, &wrong), [] as [&str; 0], "{wrong}");
    }
    let place = "/components/schemas/Verified";
    let verified = json!({"id": "q6cvibzmcgar3gnfx53uhqwmv4eif2puqtnpdtss", "status": "verified", "verified_at": "2026-01-02T03:04:05.000Z", "token": "a.b.c"});
    assert_eq!(book.faults(place, &verified), [] as [&str; 0]);
    for (name, value) in [
        ("id", json!("x")),
        ("status", json!("sent")),
        ("verified_at", json!("2026-01-02")),
        ("token", json!("a")),
        ("more", json!(1)),
    ] {
        let mut wrong = verified.clone();
        wrong[name] = value;
        assert_ne!(book.faults(place, &wrong), [] as [&str; 0], "{name}");
    }
}

#[test]
fn golden_events_are_as_described_and_no_others() {
    let document = otp_nats::description::asyncapi(None);
    let schemas = Schemas::of(&document, Draft::Draft7);
    let golden: Value = serde_json::from_str(include_str!("../../../../nats/golden/events.json")).expect("JSON");
    for event in golden["events"].as_array().expect("events") {
        let place = pointer(&["components", "messages", event["event"].as_str().expect("a name"), "payload"]);
        assert_eq!(schemas.faults(&place, event), [] as [&str; 0], "{event}");
        for member in ["v", "id", "event", "at", "generation", "data"] {
            let mut wrong = event.clone();
            wrong[member] = json!(["wrong"]);
            assert_ne!(schemas.faults(&place, &wrong), [] as [&str; 0], "{member} of {event}");
        }
        let mut more = event.clone();
        more["data"]["more"] = json!(1);
        assert_ne!(schemas.faults(&place, &more), [] as [&str; 0], "{event}");
    }
}
