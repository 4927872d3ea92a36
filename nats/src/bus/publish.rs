//! Publishing: at least once from here, at most once in the stream.

use std::time::Duration;

use async_nats::client::PublishErrorKind;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::{HeaderMap, Message, StatusCode};
use bytes::Bytes;
use tokio::time::Instant;

use super::{Bus, jittered};
use crate::event::Event;
use crate::request::DeadLetter;
use crate::subject;
use crate::telemetry::{SpanKind, Step};
use crate::text::sized;
use crate::trace::{self, TraceParent};

/// One attempt of a publish waits so long for its acknowledgement: longer than any healthy server takes, short enough
/// for a second and third attempt within the deadline of a request.
const ATTEMPT: Duration = Duration::from_millis(1200);
/// The first wait between attempts, for a server that refuses at once; doubled with each.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest wait between attempts. A new leader is found so fast, and a thousand requests that are held while there
/// is none cost the servers some thousand small messages a second.
const PAUSE_MAX: Duration = Duration::from_millis(400);

/// Why an event was not published. Only `Unavailable` may have been stored all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishFault {
    /// The stream is at its bound.
    #[error("the stream is full")]
    Full,
    /// The server refuses the message itself.
    #[error("the server refuses the message")]
    Refused,
    /// No acknowledgement came in time.
    #[error("no acknowledgement in time")]
    Unavailable,
}

impl PublishFault {
    /// The name that metrics and traces use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What JetStream said of a stored message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The sequence in its stream.
    pub seq: u64,
    /// Whether a message of this id was there already.
    pub duplicate: bool,
}

/// A message before it is sent.
#[derive(Debug)]
struct Outgoing {
    subject: String,
    headers: HeaderMap,
    payload: Bytes,
}

/// What an attempt came to when nothing was stored or refused.
enum Lost {
    /// No acknowledgement, or one that another attempt may change.
    Unanswered,
    /// The connection it was sent on is gone.
    Disconnected,
}

impl Bus {
    /// Publishes an event and waits until JetStream has it, trying again with the same `Nats-Msg-Id` until `within` is
    /// over. At most one copy is stored.
    ///
    /// # Errors
    /// [`PublishFault`], as its variants say.
    pub async fn publish(&self, event: &Event, trace: &TraceParent, within: Duration) -> Result<Stored, PublishFault> {
        let mut step = Step::of(trace, SpanKind::Producer, || format!("publish otp.{}", event.kind()).into());
        step.set("messaging.system", "nats");
        step.set("messaging.operation.name", "publish");
        step.set("messaging.operation.type", "send");
        // Never the subject itself: the id of a verification is in it.
        step.set_with("messaging.destination.template", || format!("otp.{}.{{id}}", event.kind()));
        let trace = &step.trace().unwrap_or(*trace);
        let message =
            Outgoing { subject: event.subject(), headers: headers(event, trace), payload: event.to_json().into() };
        let started = Instant::now();
        let result = self.acknowledged(&message, within).await;
        if let Err(fault) = &result {
            step.failed(fault.as_str());
        }
        self.metrics.published(event.kind(), result.as_ref().err().copied(), started.elapsed());
        result
    }

    /// Publishes an event and does not wait: for what is best effort. Nothing is sent while no server is connected.
    pub async fn publish_best_effort(&self, event: &Event, trace: &TraceParent) {
        if !self.is_connected() {
            return;
        }
        let headers = headers(event, trace);
        let client = &self.connection.client;
        let published = client.publish_with_headers(event.subject(), headers, event.to_json().into()).await;
        if published.is_err() {
            tracing::debug!(event = %event.kind(), "not published");
        }
    }

