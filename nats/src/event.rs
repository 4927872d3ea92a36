//! Events and their payloads.
//!
//! A payload is a JSON object with `v`, `id`, `event`, `at`, `generation` and `data`, frozen by `golden/events.json`.
//! Compatibility: a reader ignores members that it does not know, and refuses a `v` or an `event` that it does not
//! know with [`EventError::Unsupported`]; what it then does is its own rule (the notifier skips such an event, the
//! mailer files the request as a dead letter). New members may come under the same `v`; a changed meaning takes a new one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::id::VerificationId;
use crate::subject;
use crate::text::sized;
use crate::timestamp::Timestamp;

/// The version that this build writes and the newest that it reads.
pub const VERSION: u32 = 1;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// The gateway accepted a request, or a resend of it.
    Requested,
    /// A mailer took the request up. Best effort: it may be missing.
    Processing,
    /// The relay took the mail over (250 after the final dot).
    Sent,
    /// The mail could not be handed over now and will be tried again.
    Deferred,
    /// The mail was given up.
    Failed,
    /// A wrong code was entered.
    Rejected,
    /// The last guess was wrong.
    Locked,
    /// The right code was entered.
    Verified,
    /// The verification was canceled.
    Canceled,
    /// A newer verification of the same recipient took its place.
    Superseded,
    /// The time is over.
    Expired,
}

impl EventKind {
    /// All kinds, in the order of a verification's life.
    pub const ALL: [Self; 11] = [
        Self::Requested,
        Self::Processing,
        Self::Sent,
        Self::Deferred,
        Self::Failed,
        Self::Rejected,
        Self::Locked,
        Self::Verified,
        Self::Canceled,
        Self::Superseded,
        Self::Expired,
    ];

    /// The name as payloads and subjects spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Processing => "processing",
            Self::Sent => "sent",
            Self::Deferred => "deferred",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Locked => "locked",
            Self::Verified => "verified",
            Self::Canceled => "canceled",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing more is to be expected after it, unless the person asks for the mail again (`failed`).
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Failed | Self::Locked | Self::Verified | Self::Canceled | Self::Superseded | Self::Expired => true,
            Self::Requested | Self::Processing | Self::Sent | Self::Deferred | Self::Rejected => false,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = EventError;

    fn from_str(text: &str) -> Result<Self, EventError> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(EventError::Unsupported)
    }
}

/// Why a mail was not handed over. The names are part of the contract; clients show words of their own for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No relay could be reached.
    Unreachable,
    /// A relay did not answer in time.
    TimedOut,
    /// A relay closed the connection or broke the protocol.
    ConnectionLost,
    /// TLS could not be negotiated as required.
    TlsFailed,
    /// The relay refused the mailer's credentials.
    AuthenticationFailed,
    /// The relay asked to come back later (4xx).
    Busy,
    /// The relay refused the recipient or the message for good (5xx).
    Refused,
    /// Too little of the code's life is left for another attempt.
    NoTimeLeft,
    /// The last of the scheduled attempts failed.
    RetriesExhausted,
    /// The sealed request could not be opened, or its address could not be mailed to.
    Unreadable,
    /// A reason that this build does not know.
    #[serde(other)]
    Unknown,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Unreachable,
        Self::TimedOut,
        Self::ConnectionLost,
        Self::TlsFailed,
        Self::AuthenticationFailed,
        Self::Busy,
        Self::Refused,
        Self::NoTimeLeft,
        Self::RetriesExhausted,
        Self::Unreadable,
        Self::Unknown,
    ];
}

/// What an event says beyond its kind: the member `data`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "lowercase")]
pub enum Body {
    /// See [`EventKind::Requested`].
    Requested {
        /// The sealed [`crate::request::MailRequest`].
        sealed: String,
        /// When the code ends.
        expires_at: Timestamp,
    },
    /// See [`EventKind::Processing`].
    Processing {
        /// Counts from 1.
        attempt: u32,
    },
    /// See [`EventKind::Sent`].
    Sent {
        /// Host and port of the relay.
        relay: String,
        /// The relay's reply, without addresses.
        reply: String,
        /// The masked recipient.
        to: String,
        /// From taking the request up to the relay's 250, in milliseconds.
        elapsed_ms: u64,
    },
    /// See [`EventKind::Deferred`].
    Deferred {
        /// Why.
        reason: Reason,
        /// When it is tried again.
        next_attempt_at: Timestamp,
        /// The attempt that failed, from 1.
        attempt: u32,
    },
    /// See [`EventKind::Failed`].
    Failed {
        /// Why.
        reason: Reason,
        /// The relay's reply without addresses, when there was one.
        reply: Option<String>,
    },
    /// See [`EventKind::Rejected`].
    Rejected {
        /// Guesses left.
        attempts_left: u32,
    },
    /// See [`EventKind::Locked`].
    Locked {
        /// Always zero.
        attempts_left: u32,
    },
    /// See [`EventKind::Verified`].
    Verified {},
    /// See [`EventKind::Canceled`].
    Canceled {},
    /// See [`EventKind::Superseded`].
    Superseded {},
    /// See [`EventKind::Expired`].
    Expired {},
}

