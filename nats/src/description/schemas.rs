//! Schemas of what the socket and the bus carry, in the part of JSON Schema that draft 07 and 2020-12 share.

use serde_json::{Map, Value, json};

use crate::event::{EventKind, Reason, VERSION};
use crate::id::ID_LENGTH;

/// Who reads an event: a client gets none of what is sealed for the mailers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A service, from NATS.
    Service,
    /// A client, from the socket or from `GET /v1/verifications/{id}`.
    Client,
}

/// Schemas that others refer to under `#/components/schemas/`, by name.
pub fn shared() -> Map<String, Value> {
    // Open on purpose: later versions may give further reasons, and clients are to take them.
    let reasons: Vec<Value> = Reason::ALL.into_iter().map(|reason| json!(reason)).collect();
    let schemas = json!({
        "VerificationId": {
            "type": "string", "pattern": format!("^[a-z2-7]{{{ID_LENGTH}}}$"),
            "description": "Opaque; safe in URLs and subjects.",
            "examples": ["q6cvibzmcgar3gnfx53uhqwmv4eif2puqtnpdtss"],
        },
        "Time": {
            "type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
            "description": "RFC 3339, UTC, milliseconds.", "examples": ["2026-01-02T03:04:05.000Z"],
        },
        "Reason": {
            "type": "string", "x-extensible-enum": reasons,
            "description": "Why a mail was not handed over. Further ones may come: show those that you do not know as they are.",
        },
    });
    members(schemas)
}

/// What an event's `data` holds.
pub fn data(kind: EventKind, reader: Reader) -> Value {
    let (reason, count) = (reference("Reason"), json!({"type": "integer", "minimum": 0}));
    let attempt = json!({"type": "integer", "minimum": 1, "description": "Counts from 1."});
    let text = |what: &str| json!({"type": "string", "description": what});
    match kind {
        EventKind::Requested => {
            let mut schema = object([("expires_at", time("When the code ends."))]);
            if reader == Reader::Service {
                schema = object([
                    ("expires_at", time("When the code ends.")),
                    ("sealed", text("Address, code, language and application, sealed for the mailers.")),
                ]);
            }
            schema
        }
        EventKind::Processing => object([("attempt", attempt)]),
        EventKind::Sent => object([
            ("relay", text("Host and port of the relay.")),
            ("reply", text("The relay's reply, without addresses.")),
            ("to", text("The masked recipient.")),
            ("elapsed_ms", described(count, "From taking the request up to the relay's 250.")),
        ]),
        EventKind::Deferred => object([
            ("reason", reason),
            ("next_attempt_at", time("When it is tried again.")),
            ("attempt", described(attempt, "The attempt that failed, from 1.")),
        ]),
        EventKind::Failed => object([
            ("reason", reason),
            ("reply", json!({"type": ["string", "null"], "description": "The relay's reply, when there was one."})),
        ]),
        EventKind::Rejected => object([("attempts_left", described(count, "Guesses left."))]),
        EventKind::Locked => object([("attempts_left", json!({"type": "integer", "const": 0}))]),
        EventKind::Verified | EventKind::Canceled | EventKind::Superseded | EventKind::Expired => object([]),
    }
}

/// The members of an event that every client gets: one schema for each kind, told apart by `event`.
pub fn timeline_entry(kind: EventKind) -> Value {
    let seq = json!({
        "type": "integer", "minimum": 0,
        "description": "Grows with each event of a verification, not by one. 0 is `requested`; the others are positions in the stream.",
    });
    let mut schema = object([
        ("seq", seq),
        ("event", json!({"type": "string", "const": kind})),
        ("at", time("When it happened.")),
        ("data", data(kind, Reader::Client)),
    ]);
    schema["description"] = json!(meaning(kind));
    schema
}

/// The payload of an event on the bus.
pub(super) fn payload(kind: EventKind) -> Value {
    let generation = json!({
        "type": "integer", "minimum": 1,
        "description": "Which mail of the verification: 1 for the first, one more for each resend.",
    });
    object([
        ("v", json!({"type": "integer", "const": VERSION})),
        ("id", reference("VerificationId")),
        ("event", json!({"type": "string", "const": kind})),
        ("at", time("When it happened.")),
        ("generation", generation),
        ("data", data(kind, Reader::Service)),
    ])
}

/// The payload of a request that was given up.
pub(super) fn dead_letter() -> Value {
    let or_null = |schema: Value| json!({"anyOf": [schema, {"type": "null"}]});
    object([
        ("v", json!({"type": "integer", "const": VERSION})),
        ("id", or_null(reference("VerificationId"))),
        ("at", time("When it was given up.")),
        ("generation", json!({"type": ["integer", "null"], "minimum": 1})),
        ("seq", json!({"type": "integer", "minimum": 0, "description": "The request's position in OTP_REQUESTS."})),
        ("reason", reference("Reason")),
        ("attempts", json!({"type": "integer", "minimum": 0, "description": "How often it was tried."})),
        ("reply", json!({"type": ["string", "null"], "description": "The relay's last reply, without addresses."})),
        ("request", json!({"type": "string", "description": "The payload of `otp.requested.<id>`, still sealed."})),
    ])
}

/// What an event means, in a sentence.
pub(super) const fn meaning(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Requested => "A verification, or another mail of it, was accepted.",
        EventKind::Processing => "A mailer took the request up. Best effort: it may be missing.",
        EventKind::Sent => "The relay took the mail over: it said 250.",
        EventKind::Deferred => "The mail could not be handed over now and will be tried again.",
        EventKind::Failed => "The mail was given up. Final, unless the mail is asked for again.",
        EventKind::Rejected => "A wrong code was entered.",
        EventKind::Locked => "The last guess was wrong. Final.",
        EventKind::Verified => "The right code was entered. Final.",
        EventKind::Canceled => "The verification was canceled, or its recipient reported it. Final.",
        EventKind::Superseded => "A newer verification of the same recipient took its place. Final.",
        EventKind::Expired => "The time is over. Final.",
    }
}

/// An object that has all of these members.
pub(super) fn object<const N: usize>(all: [(&str, Value); N]) -> Value {
    let required: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let mut schema = json!({"type": "object", "required": required});
    schema["properties"] =
        all.into_iter().map(|(name, member)| (name.to_owned(), member)).collect::<Map<_, _>>().into();
    schema
}

/// A reference to one of [`shared`].
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The members of an object.
pub(super) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn time(what: &str) -> Value {
    json!({"allOf": [reference("Time")], "description": what})
}

fn described(mut schema: Value, what: &str) -> Value {
    schema["description"] = json!(what);
    schema
}
