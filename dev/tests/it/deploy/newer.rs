//! Events of a version that comes after this one, as its services would publish them.

use async_nats::jetstream::{self, stream};
use otp_dev::stack::Part;
use serde_json::json;

use crate::support::{Asked, Socket, System, eventually, names};

struct Newer {
    jetstream: jetstream::Context,
}

impl Newer {
    async fn join(system: &System) -> Self {
        let client = system.stack.file().connect_nats().await.expect("NATS");
        Self { jetstream: jetstream::new(client) }
    }

    /// Takes a further kind of event into the stream, as a newer service does when it starts.
    async fn takes(&self, subject: &str) {
        let mut stream = self.jetstream.get_stream("OTP_EVENTS").await.expect("the stream");
        let mut config: stream::Config = stream.info().await.expect("its settings").config.clone();
        config.subjects.push(subject.to_owned());
        self.jetstream.update_stream(config).await.expect("changed");
    }

    async fn says(&self, asked: &Asked, version: u32, event: &str, data: serde_json::Value) {
        let payload = json!({"v": version, "id": asked.id, "event": event, "at": "2026-01-02T03:04:05.000Z",
            "generation": 1, "data": data, "mood": "good"});
        let subject = format!("otp.{event}.{}", asked.id);
        let stored = self.jetstream.publish(subject, payload.to_string().into()).await.expect("published");
        stored.await.expect("stored");
    }
}

#[tokio::test]
async fn what_a_newer_version_says_is_passed_on_or_skipped_and_harms_nobody() {
    let system = System::start().await;
    let asked = system.api().accepted("zaphod@newer.test").await;
    let mut socket = Socket::watching(&system.stack.file().events, &asked).await;
    socket.until("sent").await;
    let newer = Newer::join(&system).await;
    newer.takes("otp.opened.*").await;
    newer.says(&asked, 1, "opened", json!({"by": "a person"})).await;
    newer.says(&asked, 2, "rejected", json!("of another shape")).await;
    newer.says(&asked, 2, "sent", json!({"shape": "another"})).await;
    newer.says(&asked, 1, "rejected", json!({"attempts_left": 3, "hint": "warmer"})).await;
    let rejected = socket.event().await;
    assert_eq!(rejected["event"], "rejected", "what was not understood is skipped: {rejected}");
    assert_eq!(rejected["data"], json!({"attempts_left": 3, "hint": "warmer"}), "further members are passed on");
    let read = system.api().read(&asked.id, Some(&asked.ticket)).await;
    let timeline = read.body["timeline"].as_array().expect("a timeline").clone();
    assert_eq!(names(&timeline), ["requested", "processing", "sent", "rejected"]);
    assert_eq!(read.body["status"], "sent", "{}", read.text);
    for part in Part::SERVICES {
        let url = format!("http://{}/ready", system.stack.admin(part).expect("an address"));
        eventually("readiness", async || {
            Some(system.client.get(&url).send().await.ok()?.status().is_success()).filter(|ready| *ready)
        })
        .await;
        // The older version may also start again beside the newer one.
        system.stack.restart(part).await.expect("it starts");
    }
    let kept = newer.jetstream.get_stream("OTP_EVENTS").await.expect("the stream");
    assert!(kept.cached_info().config.subjects.contains(&"otp.opened.*".to_owned()), "it takes nothing back");
    system.stack.stop().await;
}
