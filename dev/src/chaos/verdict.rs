//! What was promised next to what happened: pure comparison.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use otp_nats::{EventKind, Timestamp, VerificationId};

use super::events::{Stored, Timelines};
use super::promises::{Promise, Watched};

/// Findings that are kept word for word; more are only counted.
const SHOWN_MAX: usize = 50;
/// Between a mailer's look at the history and the relay's 250 for what it then sends: a relay that drips its replies
/// takes so long. Within it two mailers can have the same mail in hand without either knowing.
const HAND_OVER: Duration = Duration::from_secs(20);

/// The copies of one mail that the relay kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mail {
    /// Its Message-ID.
    pub(super) message_id: String,
    /// How many copies.
    pub(super) kept: u32,
    /// How many of them were answered with 250.
    pub(super) acknowledged: u32,
    /// When the first was kept.
    pub(super) first_at: Timestamp,
    /// When the last was kept.
    pub(super) last_at: Timestamp,
}

/// What breaks a mailer's knowledge of what it has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The relay kept the mail and did not say so, or what it said got lost.
    AnswerLost,
    /// The mailer died or stood still between the relay's 250 and `sent`.
    MailerGone,
    /// NATS could not be told in time that the mail was sent.
    NotRecorded,
}

impl Cause {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::AnswerLost => "the relay's answer was lost",
            Self::MailerGone => "a mailer died between the relay's 250 and `sent`",
            Self::NotRecorded => "NATS could not be told `sent`",
        }
    }
}

/// A time in which something was broken that can cause a second mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What it can cause.
    pub(super) cause: Cause,
    /// Its begin.
    pub(super) from: Timestamp,
    /// Its end.
    pub(super) until: Timestamp,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Requests answered 202.
    pub accepted: usize,
    /// Those whose mail the relay has.
    pub mailed: usize,
    /// Those without a mail and with an event that says why: `failed`.
    pub failed: usize,
    /// Those without a mail and with an event that says why: `expired`.
    pub expired: usize,
    /// Those with a mail and `failed` as their last word: the relay kept it and never said so.
    pub mailed_and_failed: usize,
    /// Those of which there is neither a mail nor an event that ends them.
    pub lost: usize,
    /// Mails of which the relay has more than one copy, by cause.
    pub twice: BTreeMap<Cause, usize>,
    /// Those that nothing explains.
    pub twice_unexplained: usize,
    /// Mails to addresses whose request was never answered 202: it was stored all the same.
    pub mailed_unpromised: usize,
    /// Timelines that clients have watched to their end.
    pub watched: usize,
    /// How often watchers had to connect again.
    pub reconnects: u64,
    /// Codes that were answered 200.
    pub verified: usize,
    /// Codes that were answered 200 and whose `verified` is not in the stream: the gateway died while it could not be
    /// published. A status read tells the truth.
    pub untold: usize,
    /// Longest time from 202 to `sent`.
    pub longest_to_sent: Duration,
    /// What must not be, in words: each counts.
    pub faults: Vec<String>,
    /// How many of them there are, also beyond those that are kept.
    pub fault_count: usize,
}

impl Verdict {
    /// Whether all promises are kept and every second mail has its reason.
    pub const fn holds(&self) -> bool {
        self.lost == 0 && self.twice_unexplained == 0 && self.fault_count == 0
    }

    fn fault(&mut self, what: String) {
        self.fault_count += 1;
        if self.faults.len() < SHOWN_MAX {
            self.faults.push(what);
        }
    }
}

/// Compares. `mails` is by address.
pub(super) fn judge(
    promises: &HashMap<VerificationId, Promise>,
    timelines: &Timelines,
    mails: &HashMap<String, Vec<Mail>>,
    troubles: &[Trouble],
    gateways_died: bool,
) -> Verdict {
    let mut verdict = Verdict { accepted: promises.len(), ..Verdict::default() };
    for (id, promise) in promises {
        let events = timelines.get(id).map_or(&[][..], Vec::as_slice);
        let copies = mails.get(&promise.email).map_or(&[][..], Vec::as_slice);
        verdict.outcome(id, promise, events, copies);
        verdict.copies(id, events, copies, troubles);
        if let Some(watched) = &promise.watched {
            verdict.watcher(id, watched, events);
        }
        verdict.verified += usize::from(promise.verified > 0);
        if promise.verified > 1 {
            verdict.fault(format!("{id} was verified {} times", promise.verified));
        }
        if promise.verified > 0 && events.iter().all(|event| event.kind != EventKind::Verified) {
            verdict.untold += 1;
        }
    }
    if verdict.untold > 0 && !gateways_died {
        verdict.fault(format!("{} codes were right and nobody was told, and no gateway has died", verdict.untold));
    }
    let promised: std::collections::HashSet<&str> = promises.values().map(|promise| promise.email.as_str()).collect();
    verdict.mailed_unpromised = mails.keys().filter(|email| !promised.contains(email.as_str())).count();
    verdict
}

