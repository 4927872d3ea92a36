//! A relay that fails in every way at every step of a conversation: what watchers are told, that the mail arrives once
//! when the fault is over, and that no reply is ever taken for the answer to another mail.

mod mixture;
mod silence;
mod steps;
mod tls;

use std::cell::RefCell;
use std::collections::HashMap;

use otp_dev::inbox::{Copies, Script};
use serde_json::Value;

use crate::support::{Asked, System, eventually_or};

/// What ends an attempt.
const OUTCOMES: [&str; 3] = ["sent", "deferred", "failed"];

/// A stack without limits whose relay counts what it keeps.
async fn system() -> System {
    let system = System::with(|options| {
        for name in ["OTP_LIMIT_IP", "OTP_LIMIT_RECIPIENT", "OTP_DNS_POLICY"] {
            options.caller.set(name, "off");
        }
    })
    .await;
    system.stack.inbox_tally().start();
    system
}

fn script(system: &System) -> &Script {
    system.stack.inbox_script()
}

/// The timeline once it has an event of one of these names, and the place of the first such event.
async fn until(system: &System, asked: &Asked, wanted: &[&str]) -> (Vec<Value>, usize) {
    let api = system.api();
    let last = RefCell::new(Value::Null);
    eventually_or(
        async || {
            let read = api.read(&asked.id, Some(&asked.ticket)).await;
            let events = read.body["timeline"].as_array().cloned().unwrap_or_default();
            *last.borrow_mut() = read.body;
            let is_wanted = |event: &Value| event["event"].as_str().is_some_and(|name| wanted.contains(&name));
            events.iter().position(is_wanted).map(|at| (events, at))
        },
        || format!("one of {wanted:?}: {}", last.borrow()),
    )
    .await
}

/// How the first attempt for a verification ended.
async fn first_outcome(system: &System, asked: &Asked) -> Value {
    let (mut events, at) = until(system, asked, &OUTCOMES).await;
    events.swap_remove(at)
}

/// Sends a mail through a relay that works, so that what failed before does not count as an outage.
async fn fine(system: &System, address: &str) {
    let asked = system.api().accepted(address).await;
    until(system, &asked, &["sent"]).await;
}

/// What the relay has kept and acknowledged, by recipient; each has mails of one verification alone.
pub(crate) fn kept(system: &System) -> HashMap<String, Copies> {
    let mut kept = HashMap::new();
    system.stack.inbox_tally().for_each(|id, copies| {
        let other = kept.insert(copies.to.to_string(), copies.clone());
        assert!(other.is_none(), "{} has mails of several ids, one of them {id}", copies.to);
    });
    assert_eq!(system.stack.inbox_tally().beyond(), 0);
    kept
}

/// Kept and acknowledged copies for a recipient.
pub(crate) fn copies(kept: &HashMap<String, Copies>, to: &str) -> (u32, u32) {
    kept.get(to).map_or((0, 0), |copies| (copies.kept, copies.acknowledged))
}
