//! Streams and the mailer's consumer: names and settings, as plain values.

use std::time::Duration;

use crate::event::EventKind;
use crate::subject;

/// The stream of requests: a work queue whose size is the backlog.
pub const REQUESTS: &str = "OTP_REQUESTS";
/// The stream of all other events.
pub const EVENTS: &str = "OTP_EVENTS";
/// The stream of requests that were given up.
pub const DEAD: &str = "OTP_DEAD";
/// The durable consumer that all mailers share.
pub const MAILER: &str = "mailer";

/// A request is redelivered when nobody spoke of it for so long.
pub const ACK_WAIT: Duration = Duration::from_secs(30);
/// Requests that may be out at the mailers at once. Delayed retries count here, so it has to hold all that a relay's
/// outage of some minutes defers, and still bounds what the server tracks.
pub const MAX_ACK_PENDING: i64 = 50_000;
/// A request stays this long beyond its code, so that it is answered with `expired` and not lost unsaid.
const REQUEST_GRACE: Duration = Duration::from_secs(60 * 60);
/// How long events, records and ids outlive the code.
pub const RETENTION_GRACE: Duration = Duration::from_secs(10 * 60);
/// How long what was given up is kept.
const DEAD_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Within this time a repeated `Nats-Msg-Id` is dropped: well beyond the longest retry of a publish.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// Events of one kind for one verification: a verification has at most some ten of a kind (attempts of its mails).
const EVENTS_PER_SUBJECT: i64 = 32;
/// Largest payload of a request or an event in bytes: a sealed request has less than 4 KiB.
const MAX_PAYLOAD: i32 = 16 * 1024;

/// When messages leave a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// By age and size.
    Limits,
    /// When acknowledged.
    WorkQueue,
}

/// What a full stream drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discard {
    /// The oldest message.
    Old,
    /// The new one: the publisher is told.
    New,
}

/// What deployments choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamSettings {
    /// Life of a code.
    pub code_ttl: Duration,
    /// Copies of each stream: 1, 3 or 5.
    pub replicas: usize,
    /// Most requests waiting.
    pub backlog_messages: i64,
    /// Most bytes of requests waiting.
    pub backlog_bytes: i64,
    /// Most bytes of events kept.
    pub events_bytes: i64,
}

/// A stream's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSpec {
    /// The stream's name.
    pub name: &'static str,
    /// What operators read beside the name.
    pub description: &'static str,
    /// What it holds.
    pub subjects: Vec<String>,
    /// When messages leave.
    pub retention: Retention,
    /// What a full stream drops.
    pub discard: Discard,
    /// Longest stay of a message.
    pub max_age: Duration,
    /// Most messages, -1 for no bound.
    pub max_messages: i64,
    /// Most bytes.
    pub max_bytes: i64,
    /// Most messages on one subject, -1 for no bound.
    pub max_messages_per_subject: i64,
    /// Largest message in bytes.
    pub max_message_size: i32,
    /// How long a repeated message id is recognised.
    pub duplicate_window: Duration,
    /// Whether every replica answers reads.
    pub allow_direct: bool,
    /// Copies.
    pub replicas: usize,
}

impl StreamSettings {
    /// All streams.
    pub fn streams(&self) -> [StreamSpec; 3] {
        [self.requests(), self.events(), self.dead()]
    }

    /// `OTP_REQUESTS`.
    pub fn requests(&self) -> StreamSpec {
        StreamSpec {
            name: REQUESTS,
            description: "Requests waiting for a mailer; its size is the backlog",
            subjects: vec![subject::all_of(EventKind::Requested)],
            retention: Retention::WorkQueue,
            discard: Discard::New,
            max_age: self.code_ttl + REQUEST_GRACE,
            max_messages: self.backlog_messages,
            max_bytes: self.backlog_bytes,
            max_messages_per_subject: -1,
            max_message_size: MAX_PAYLOAD,
            duplicate_window: DUPLICATE_WINDOW,
            allow_direct: false,
            replicas: self.replicas,
        }
    }

    /// `OTP_EVENTS`.
    pub fn events(&self) -> StreamSpec {
        let kinds = EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Requested);
        StreamSpec {
            name: EVENTS,
            description: "What happened to every verification",
            subjects: kinds.map(subject::all_of).collect(),
            retention: Retention::Limits,
            discard: Discard::Old,
            max_age: self.code_ttl + RETENTION_GRACE,
            max_messages: -1,
            max_bytes: self.events_bytes,
            max_messages_per_subject: EVENTS_PER_SUBJECT,
            max_message_size: MAX_PAYLOAD,
            duplicate_window: DUPLICATE_WINDOW,
            allow_direct: true,
            replicas: self.replicas,
        }
    }

    /// `OTP_DEAD`.
    pub fn dead(&self) -> StreamSpec {
        StreamSpec {
            name: DEAD,
            description: "Requests that were given up, still sealed",
            subjects: vec![subject::all_dead_letters()],
            retention: Retention::Limits,
            discard: Discard::Old,
            max_age: DEAD_AGE,
            max_messages: -1,
            max_bytes: self.backlog_bytes,
            max_messages_per_subject: -1,
            // A dead letter holds the request as it was and a few words more.
            max_message_size: 4 * MAX_PAYLOAD,
            duplicate_window: DUPLICATE_WINDOW,
            allow_direct: true,
            replicas: self.replicas,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_exactly_one_stream() {
        let settings = StreamSettings {
            code_ttl: Duration::from_secs(300),
            replicas: 1,
            backlog_messages: 1,
            backlog_bytes: 1,
            events_bytes: 1,
        };
        let subjects: Vec<String> = settings.streams().into_iter().flat_map(|stream| stream.subjects).collect();
        for kind in EventKind::ALL {
            assert_eq!(subjects.iter().filter(|subject| **subject == subject::all_of(kind)).count(), 1, "{kind}");
        }
        assert_eq!(subjects.len(), EventKind::ALL.len() + 1);
        assert_eq!(settings.requests().max_age, Duration::from_secs(3900));
        assert_eq!(settings.events().max_age, Duration::from_secs(900));
    }
}
