//! Many mails at once through a relay with faults of all kinds: each mail gets its own answer and no other's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use futures_util::stream;
use otp_dev::inbox::{Fault, Rule, Verb};
use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use super::{copies, kept, script, system};
use crate::support::{System, eventually_or};

/// Mails in a run.
const MAILS: usize = 200;
/// Requests under way at once.
const CONCURRENCY: usize = 32;
/// The share of the cases in which a step goes wrong: a mail has some ten steps.
const CHANCE: f64 = 0.03;

/// What the relay has decided on a recipient, whatever goes wrong meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    UnknownMailbox,
    RefusedMessage,
}

impl Fate {
    fn of(number: usize) -> Self {
        match number % 4 {
            0 | 1 => Self::Taken,
            2 => Self::UnknownMailbox,
            _ => Self::RefusedMessage,
        }
    }

    /// A domain of its own: with tags alone they would all be one recipient.
    fn address(self, number: usize) -> String {
        let local = match self {
            Self::Taken => "taken",
            Self::UnknownMailbox => "fail550",
            Self::RefusedMessage => "reject-data",
        };
        format!("{local}@mixture{number}.test")
    }
}

/// All events on the bus from now on, by verification.
struct Watch {
    events: Arc<Mutex<HashMap<String, Vec<Value>>>>,
    _reading: AbortOnDropHandle<()>,
}

impl Watch {
    async fn start(system: &System) -> Self {
        let client = system.stack.file().connect_nats().await.expect("connected");
        let mut messages = client.subscribe("otp.*.*").await.expect("subscribed");
        client.flush().await.expect("the server knows of it");
        let events: Arc<Mutex<HashMap<String, Vec<Value>>>> = Arc::default();
        let seen = Arc::clone(&events);
        let reading = tokio::spawn(async move {
            while let Some(message) = messages.next().await {
                let Ok(event) = serde_json::from_slice::<Value>(&message.payload) else { continue };
                let id = event["id"].as_str().unwrap_or_default().to_owned();
                let mut seen = seen.lock().unwrap();
                let events = seen.entry(id).or_default();
                // A publish whose acknowledgement was late is repeated; the stream keeps one.
                if !events.contains(&event) {
                    events.push(event);
                }
            }
        });
        Self { events, _reading: AbortOnDropHandle::new(reading) }
    }

    /// The events of these names for a verification.
    fn of(&self, id: &str, names: &[&str]) -> Vec<Value> {
        let events = self.events.lock().unwrap();
        let wanted = |event: &&Value| event["event"].as_str().is_some_and(|name| names.contains(&name));
        events.get(id).into_iter().flatten().filter(wanted).cloned().collect()
    }

    /// Waits until each has an event of one of these names.
    async fn all(&self, asked: &[(usize, String)], names: &[&str]) {
        for (number, id) in asked {
            let address = Fate::of(*number).address(*number);
            let so_far = || self.events.lock().unwrap().get(id).cloned();
            eventually_or(
                async || (!self.of(id, names).is_empty()).then_some(()),
                || format!("{address} in vain for one of {names:?}: {:?}", so_far()),
            )
            .await;
        }
    }
}

