//! What AsyncAPI says, held against all that goes over NATS and over a socket.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use jsonschema::Draft;
use serde_json::{Map, Value, json};

use super::book::{Schemas, pointer};
use crate::support::{PATIENCE, System};

/// A subject that nothing else uses and no stream takes.
const LAST: &str = "otp.descriptions.last";

/// The description with notes of what was met.
pub(super) struct Bus {
    document: Value,
    schemas: Schemas,
    client: async_nats::Client,
    subscription: async_nats::Subscriber,
    met: BTreeSet<String>,
    errors: BTreeSet<String>,
}

impl Bus {
    /// Hears all of the bus from now on.
    pub(super) async fn listen(system: &System, document: Value) -> Self {
        let client = system.stack.file().connect_nats().await.expect("connected");
        let subscription = client.subscribe("otp.>").await.expect("subscribed");
        client.flush().await.expect("heard");
        let schemas = Schemas::of(&document, Draft::Draft7);
        Self { document, schemas, client, subscription, met: BTreeSet::new(), errors: BTreeSet::new() }
    }

    /// Takes in what was said, waiting for the kinds that are still to come.
    pub(super) async fn drain(&mut self) {
        let all: Vec<String> = self.channels().map(str::to_owned).collect();
        let whole = tokio::time::timeout(PATIENCE * 2, async {
            while !all.iter().all(|name| self.met.contains(name)) {
                let message = self.subscription.next().await.expect("the bus");
                self.hold(&message);
            }
        });
        let done = whole.await.is_ok();
        let missed: Vec<&String> = all.iter().filter(|name| !self.met.contains(*name)).collect();
        assert!(done, "never heard: {missed:?}");
        // And all that came with them: what is heard after this word was said later.
        self.client.publish(LAST, "".into()).await.expect("said");
        while let Some(message) = self.subscription.next().await.filter(|message| message.subject.as_str() != LAST) {
            self.hold(&message);
        }
    }

    fn channels(&self) -> impl Iterator<Item = &str> {
        self.document["channels"]
            .as_object()
            .expect("channels")
            .keys()
            .map(String::as_str)
            .filter(|name| *name != "socket")
    }

    /// Holds a message against the channel of its subject.
    fn hold(&mut self, message: &async_nats::Message) {
        let what = format!("{} {}", message.subject, String::from_utf8_lossy(&message.payload));
        let (front, _id) = message.subject.rsplit_once('.').expect("a subject of three");
        let name = front.strip_prefix("otp.").expect("our prefix").to_owned();
        let channel = &self.document["channels"][&name];
        assert_eq!(channel["address"], format!("{front}.{{id}}"), "{what}");
        let payload: Value = serde_json::from_slice(&message.payload).expect("JSON");
        let place = pointer(&["components", "messages", &name]);
        assert_eq!(self.schemas.faults(&format!("{place}/payload"), &payload), [] as [&str; 0], "{what}");
        let headers = message.headers.iter().flat_map(|headers| headers.iter());
        let headers: Map<String, Value> =
            headers.filter_map(|(name, values)| Some((name.to_string(), json!(values.first()?.as_str())))).collect();
        assert_eq!(self.schemas.faults(&format!("{place}/headers"), &headers.into()), [] as [&str; 0], "{what}");
        self.met.insert(name);
    }

    /// Holds what goes over a socket against the message of this name.
    pub(super) fn frame(&mut self, name: &str, frame: &Value) {
        let place = pointer(&["components", "messages", name, "payload"]);
        assert_eq!(self.schemas.faults(&place, frame), [] as [&str; 0], "{frame}");
        let kind = frame["event"].as_str().map_or_else(|| name.to_owned(), |kind| format!("{name} {kind}"));
        self.met.insert(format!("socket {kind}"));
        self.errors.extend(frame["code"].as_str().map(str::to_owned));
    }

    /// A frame that the description does not allow.
    pub(super) fn is_refused(&self, name: &str, frame: &Value) {
        let place = pointer(&["components", "messages", name, "payload"]);
        assert_ne!(self.schemas.faults(&place, frame), [] as [&str; 0], "{frame}");
    }

    pub(super) fn all_was_met(&self) {
        for kind in self.channels().filter(|name| *name != "dead") {
            assert!(self.met.contains(&format!("socket event {kind}")), "{kind} was on no socket: {:?}", self.met);
        }
        for name in ["subscribe", "unsubscribe", "error"] {
            assert!(self.met.contains(&format!("socket {name}")), "{name}");
        }
        // `unavailable` takes a stream that cannot be read; the notifier's own tests have it.
        let codes =
            self.document["components"]["messages"]["error"]["payload"]["properties"]["code"]["x-extensible-enum"]
                .clone();
        let codes: BTreeSet<String> = serde_json::from_value(codes).expect("codes");
        let met: BTreeSet<String> = self.errors.iter().cloned().chain(["unavailable".to_owned()]).collect();
        assert_eq!(met, codes);
    }
}
