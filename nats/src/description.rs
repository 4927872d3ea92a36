//! The AsyncAPI 3.0 description of the socket and of the bus. Kinds of events, subjects, streams and reasons are the
//! code's own; what payloads hold is written down once for each kind, and a test holds every golden payload against it.

use serde_json::{Map, Value, json};

use crate::event::EventKind;
use crate::stream::{Discard, Retention, StreamSettings};
use crate::{stream, subject};

mod schemas;

pub use schemas::{Reader, data, shared, timeline_entry};
use schemas::{dead_letter, meaning, members, object, payload, reference};

/// What the socket says is wrong with a message, and when.
pub const SOCKET_ERRORS: [(&str, &str); 7] = [
    ("bad-message", "no JSON, an unknown type, a member missing or malformed"),
    ("bad-ticket", "not a ticket for this id"),
    ("ticket-expired", "the verification's time is over"),
    ("too-many-subscriptions", "sixteen are open"),
    ("already-subscribed", "this id is open on this connection"),
    ("subscribe-timeout", "no subscription in time"),
    ("unavailable", "the timeline cannot be read now"),
];

/// How the socket ends: the close code, and what a client does then.
pub const SOCKET_CLOSES: [(u16, &str); 9] = [
    (1000, "no subscription goes on: done"),
    (1001, "no pong came: resume with `after`"),
    (1002, "a broken frame: to be mended"),
    (1003, "a binary frame: to be mended"),
    (1007, "no UTF-8: to be mended"),
    (1008, "faults, messages or waiting beyond the bounds: to be mended"),
    (1009, "a message beyond 4 KiB: to be mended"),
    (1012, "a restart: resume with `after`, here or elsewhere"),
    (1013, "too slow, or the timeline cannot be read: resume with `after`"),
];

/// The document. `events_url` is where clients watch; without it, where a stack on one machine has it.
pub fn asyncapi(events_url: Option<&str>) -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "DistOTP events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What happens to a verification: to clients over a WebSocket, between the services over NATS JetStream. \
                            Members and reasons may be added under the same `v`; ignore what you do not know.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": servers(events_url.unwrap_or("ws://127.0.0.1:5001/v1/events")),
        "channels": channels(),
        "operations": operations(),
        "components": {"messages": messages(), "schemas": shared(), "securitySchemes": security()},
    })
}

fn servers(events_url: &str) -> Value {
    let (protocol, rest) = events_url.split_once("://").unwrap_or(("ws", events_url));
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    json!({
        "notifier": {
            "host": host, "protocol": protocol, "description": "Any notifier: all of them give the same timelines.",
        },
        "nats": {
            "host": "nats:4222", "protocol": "nats", "description": "Services and operators alone: each has its own rights on subjects.",
            "security": [{"$ref": "#/components/securitySchemes/nats"}],
        },
    })
}

fn security() -> Value {
    json!({"nats": {"type": "userPassword", "description": "A user for each service, see nats/server/users.conf."}})
}

fn channels() -> Map<String, Value> {
    let id = json!({"description": "The verification.", "examples": ["q6cvibzmcgar3gnfx53uhqwmv4eif2puqtnpdtss"]});
    let on_nats = |address: String, message: &str, what: &str| {
        let stream = stream_of(&address);
        json!({
            "address": address.replace('*', "{id}"), "description": what,
            "servers": [{"$ref": "#/servers/nats"}], "parameters": {"id": id},
            "messages": {message: message_reference(message)}, "x-jetstream": stream,
        })
    };
    let mut channels = Map::new();
    channels.insert("socket".to_owned(), socket());
    for kind in EventKind::ALL {
        channels.insert(kind.as_str().to_owned(), on_nats(subject::all_of(kind), kind.as_str(), meaning(kind)));
    }
    let given_up = "Requests that were given up, still sealed. `{id}` is `unreadable` where it could not be read.";
    channels.insert("dead".to_owned(), on_nats(subject::all_dead_letters(), "dead", given_up));
    channels
}

fn socket() -> Value {
    let names = ["subscribe", "unsubscribe", "event", "error"];
    let headers = object([("Sec-WebSocket-Protocol", json!({"type": "string", "const": "otp.v1"}))]);
    let closes = SOCKET_CLOSES.map(|(code, then)| (code.to_string(), json!(then)));
    json!({
        "address": "/v1/events", "servers": [{"$ref": "#/servers/notifier"}],
        "description": "The timeline of up to sixteen verifications: all that was, then live, each event once and in order. \
                        The first subscription is due within 5 s.",
        "messages": names.map(|name| (name.to_owned(), message_reference(name))).into_iter().collect::<Map<_, _>>(),
        "bindings": {"ws": {"method": "GET", "headers": headers, "bindingVersion": "0.1.0"}},
        "x-close-codes": closes.into_iter().collect::<Map<_, _>>(),
    })
}

