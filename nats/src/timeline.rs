//! Reading what happened to one verification from `OTP_EVENTS`.

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{DirectGetErrorKind, LastRawMessageErrorKind};
use bytes::Bytes;
use futures_util::future::try_join_all;

use crate::bus::Bus;
use crate::event::EventKind;
use crate::id::VerificationId;
use crate::timestamp::Timestamp;
use crate::{stream, subject};

/// At most so many events of one kind are read: the stream keeps no more of them on a subject.
const MOST_OF_A_KIND: usize = 32;

/// An event as the stream holds it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its sequence in the stream: grows with time, the same for every reader.
    pub seq: u64,
    /// What happened.
    pub kind: EventKind,
    /// When the stream took it.
    pub stored_at: Timestamp,
    /// The payload.
    pub payload: Bytes,
}

/// The stream cannot be read now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the events cannot be read: {0}")]
pub struct TimelineFault(String);

/// All events of a verification after `after` (a stream sequence, 0 for all), in order.
///
/// Each kind's subject is asked for by name: a look-up by subject costs the server an index access, while a filter
/// with a wildcard makes it walk the stream.
///
/// # Errors
/// NATS is away or has no leader for the stream.
pub async fn read(bus: &Bus, id: &VerificationId, after: u64) -> Result<Vec<Recorded>, TimelineFault> {
    let kinds = EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Requested);
    let mut events: Vec<Recorded> =
        try_join_all(kinds.map(|kind| read_kind(bus, id, kind, after))).await?.into_iter().flatten().collect();
    events.sort_unstable_by_key(|event| event.seq);
    Ok(events)
}

/// The newest event of one kind, asked of the stream's leader: a follower may not have it yet.
///
/// # Errors
/// NATS is away or has no leader for the stream.
pub async fn last(bus: &Bus, id: &VerificationId, kind: EventKind) -> Result<Option<Recorded>, TimelineFault> {
    let stream = bus.jetstream().get_stream_no_info(stream::EVENTS).await.map_err(|error| fault(&error))?;
    match stream.get_last_raw_message_by_subject(&subject::event(kind, id)).await {
        Ok(message) => Ok(Some(recorded(kind, message))),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(fault(&error)),
    }
}

async fn read_kind(
    bus: &Bus,
    id: &VerificationId,
    kind: EventKind,
    after: u64,
) -> Result<Vec<Recorded>, TimelineFault> {
    let stream = bus.jetstream().get_stream_no_info(stream::EVENTS).await.map_err(|error| fault(&error))?;
    let (subject, mut next, mut events) = (subject::event(kind, id), after + 1, Vec::new());
    while events.len() < MOST_OF_A_KIND {
        match stream.direct_get_next_for_subject(subject.clone(), Some(next)).await {
            Ok(message) => {
                next = message.sequence + 1;
                events.push(recorded(kind, message));
            }
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => break,
            Err(error) => return Err(fault(&error)),
        }
    }
    Ok(events)
}

fn recorded(kind: EventKind, message: StreamMessage) -> Recorded {
    Recorded { seq: message.sequence, kind, stored_at: message.time.into(), payload: message.payload }
}

fn fault(error: &dyn std::error::Error) -> TimelineFault {
    TimelineFault(error.to_string())
}
