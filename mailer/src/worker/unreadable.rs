//! Requests that this mailer does not understand.

use otp_nats::event::Reason;
use otp_nats::request::DeadLetter;
use otp_nats::work::{Job, Verdict};
use otp_nats::{Body, Event, Timestamp, event, subject};
use serde_json::Value;

use super::Mailer;
use crate::metrics::Outcome;

impl Mailer {
    /// Files a request that cannot be read, and tells its verification so, as far as its subject names one.
    pub(super) async fn give_up_unreadable(&self, job: &Job) -> Verdict {
        let id = subject::parse(&job.subject).map(|parsed| parsed.id);
        let generation = generation(&job.payload);
        let letter = DeadLetter {
            v: event::VERSION,
            id,
            at: Timestamp::now(),
            generation,
            seq: job.seq,
            reason: Reason::Unreadable,
            attempts: job.delivered,
            reply: None,
            request: String::from_utf8_lossy(&job.payload).into_owned(),
        };
        let verdict = if let Some(id) = id {
            let body = Body::Failed { reason: Reason::Unreadable, reply: None };
            let failed = Event { id, at: Timestamp::now(), generation: generation.unwrap_or(1), body };
            self.file(letter, &failed, &job.trace).await
        } else {
            match self.bus.publish_dead_letter(&letter, super::PUBLISH_WITHIN).await {
                Ok(_) => Verdict::GiveUp,
                Err(_) => Verdict::RetryAfter(super::BUS_PAUSE),
            }
        };
        if verdict == Verdict::GiveUp {
            self.metrics.mail(Outcome::Failed, "");
            tracing::warn!(seq = job.seq, "a request that cannot be read was filed as a dead letter");
        }
        verdict
    }
}

/// The generation of a payload whose other members are of no known shape.
fn generation(payload: &[u8]) -> Option<u32> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    u32::try_from(value.get("generation")?.as_u64()?).ok()
}