/// What the code says of the stream that takes a subject; ages and sizes are the deployment's.
fn stream_of(subject: &str) -> Value {
    let any = std::time::Duration::ZERO;
    let settings =
        StreamSettings { code_ttl: any, replicas: 1, backlog_messages: 1, backlog_bytes: 1, events_bytes: 1 };
    let found = settings.streams().into_iter().find(|stream| stream.subjects.iter().any(|each| each == subject));
    found.map_or(Value::Null, |stream| {
        let retention = match stream.retention {
            Retention::Limits => "limits",
            Retention::WorkQueue => "workqueue",
        };
        let discard = match stream.discard {
            Discard::Old => "old",
            Discard::New => "new",
        };
        json!({"stream": stream.name, "retention": retention, "discard": discard})
    })
}

fn operations() -> Map<String, Value> {
    let on = |channel: &str, action: &str, summary: &str, names: &[&str]| {
        let message = |name: &&str| json!({"$ref": format!("#/channels/{channel}/messages/{name}")});
        let messages: Vec<Value> = names.iter().map(message).collect();
        let channel = json!({"$ref": format!("#/channels/{channel}")});
        json!({"action": action, "channel": channel, "summary": summary, "messages": messages})
    };
    let mut operations = Map::new();
    let mut add = |name: String, operation| drop(operations.insert(name, operation));
    add("hear".to_owned(), on("socket", "receive", "What clients say", &["subscribe", "unsubscribe"]));
    add("tell".to_owned(), on("socket", "send", "What clients are told", &["event", "error"]));
    for kind in EventKind::ALL {
        let name = kind.as_str();
        add(format!("publish-{name}"), on(name, "send", publisher(kind), &[name]));
    }
    add("publish-dead".to_owned(), on("dead", "send", "The mailer, before it gives a request up", &["dead"]));
    let consumer = format!("The mailers, through the durable consumer `{}`", stream::MAILER);
    add("mail".to_owned(), on("requested", "receive", &consumer, &["requested"]));
    operations
}

/// Who says it.
const fn publisher(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Requested => "The gateway, before it answers 202",
        EventKind::Processing | EventKind::Sent | EventKind::Deferred | EventKind::Failed => "The mailer",
        EventKind::Rejected | EventKind::Locked | EventKind::Verified => "The gateway, behind the answer",
        EventKind::Canceled | EventKind::Superseded => "The gateway",
        EventKind::Expired => "Whoever finds it first: gateway, mailer or notifier",
    }
}

fn messages() -> Map<String, Value> {
    let ticket = json!({"type": "string", "description": "From the answer to the request; never in a URL."});
    let after = json!({"type": ["integer", "null"], "minimum": 0, "description": "The client has everything up to this `seq`."});
    let mut subscribe = object([
        ("type", json!({"type": "string", "const": "subscribe"})),
        ("id", reference("VerificationId")),
        ("ticket", ticket),
    ]);
    subscribe["properties"]["after"] = after;
    let unsubscribe =
        object([("type", json!({"type": "string", "const": "unsubscribe"})), ("id", reference("VerificationId"))]);
    let codes = SOCKET_ERRORS.map(|(code, _)| code);
    let meanings = SOCKET_ERRORS.map(|(code, when)| format!("`{code}`: {when}")).join("; ");
    let mut error = object([
        ("type", json!({"type": "string", "const": "error"})),
        ("code", json!({"type": "string", "x-extensible-enum": codes, "description": meanings})),
    ]);
    error["properties"]["id"] = reference("VerificationId");
    let event = json!({"oneOf": EventKind::ALL.map(frame)});
    let on_socket = |title: &str, payload: Value| json!({"title": title, "payload": payload});
    let mut all = members(json!({
        "subscribe": on_socket("Asks for a verification's events", subscribe),
        "unsubscribe": on_socket("Asks for no more of them", unsubscribe),
        "event": on_socket("Something happened", event),
        "error": on_socket("A message cannot be followed", error),
    }));
    let on_bus = |title: &str, payload: Value| json!({"title": title, "headers": headers(), "payload": payload});
    for kind in EventKind::ALL {
        all.insert(kind.as_str().to_owned(), on_bus(meaning(kind), payload(kind)));
    }
    all.insert("dead".to_owned(), on_bus("A request was given up.", dead_letter()));
    all
}

/// An event as the socket sends it.
fn frame(kind: EventKind) -> Value {
    let mut schema = timeline_entry(kind);
    let more = [("type", json!({"type": "string", "const": "event"})), ("id", reference("VerificationId"))];
    for (name, member) in more {
        schema["properties"][name] = member;
        if let Some(required) = schema["required"].as_array_mut() {
            required.push(json!(name));
        }
    }
    schema
}

fn headers() -> Value {
    let once =
        json!({"type": "string", "description": "The same event has the same id however often it is published."});
    let mut headers = object([("Nats-Msg-Id", once)]);
    headers["properties"]["traceparent"] = json!({
        "type": "string", "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", "description": "W3C Trace Context.",
    });
    headers
}

fn message_reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/messages/{name}")})
}

#[cfg(test)]
mod tests;