/// Everything that goes wrong in an instant. A reply too many behind DATA comes in the same write as the one before it:
/// nobody could tell one that comes later from the answer to the message.
fn rules() -> Vec<Rule> {
    use Verb::{Body, Data, Dot, Ehlo, Greeting, Kept, Mail, Rcpt, Rset};
    let extra = |reply: &'static str| Fault::Extra(reply.into());
    let say = |reply: &'static str| Fault::Say(reply.into());
    let mut rules = Vec::new();
    for at in [Greeting, Ehlo, Mail, Rcpt, Data, Body, Dot, Kept, Rset] {
        rules.push((at, Fault::Drop));
        rules.push((at, Fault::Reset));
    }
    for at in [Greeting, Ehlo, Mail, Rcpt, Data, Dot] {
        rules.push((at, say("451 4.3.0 mixed\r\n")));
        rules.push((at, Fault::Goodbye("421 4.3.2 mixed\r\n".into())));
    }
    for at in [Ehlo, Mail, Rcpt, Data, Kept, Dot, Rset] {
        rules.push((at, extra("250 2.0.0 one too many\r\n")));
        rules.push((at, extra("354 one too many\r\n")));
    }
    // Not at MAIL and RCPT: alone it is noticed there too, but when the connection then breaks off as well, no one can
    // tell it from a refused recipient.
    for at in [Ehlo, Data, Kept, Dot, Rset] {
        rules.push((at, extra("550 5.1.1 one too many\r\n")));
    }
    rules.push((Mail, Fault::Late));
    rules.push((Rcpt, Fault::Late));
    rules.push((Rcpt, Fault::Omit));
    let share = |(at, what)| Rule::new(at, what).chance(CHANCE);
    // Half of the connections have no pipelining.
    rules.into_iter().map(share).chain([Rule::new(Ehlo, Fault::Bare).chance(0.5)]).collect()
}

#[tokio::test]
async fn no_reply_is_taken_for_the_answer_to_another_mail() {
    let system = system().await;
    let watch = Watch::start(&system).await;
    script(&system).set(20_260_101, rules());
    let api = system.api();
    let asked: Vec<(usize, String)> = stream::iter(0..MAILS)
        .map(|number| {
            let api = &api;
            async move { (number, api.accepted(&Fate::of(number).address(number)).await.id) }
        })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    watch.all(&asked, &super::OUTCOMES).await;
    let met: u32 = script(&system).applied().iter().sum();
    script(&system).clear();
    assert!(met >= 50, "{met} faults are no test");
    watch.all(&asked, &["sent", "failed"]).await;
    let owners = owners(&system).await;
    let kept = kept(&system);
    let mut twice = 0;
    for (number, id) in &asked {
        let fate = Fate::of(*number);
        let address = fate.address(*number);
        let ends = watch.of(id, &["sent", "failed"]);
        assert_eq!(ends.len(), 1, "{address}: {ends:?}");
        let (name, reply) = (ends[0]["event"].as_str().unwrap(), ends[0]["data"]["reply"].as_str().unwrap_or_default());
        let (kept, acknowledged) = copies(&kept, &address);
        match fate {
            Fate::Taken => {
                assert_eq!(name, "sent", "{address}: {ends:?}");
                let kept_as = reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{address}: {reply}"));
                assert_eq!(owners.get(kept_as), Some(&address), "the 250 was for another mail");
                // More may have been kept where the 250 was lost, but nothing is sent again after a 250 that was said.
                assert_eq!(acknowledged, 1, "{address}: of {kept}");
                twice += u32::from(kept > 1);
            }
            Fate::UnknownMailbox | Fate::RefusedMessage => {
                assert_eq!((name, kept), ("failed", 0), "{address}: {ends:?}");
                let own = match fate {
                    // Where the two come in the wrong order, DATA's refusal is the first that is heard.
                    Fate::UnknownMailbox => ["550 5.1.1 no such mailbox", "554 5.5.1 no valid recipients"],
                    Fate::Taken | Fate::RefusedMessage => ["554 5.6.0 refused as asked"; 2],
                };
                assert!(own.contains(&reply), "{address}: {reply}");
            }
        }
    }
    println!("{MAILS} mails, {met} faults, {twice} mailed twice");
    system.stack.stop().await;
}

/// Whom each kept mail is for, by the name that its 250 gave it.
async fn owners(system: &System) -> BTreeMap<String, String> {
    let url = format!("{}/api/v1/messages?limit=10000", system.stack.file().inbox);
    let list: Value = system.client.get(url).send().await.expect("the inbox answers").json().await.expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mails = list["messages"].as_array().expect("a list");
    mails.iter().map(|mail| (text(&mail["ID"]), text(&mail["To"][0]["Address"]))).collect()
}
