//! Everything that a socket may say and be told.

use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::bus::Bus;
use crate::support::{Asked, Socket, System, VERIFICATIONS, eventually, other_code, send};

/// More than a connection may have.
const TOO_MANY: usize = 17;

/// All kinds of events and of errors, each frame as it is described.
pub(super) async fn frames(system: &System, bus: &mut Bus, brief: &str) {
    let api = system.api();
    let verified = api.accepted("verified@frames.test").await;
    let code = system.inbox().code_for("verified@frames.test").await;
    api.check(&verified.id, &other_code(&code)).await.problem(422, "incorrect-code");
    assert_eq!(api.check(&verified.id, &code).await.status, 200);
    watch(system, bus, &verified, &["requested", "sent", "rejected", "verified"]).await;

    let locked = api.accepted("locked@frames.test").await;
    let code = system.inbox().code_for("locked@frames.test").await;
    for _ in 0..5 {
        api.check(&locked.id, &other_code(&code)).await.problem(422, "incorrect-code");
    }
    watch(system, bus, &locked, &["locked"]).await;

    let canceled = api.accepted("canceled@frames.test").await;
    assert_eq!(api.cancel(&canceled.id, Some(&canceled.ticket)).await.status, 204);
    watch(system, bus, &canceled, &["canceled"]).await;

    let superseded = api.accepted("superseded@frames.test").await;
    api.accepted("superseded@frames.test").await;
    watch(system, bus, &superseded, &["superseded"]).await;

    let failed = api.accepted("fail550@frames.test").await;
    watch(system, bus, &failed, &["processing", "failed"]).await;
    let deferred = api.accepted("defer-once@frames.test").await;
    watch(system, bus, &deferred, &["deferred", "sent"]).await;
    expired(system, bus, brief).await;
    errors(system, bus, &api.accepted("errors@frames.test").await).await;
}

/// A verification whose code ends soon.
async fn expired(system: &System, bus: &mut Bus, key: &str) {
    let request = system.api().request(Method::POST, VERIFICATIONS).bearer_auth(key);
    let asked = send(request.json(&json!({"email": "expired@frames.test"}))).await.accepted();
    watch(system, bus, &asked, &["expired"]).await;
    over(system, bus, &asked).await;
}

/// Reads until all of these have come, from as many connections as it takes.
async fn watch(system: &System, bus: &mut Bus, asked: &Asked, kinds: &[&str]) {
    let mut missed: Vec<&str> = kinds.to_vec();
    let mut socket = Socket::open(&system.stack.file().events).await;
    subscribe(&mut socket, bus, &asked.id, &asked.ticket).await;
    while !missed.is_empty() {
        let event = socket.event().await;
        bus.frame("event", &event);
        missed.retain(|kind| event["event"] != *kind);
    }
}

async fn subscribe(socket: &mut Socket, bus: &mut Bus, id: &str, ticket: &str) {
    let message = json!({"type": "subscribe", "id": id, "ticket": ticket});
    bus.frame("subscribe", &message);
    socket.send(Message::text(message.to_string())).await;
}

/// Faults, each on a connection that goes on where it may.
async fn errors(system: &System, bus: &mut Bus, asked: &Asked) {
    let url = &system.stack.file().events;
    let mut socket = Socket::open(url).await;
    let malformed = json!({"type": "subscribe", "id": 5, "ticket": "x"});
    bus.is_refused("subscribe", &malformed);
    socket.send(Message::text(malformed.to_string())).await;
    error(&mut socket, bus, "bad-message").await;
    subscribe(&mut socket, bus, &asked.id, "k1.AAAA").await;
    error(&mut socket, bus, "bad-ticket").await;

    let mut socket = Socket::open(url).await;
    for _ in 0..2 {
        subscribe(&mut socket, bus, &asked.id, &asked.ticket).await;
    }
    error(&mut socket, bus, "already-subscribed").await;
    let unsubscribe = json!({"type": "unsubscribe", "id": asked.id});
    bus.frame("unsubscribe", &unsubscribe);
    socket.send(Message::text(unsubscribe.to_string())).await;

    let mut socket = Socket::open(url).await;
    for n in 0..TOO_MANY {
        let one = system.api().from(&format!("198.51.100.{n}")).accepted(&format!("many{n}@frames.test")).await;
        subscribe(&mut socket, bus, &one.id, &one.ticket).await;
    }
    error(&mut socket, bus, "too-many-subscriptions").await;

    // Five seconds of silence.
    error(&mut Socket::open(url).await, bus, "subscribe-timeout").await;
}

/// The next error, with whatever stands before it.
async fn error(socket: &mut Socket, bus: &mut Bus, code: &str) {
    loop {
        let frame = socket.frame().await.unwrap_or_else(|close| panic!("{close:?} before {code}"));
        if frame["type"] == "error" {
            bus.frame("error", &frame);
            assert_eq!(frame["code"], code);
            return;
        }
        bus.frame("event", &frame);
    }
}

/// A ticket is over some time after its verification.
async fn over(system: &System, bus: &mut Bus, asked: &Asked) {
    let url = system.stack.file().events;
    eventually("a ticket that is over", async || {
        let mut socket = Socket::open(&url).await;
        subscribe(&mut socket, bus, &asked.id, &asked.ticket).await;
        let frame = socket.frame().await.ok().filter(|frame| frame["type"] == "error")?;
        bus.frame("error", &frame);
        (frame["code"] == "ticket-expired").then_some(())
    })
    .await;
}

#[test]
fn frames_are_told_apart() {
    let document = otp_nats::description::asyncapi(None);
    let schemas = super::book::Schemas::of(&document, jsonschema::Draft::Draft7);
    let place = "/components/messages/event/payload";
    let frame: Value = json!({"type": "event", "id": "abcdefghijklmnopqrstuvwxyz234567abcdefgh", "seq": 0, "event": "requested",
        "at": "2026-01-02T03:04:05.000Z", "data": {"expires_at": "2026-01-02T03:09:05.000Z"}});
    assert_eq!(schemas.faults(place, &frame), [] as [&str; 0]);
    let mut sealed = frame;
    sealed["data"]["sealed"] = json!("k1.x");
    assert_ne!(schemas.faults(place, &sealed), [] as [&str; 0], "what is sealed for mailers is in no frame");
}
