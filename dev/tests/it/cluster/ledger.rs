//! What was promised, and what became of it.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::load::Outcome;
use crate::support::{Asked, System};

/// A request whose acknowledgement was lost with a node comes again after the 30 s of its `ack_wait`; some times that on a
/// busy machine.
const SETTLED_WITHIN: Duration = Duration::from_secs(150);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(250);

/// All requests and their answers.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    promised: HashMap<String, Asked>,
    refused: HashSet<String>,
}

impl Ledger {
    pub(super) fn note(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            match outcome.accepted() {
                Some(asked) => drop(self.promised.insert(outcome.email.clone(), asked)),
                None => drop(self.refused.insert(outcome.email.clone())),
            }
        }
    }

    pub(super) fn promise(&mut self, email: String, asked: Asked) {
        self.promised.insert(email, asked);
    }

    /// Whether all promises have their mails within this time.
    pub(super) async fn mailed_within(&self, system: &System, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            let mails = system.inbox().message_ids().await;
            if self.promised.keys().all(|email| mails.contains_key(email)) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until all promises are kept: each has a mail, exactly one, and a timeline that says so.
    pub(super) async fn settle(&self, system: &System) {
        let started = Instant::now();
        let deadline = started + SETTLED_WITHIN;
        let mails = loop {
            let mails = system.inbox().message_ids().await;
            let missing: Vec<&String> = self.promised.keys().filter(|email| !mails.contains_key(*email)).collect();
            if missing.is_empty() {
                break mails;
            }
            let late = if Instant::now() < deadline { None } else { Some(backlog(system).await) };
            assert!(late.is_none(), "{} promised and not mailed: {missing:?}\n{late:?}", missing.len());
            tokio::time::sleep(LOOK).await;
        };
        let waited = started.elapsed();
        let known = |email: &String| self.promised.contains_key(email) || self.refused.contains(email);
        let strangers: Vec<&String> = mails.keys().filter(|email| !known(email)).collect();
        assert!(strangers.is_empty(), "nobody asked for these: {strangers:?}");
        let twice: Vec<&String> = mails.iter().filter(|(_, ids)| ids.len() > 1).map(|(email, _)| email).collect();
        let late = mails.keys().filter(|email| self.refused.contains(*email)).count();
        println!(
            "ledger: {} accepted, {} mailed, {} lost, {} mailed twice; {} refused, of which {late} were mailed all the same; settled after {:.1} s",
            self.promised.len(),
            mails.len() - late,
            0,
            twice.len(),
            self.refused.len(),
            waited.as_secs_f64(),
        );
        assert!(twice.is_empty(), "no mailer was killed, so nothing explains a second mail: {twice:?}");
        self.timelines(system, deadline).await;
    }

    /// Every promise's timeline tells of its mail.
    async fn timelines(&self, system: &System, deadline: Instant) {
        let api = system.api();
        for (email, asked) in &self.promised {
            loop {
                let read = api.read(&asked.id, Some(&asked.ticket)).await;
                let events = read.body["timeline"].as_array().cloned().unwrap_or_default();
                let has = |name: &str| events.iter().filter(|event| event["event"] == name).count();
                if has("requested") == 1 && has("sent") == 1 {
                    break;
                }
                assert!(Instant::now() < deadline, "the timeline of {email} is not whole: {}", read.text);
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// What the servers say of the requests and of who takes them up.
async fn backlog(system: &System) -> String {
    let client = system.stack.file().connect_nats().await.expect("the operator");
    let stream = async_nats::jetstream::new(client).get_stream_no_info("OTP_REQUESTS").await.expect("a stream");
    format!("{:#?}\n{:#?}", stream.get_info().await, stream.consumer_info("mailer").await)
}