impl Verdict {
    fn outcome(&mut self, id: &VerificationId, promise: &Promise, events: &[Stored], copies: &[Mail]) {
        let has = |kind| events.iter().any(|event| event.kind == kind);
        let (sent, failed, expired) = (has(EventKind::Sent), has(EventKind::Failed), has(EventKind::Expired));
        if let Some(sent) = events.iter().find(|event| event.kind == EventKind::Sent) {
            self.longest_to_sent = self.longest_to_sent.max(promise.accepted_at.until(sent.at));
        }
        if !copies.is_empty() {
            self.mailed += 1;
            match (sent, failed || expired) {
                (true, _) => {}
                (false, true) => self.mailed_and_failed += 1,
                (false, false) => self.fault(format!("{id} was mailed and nobody was told")),
            }
        } else if sent {
            self.fault(format!("{id} was told `sent` and there is no mail"));
        } else if failed {
            self.failed += 1;
        } else if expired {
            self.expired += 1;
        } else {
            self.lost += 1;
            let known: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
            let at = promise.accepted_at;
            self.fault(format!("{id}, accepted {at}, is lost; its events: {known:?}"));
        }
    }

    fn copies(&mut self, id: &VerificationId, events: &[Stored], mails: &[Mail], troubles: &[Trouble]) {
        if mails.len() > 1 {
            self.fault(format!("{id} has mails of different Message-IDs: {mails:?}"));
        }
        let recorded = events.iter().find(|event| event.kind == EventKind::Sent).map(|event| event.at);
        for mail in mails.iter().filter(|mail| mail.kept > 1) {
            if let Some(cause) = explain(mail, recorded, troubles) {
                *self.twice.entry(cause).or_default() += 1;
            } else {
                self.twice_unexplained += 1;
                self.fault(format!("{id} was mailed twice: {mail:?}, `sent` stored {recorded:?}"));
            }
        }
    }

    fn watcher(&mut self, id: &VerificationId, watched: &Watched, events: &[Stored]) {
        self.reconnects += u64::from(watched.reconnects);
        let last = watched.events.last().map_or(0, |(seq, _)| *seq);
        if !watched.complete && events.iter().any(|event| event.seq > last) {
            self.fault(format!("a watcher of {id} missed the end: it saw {:?}", watched.events));
            return;
        }
        self.watched += usize::from(watched.complete);
        let stored: Vec<(u64, EventKind)> =
            events.iter().filter(|event| event.seq <= last).map(|event| (event.seq, event.kind)).collect();
        // `requested` has the position 0 and is in another stream.
        let seen: Vec<(u64, EventKind)> = watched.events.iter().copied().filter(|(seq, _)| *seq > 0).collect();
        if seen != stored {
            self.fault(format!("a watcher of {id} saw {seen:?}, and the stream has {stored:?}"));
        }
    }
}

/// Why a mail came more than once, if there is a reason for it.
fn explain(mail: &Mail, recorded: Option<Timestamp>, troubles: &[Trouble]) -> Option<Cause> {
    // Whoever looked would have seen that it was sent.
    if recorded.is_some_and(|at| at + HAND_OVER < mail.last_at) {
        return None;
    }
    if mail.acknowledged < mail.kept {
        return Some(Cause::AnswerLost);
    }
    let at_the_time = |trouble: &&Trouble| trouble.from <= mail.last_at && mail.first_at <= trouble.until + HAND_OVER;
    troubles.iter().filter(at_the_time).map(|trouble| trouble.cause).min()
}

#[cfg(test)]
mod tests;