    /// Files a request that is given up, and waits until JetStream has it.
    ///
    /// # Errors
    /// [`PublishFault`], as its variants say.
    pub async fn publish_dead_letter(&self, letter: &DeadLetter, within: Duration) -> Result<Stored, PublishFault> {
        let subject = letter.id.as_ref().map_or_else(subject::dead_letter_without_id, subject::dead_letter);
        let payload = serde_json::to_vec(letter).map_err(|_| PublishFault::Refused)?;
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, letter.message_id().as_str());
        let mut step = Step::child(SpanKind::Producer, || "publish otp.dead".into());
        step.set("messaging.system", "nats");
        step.set("messaging.operation.name", "publish");
        step.set("messaging.operation.type", "send");
        step.set("messaging.destination.name", "OTP_DEAD");
        let result = self.acknowledged(&Outgoing { subject, headers, payload: payload.into() }, within).await;
        if let Err(fault) = &result {
            step.failed(fault.as_str());
        }
        result
    }

    async fn acknowledged(&self, message: &Outgoing, within: Duration) -> Result<Stored, PublishFault> {
        let deadline = Instant::now() + within;
        let mut pause = PAUSE_MIN;
        loop {
            match tokio::time::timeout_at(deadline, self.attempt(message)).await {
                Ok(Ok(Err(PublishFault::Unavailable))) => return Err(PublishFault::Unavailable),
                Ok(Ok(done)) => {
                    self.trouble.over();
                    return done;
                }
                // It was lost with the connection: the next attempt waits for another one and nothing else.
                Ok(Err(Lost::Disconnected)) => continue,
                Ok(Err(Lost::Unanswered)) => self.trouble.met(),
                Err(_elapsed) => {
                    self.trouble.met();
                    return Err(PublishFault::Unavailable);
                }
            }
            // The time is used to its end: a leader that comes in the last moment still serves.
            let left = deadline.saturating_duration_since(Instant::now());
            if left < PAUSE_MIN {
                return Err(PublishFault::Unavailable);
            }
            tokio::time::sleep(jittered(pause).min(left / 2)).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// One attempt, as soon as a server is connected. While none is, nothing is sent that could be stored long after
    /// its sender has given up.
    async fn attempt(&self, message: &Outgoing) -> Result<Result<Stored, PublishFault>, Lost> {
        let mut made = self.connection.made().await;
        let Some((inbox, mut awaited)) = self.acks.expect() else { return Ok(Err(PublishFault::Unavailable)) };
        let Outgoing { subject, headers, payload } = message;
        let client = &self.connection.client;
        let sent =
            client.publish_with_reply_and_headers(subject.clone(), inbox, headers.clone(), payload.clone()).await;
        if let Err(error) = sent {
            return match error.kind() {
                PublishErrorKind::MaxPayloadExceeded | PublishErrorKind::InvalidSubject => {
                    Ok(Err(PublishFault::Refused))
                }
                PublishErrorKind::Send => Err(Lost::Unanswered),
            };
        }
        tokio::select! {
            reply = tokio::time::timeout(ATTEMPT, awaited.reply()) => {
                reply.ok().flatten().and_then(|reply| read(&reply)).ok_or(Lost::Unanswered)
            }
            Ok(()) = made.changed() => Err(Lost::Disconnected),
        }
    }
}

fn headers(event: &Event, trace: &TraceParent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(trace::HEADER, sized(56, format_args!("{trace}")).as_str());
    headers.insert(NATS_MESSAGE_ID, event.message_id().as_str());
    headers
}

/// What JetStream says; `None` when another attempt may be answered otherwise.
fn read(reply: &Message) -> Option<Result<Stored, PublishFault>> {
    // What a cluster says while it elects a leader.
    if reply.status == Some(StatusCode::NO_RESPONDERS) {
        return None;
    }
    match serde_json::from_slice(&reply.payload).ok()? {
        Response::Ok(PublishAck { sequence, duplicate, .. }) => Some(Ok(Stored { seq: sequence, duplicate })),
        Response::Err { error } if error.error_code() == ErrorCode::STREAM_STORE_FAILED => {
            Some(Err(PublishFault::Full))
        }
        Response::Err { error } if error.code() == 400 => Some(Err(PublishFault::Refused)),
        Response::Err { .. } => None,
    }
}
