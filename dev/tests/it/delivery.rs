//! From the request to the mailbox: the mail itself, and a relay that refuses, defers, hangs and breaks off.

mod mail;
mod relay;
mod verdicts;

use otp_dev::stack::Options;
use serde_json::Value;

use crate::support::{Asked, System, eventually};

/// No limits: a test asks as often as it likes.
async fn system() -> System {
    System::with(unlimited).await
}

fn unlimited(options: &mut Options) {
    for (name, value) in [("OTP_LIMIT_IP", "off"), ("OTP_LIMIT_RECIPIENT", "off"), ("OTP_RESEND_COOLDOWN", "0")] {
        options.caller.set(name, value);
    }
}

/// Waits until the timeline has so many events of this name: the whole timeline then.
async fn timeline(system: &System, asked: &Asked, name: &str, times: usize) -> Vec<Value> {
    let api = system.api();
    eventually(&format!("{times} {name}"), async || {
        let read = api.read(&asked.id, Some(&asked.ticket)).await;
        let events = read.body["timeline"].as_array().expect("a timeline").clone();
        (events.iter().filter(|event| event["event"] == name).count() >= times).then_some(events)
    })
    .await
}

/// The newest dead letter of a verification, as anyone on the bus reads it; `None` when there is none.
pub(crate) async fn dead_letter(system: &System, asked: &Asked) -> Option<Value> {
    let client = system.stack.file().connect_nats().await.expect("connected");
    let stream = async_nats::jetstream::new(client).get_stream("OTP_DEAD").await.expect("the stream");
    let message = stream.get_last_raw_message_by_subject(&format!("otp.dead.{}", asked.id)).await.ok()?;
    Some(serde_json::from_slice(&message.payload).expect("JSON"))
}
