//! Reading what happened to one verification from `OTP_EVENTS`.

use std::collections::HashSet;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{DirectGetErrorKind, LastRawMessageErrorKind};
use bytes::Bytes;
use futures_util::future::try_join_all;

use crate::bus::Bus;
use crate::event::{Envelope, EventError, EventKind};
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

/// All events of a verification after `after` (a stream sequence, 0 for all), in order. One that the servers have stored
/// twice (a publish that was repeated while a stream changed its leader) stands there once, where it was first.
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
    drop_repeated(&mut events);
    Ok(events)
}

/// Leaves of equal payloads the first.
fn drop_repeated(events: &mut Vec<Recorded>) {
    let mut known = HashSet::with_capacity(events.len());
    events.retain(|event| known.insert(event.payload.clone()));
}

/// The newest event of one kind, asked of the stream's leader: a follower may not have it yet.
///
/// # Errors
/// NATS is away or has no leader for the stream.
pub async fn last(bus: &Bus, id: &VerificationId, kind: EventKind) -> Result<Option<Recorded>, TimelineFault> {
    let stream = bus.jetstream().get_stream_no_info(stream::EVENTS).await.map_err(|error| fault(&error))?;
    match stream.get_last_raw_message_by_subject(&subject::event(kind, id)).await {
        Ok(message) => Ok(Some(recorded(kind, message)).filter(|recorded| belongs(id, recorded))),
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
    let (subject, mut next, mut read, mut events) = (subject::event(kind, id), after + 1, 0, Vec::new());
    while read < MOST_OF_A_KIND {
        match stream.direct_get_next_for_subject(subject.clone(), Some(next)).await {
            Ok(message) => {
                next = message.sequence + 1;
                read += 1;
                events.extend(Some(recorded(kind, message)).filter(|recorded| belongs(id, recorded)));
            }
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => break,
            Err(error) => return Err(fault(&error)),
        }
    }
    Ok(events)
}

/// Whether an event stands where it says that it stands. JetStream stores its answers wherever they are to be sent, so a
/// user who may read one event can have it stored under the subject of another. What a newer version says is believed.
fn belongs(id: &VerificationId, recorded: &Recorded) -> bool {
    match Envelope::from_json(&recorded.payload) {
        Ok(envelope) => envelope.id == *id && envelope.event == recorded.kind.as_str(),
        Err(EventError::Unsupported) => true,
        Err(EventError::Malformed) => false,
    }
}

fn recorded(kind: EventKind, message: StreamMessage) -> Recorded {
    Recorded { seq: message.sequence, kind, stored_at: message.time.into(), payload: message.payload }
}

fn fault(error: &dyn std::error::Error) -> TimelineFault {
    TimelineFault(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_is_stored_twice_is_one() {
        let recorded = |seq: u64, payload: &'static str| Recorded {
            seq,
            kind: EventKind::Rejected,
            stored_at: Timestamp::from_millis(0),
            payload: Bytes::from_static(payload.as_bytes()),
        };
        let mut events = vec![recorded(1, "a"), recorded(2, "b"), recorded(5, "a"), recorded(9, "c")];
        drop_repeated(&mut events);
        assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 9]);
    }

    #[test]
    fn an_event_counts_where_it_belongs() {
        let id: VerificationId = "abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().unwrap();
        let payload = |version: u32, id: &VerificationId, event: &str| {
            format!(
                r#"{{"v":{version},"id":"{id}","event":"{event}","at":"2026-01-02T03:04:05.000Z","generation":1,"data":{{}}}}"#
            )
        };
        let other = "bbcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().unwrap();
        for (payload, expected) in [
            (payload(1, &id, "verified"), true),
            (payload(1, &id, "sent"), false),
            (payload(1, &other, "verified"), false),
            (payload(9, &id, "proved"), true),
            ("{}".to_owned(), false),
        ] {
            let at = Timestamp::from_millis(0);
            let recorded =
                Recorded { seq: 1, kind: EventKind::Verified, stored_at: at, payload: payload.clone().into() };
            assert_eq!(belongs(&id, &recorded), expected, "{payload}");
        }
    }
}
