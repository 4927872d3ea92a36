//! Reading a verification: Redis says how it stands, `OTP_EVENTS` what happened.

use std::borrow::Cow;
use std::time::Duration;

use otp_nats::event::Envelope;
use otp_nats::timeline::{self, Recorded};
use otp_nats::{EventKind, Timestamp, VerificationId};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Verifications;
use crate::apps::App;
use crate::description::{Id, Time};
use crate::problem::Problem;
use crate::store::{Snapshot, State};

/// A read of the events takes a few round trips; what takes longer leaves the timeline incomplete, and says so.
const EVENTS_WITHIN: Duration = Duration::from_secs(1);

/// How a verification may stand.
const STATES: [&str; 10] =
    ["queued", "sending", "sent", "deferred", "failed", "verified", "expired", "canceled", "superseded", "locked"];

/// A verification as it stands.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON members")]
pub struct Status {
    /// The verification.
    #[schemars(with = "Id")]
    id: VerificationId,
    /// How it stands.
    #[schemars(extend("x-extensible-enum" = STATES))]
    status: &'static str,
    /// When the code ends.
    #[schemars(with = "Time")]
    expires_at: Timestamp,
    /// When another mail may be asked for.
    #[schemars(with = "Time")]
    resend_at: Timestamp,
    /// Guesses left.
    attempts_left: u32,
    /// What happened, in order, as the socket tells it.
    timeline: Vec<TimelineEntry>,
    /// False while the events cannot be read.
    timeline_complete: bool,
}

/// One event of a timeline.
#[derive(Debug, Serialize)]
pub struct TimelineEntry {
    seq: u64,
    event: EventKind,
    at: Timestamp,
    data: Box<RawValue>,
}

/// Each kind of event has data of its own, which the contract knows.
impl JsonSchema for TimelineEntry {
    fn schema_name() -> Cow<'static, str> {
        "TimelineEntry".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let kinds = EventKind::ALL.map(otp_nats::description::timeline_entry);
        schemars::json_schema!({"description": "One event of a timeline.", "oneOf": kinds})
    }
}

impl Verifications {
    /// Reads a verification.
    ///
    /// # Errors
    /// The problem that the client is told.
    pub async fn status(&self, app: &App, id: VerificationId) -> Result<Status, Problem> {
        let read = self.asked(self.store.status(&id, &app.quotas.status)).await?;
        let Some(snapshot) = read.map_err(|violations| self.limited(violations))? else { return Err(Problem::Expired) };
        let read = tokio::time::timeout(EVENTS_WITHIN, timeline::read(&self.bus, &id, 0)).await;
        let (recorded, complete) = match read {
            Ok(Ok(recorded)) => (recorded, true),
            Ok(Err(_)) | Err(_) => (Vec::new(), false),
        };
        let mut entries: Vec<TimelineEntry> = requested(&snapshot).into_iter().collect();
        entries.extend(recorded.iter().filter_map(entry));
        Ok(Status {
            id,
            status: state(&snapshot, &recorded),
            expires_at: snapshot.terms.expires_at,
            resend_at: snapshot.terms.resend_at,
            attempts_left: snapshot.terms.attempts_left,
            timeline: entries,
            timeline_complete: complete,
        })
    }
}

/// The first event, which the mailers' stream holds and which needs no look-up.
fn requested(snapshot: &Snapshot) -> Option<TimelineEntry> {
    let data = RawValue::from_string(format!("{{\"expires_at\":\"{}\"}}", snapshot.terms.expires_at)).ok()?;
    Some(TimelineEntry { seq: 0, event: EventKind::Requested, at: snapshot.terms.requested_at, data })
}

fn entry(recorded: &Recorded) -> Option<TimelineEntry> {
    let envelope = Envelope::from_json(&recorded.payload).ok()?;
    let data = envelope.data.to_owned();
    Some(TimelineEntry { seq: recorded.seq, event: recorded.kind, at: envelope.at, data })
}

/// What Redis decided stands; while a verification is open, its newest mail event tells how far it is.
fn state(snapshot: &Snapshot, recorded: &[Recorded]) -> &'static str {
    match snapshot.state {
        State::Verified => "verified",
        State::Expired => "expired",
        State::Canceled => "canceled",
        State::Superseded => "superseded",
        State::Locked => "locked",
        State::Pending => {
            let mail = recorded.iter().rev().find_map(|event| match event.kind {
                EventKind::Processing => Some("sending"),
                EventKind::Sent => Some("sent"),
                EventKind::Deferred => Some("deferred"),
                EventKind::Failed => Some("failed"),
                _ => None,
            });
            mail.unwrap_or("queued")
        }
    }
}
