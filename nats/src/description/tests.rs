use super::*;

/// The file that stands in the repository: a change of the description is seen in review.
#[test]
fn the_document_in_the_repository_is_this_one() {
    let text = format!("{:#}\n", asyncapi(None));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/asyncapi.json");
    #[expect(clippy::disallowed_methods, reason = "what rewrites snapshots elsewhere rewrites this one")]
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == text, "nats/asyncapi.json is not what the code says: INSTA_UPDATE=always rewrites it");
}

#[test]
fn every_subject_has_its_stream() {
    let document = asyncapi(None);
    let channels = document["channels"].as_object().unwrap();
    assert_eq!(channels.len(), EventKind::ALL.len() + 2);
    for (name, channel) in channels.iter().filter(|(name, _)| *name != "socket") {
        let expected = match name.as_str() {
            "requested" => stream::REQUESTS,
            "dead" => stream::DEAD,
            _ => stream::EVENTS,
        };
        assert_eq!(channel["x-jetstream"]["stream"], expected, "{name}");
        assert_eq!(channel["address"], format!("otp.{name}.{{id}}"));
    }
}

/// No validator here, for this crate has few dependencies: the golden payloads have the members that are written down,
/// each and no others. The system tests hold real ones against the schemas.
#[test]
fn golden_payloads_have_the_members_that_are_described() {
    let golden: Value = serde_json::from_str(include_str!("../../golden/events.json")).unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for event in golden["events"].as_array().unwrap() {
        let kind: EventKind = event["event"].as_str().unwrap().parse().unwrap();
        let schema = payload(kind);
        assert_eq!(names(event), names(&schema["properties"]), "{kind}");
        assert_eq!(names(&event["data"]), names(&schema["properties"]["data"]["properties"]), "{kind}");
        for name in names(&event["data"]) {
            let required = schema["properties"]["data"]["required"].as_array().unwrap();
            assert!(required.contains(&json!(name)), "{kind}.{name}");
        }
    }
}

#[test]
fn where_clients_watch_is_named() {
    let servers = asyncapi(Some("wss://otp.example.com/v1/events"))["servers"].clone();
    assert_eq!(
        (&servers["notifier"]["host"], &servers["notifier"]["protocol"]),
        (&json!("otp.example.com"), &json!("wss"))
    );
}
