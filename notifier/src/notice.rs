//! An event as clients get it: read and encoded once, however many listen.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use otp_nats::event::{Envelope, EventError};
use otp_nats::telemetry::{SpanKind, Step};
use otp_nats::text::sized;
use otp_nats::trace::TraceParent;
use otp_nats::{EventKind, Timestamp, VerificationId};
use serde_json::json;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// What a frame has beside `data`, with room for the longest kind and sequence: so that it is written in one go.
const OTHER_OCTETS: usize = 152;

/// One event of one verification with the frame that says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Its sequence in `OTP_EVENTS`.
    pub(crate) seq: u64,
    /// The verification.
    pub(crate) id: VerificationId,
    /// What happened.
    pub(crate) kind: EventKind,
    /// Which mail of the verification it belongs to.
    pub(crate) generation: u32,
    /// The same for an event that the servers have stored twice, and for no other.
    pub(crate) fingerprint: u64,
    /// What told of it, in its trace, if that is recorded. Boxed: where traces are off no entry of the ring is larger.
    pub(crate) trace: Option<Box<TraceParent>>,
    /// The text of the frame.
    pub(crate) frame: Utf8Bytes,
}

impl Notice {
    /// Reads an event's payload; its `data` goes into the frame as it came. The payload's buffer is not kept.
    ///
    /// # Errors
    /// As [`Envelope::from_json`] and [`Envelope::kind`].
    pub(crate) fn read(seq: u64, payload: &[u8]) -> Result<Arc<Self>, EventError> {
        Self::read_traced(seq, payload, None)
    }

    /// As [`Notice::read`], for one whose delivery is a step of this trace.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn read_traced(seq: u64, payload: &[u8], trace: Option<TraceParent>) -> Result<Arc<Self>, EventError> {
        let envelope = Envelope::from_json(payload)?;
        let (id, kind, at, data) = (envelope.id, envelope.kind()?, envelope.at, envelope.data.get());
        let frame = sized(
            data.len() + OTHER_OCTETS,
            format_args!(r#"{{"type":"event","id":"{id}","seq":{seq},"event":"{kind}","at":"{at}","data":{data}}}"#),
        );
        let mut hasher = DefaultHasher::new();
        payload.hash(&mut hasher);
        let fingerprint = hasher.finish();
        let (generation, trace) = (envelope.generation, trace.map(Box::new));
        Ok(Arc::new(Self { seq, id, kind, generation, fingerprint, trace, frame: frame.into() }))
    }

    /// The step of telling a client of it, which ends when it is dropped.
    pub(crate) fn told(&self) -> Step {
        let Some(trace) = &self.trace else { return Step::default() };
        let mut step = Step::from_afar(trace, SpanKind::Consumer, || format!("deliver otp.{}", self.kind).into());
        step.set("messaging.system", "nats");
        step.set("messaging.operation.name", "deliver");
        step.set("messaging.operation.type", "process");
        step.set("messaging.destination.name", "OTP_EVENTS");
        step.set("network.protocol.name", "websocket");
        step
    }
}

/// The frame of the event that a ticket alone proves: `requested`, sequence 0.
pub(crate) fn requested(id: &VerificationId, requested_at: Timestamp, expires_at: Timestamp) -> Utf8Bytes {
    let kind = EventKind::Requested;
    let data = json!({ "expires_at": expires_at });
    format!(r#"{{"type":"event","id":"{id}","seq":0,"event":"{kind}","at":"{requested_at}","data":{data}}}"#).into()
}

#[cfg(test)]
pub(crate) mod tests;