impl Body {
    /// The kind of this body.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Requested { .. } => EventKind::Requested,
            Self::Processing { .. } => EventKind::Processing,
            Self::Sent { .. } => EventKind::Sent,
            Self::Deferred { .. } => EventKind::Deferred,
            Self::Failed { .. } => EventKind::Failed,
            Self::Rejected { .. } => EventKind::Rejected,
            Self::Locked { .. } => EventKind::Locked,
            Self::Verified {} => EventKind::Verified,
            Self::Canceled {} => EventKind::Canceled,
            Self::Superseded {} => EventKind::Superseded,
            Self::Expired {} => EventKind::Expired,
        }
    }
}

/// One event of one verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The verification.
    pub id: VerificationId,
    /// When it happened.
    pub at: Timestamp,
    /// Which mail of the verification it belongs to: 1 for the first, one more for each resend.
    pub generation: u32,
    /// What happened.
    pub body: Body,
}

/// Why a payload could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The payload is no JSON of the contract's shape.
    #[error("not an event of this contract")]
    Malformed,
    /// The payload's `v` or `event` is newer than this build.
    #[error("an event of a newer version")]
    Unsupported,
}

/// The envelope with `data` as the bytes that it came in.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    /// The payload's version.
    pub v: u32,
    /// The verification.
    pub id: VerificationId,
    /// The event's name.
    pub event: &'a str,
    /// When it happened.
    pub at: Timestamp,
    /// Which mail of the verification it belongs to.
    pub generation: u32,
    /// The event's data, unread.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

impl<'a> Envelope<'a> {
    /// Reads the envelope and leaves `data` alone.
    ///
    /// # Errors
    /// [`EventError`], as its variants say.
    pub fn from_json(payload: &'a [u8]) -> Result<Self, EventError> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        match serde_json::from_slice::<Self>(payload) {
            Ok(envelope) if envelope.v == VERSION => Ok(envelope),
            Ok(_) => Err(EventError::Unsupported),
            // A newer version may have another shape altogether.
            Err(_) => match serde_json::from_slice::<Version>(payload) {
                Ok(Version { v }) if v != VERSION => Err(EventError::Unsupported),
                Ok(_) | Err(_) => Err(EventError::Malformed),
            },
        }
    }

    /// The event's kind.
    ///
    /// # Errors
    /// [`EventError::Unsupported`] for a name that this build does not know.
    pub fn kind(&self) -> Result<EventKind, EventError> {
        self.event.parse()
    }
}

impl Event {
    /// The event's kind.
    pub const fn kind(&self) -> EventKind {
        self.body.kind()
    }

    /// The subject that the event is published on.
    pub fn subject(&self) -> String {
        subject::event(self.kind(), &self.id)
    }

    /// The value of `Nats-Msg-Id`: the same for the same event however often it is published, so that JetStream keeps one.
    pub fn message_id(&self) -> String {
        let (id, kind, generation) = (&self.id, self.kind(), self.generation);
        match &self.body {
            Body::Requested { .. } | Body::Sent { .. } => sized(64, format_args!("{id}.{kind}.{generation}")),
            Body::Processing { attempt } => sized(64, format_args!("{id}.{kind}.{generation}.{attempt}")),
            // A mail that was given up and is sent again may be deferred and fail a second time within JetStream's
            // window for duplicates: that is another event, and the newest one tells how the mail stands.
            Body::Deferred { attempt, .. } => format!("{id}.{kind}.{generation}.{attempt}.{}", self.at.as_millis()),
            Body::Failed { .. } => format!("{id}.{kind}.{generation}.{}", self.at.as_millis()),
            Body::Rejected { attempts_left } => sized(64, format_args!("{id}.{kind}.{attempts_left}")),
            Body::Locked { .. } | Body::Verified {} | Body::Canceled {} | Body::Superseded {} | Body::Expired {} => {
                sized(64, format_args!("{id}.{kind}"))
            }
        }
    }

    /// The payload.
    pub fn to_json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Wire<'a> {
            v: u32,
            id: &'a VerificationId,
            at: Timestamp,
            generation: u32,
            #[serde(flatten)]
            body: &'a Body,
        }
        let wire = Wire { v: VERSION, id: &self.id, at: self.at, generation: self.generation, body: &self.body };
        // The sealed request is the longest by far; the rest comes to less than that beside it.
        let long = if let Body::Requested { sealed, .. } = &self.body { sealed.len() } else { 0 };
        let mut json = Vec::with_capacity(long + 384);
        // Strings and numbers only: serialising them into memory cannot fail.
        let written = serde_json::to_writer(&mut json, &wire);
        debug_assert!(written.is_ok());
        json
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`EventError`], as its variants say.
    pub fn from_json(payload: &[u8]) -> Result<Self, EventError> {
        let envelope = Envelope::from_json(payload)?;
        envelope.kind()?;
        let Envelope { id, at, generation, .. } = envelope;
        // A second reading costs less than one that keeps all members until it knows what they are.
        let body = serde_json::from_slice(payload).map_err(|_| EventError::Malformed)?;
        Ok(Self { id, at, generation, body })
    }
}

#[cfg(test)]
mod tests;
