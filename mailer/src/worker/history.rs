//! What `OTP_EVENTS` tells of a request that was delivered before.

use futures_util::future::try_join_all;
use otp_nats::bus::Bus;
use otp_nats::timeline::{self, TimelineFault};
use otp_nats::{Body, Event, EventKind, Timestamp, VerificationId};

/// What is left to do for a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum History {
    /// It was sent or given up, or nobody waits for it any more.
    Done,
    /// It is still to be sent.
    Open {
        /// How often it was tried and deferred.
        attempts: u32,
    },
}

/// The events that decide, asked of the stream's leader: a follower may not have the newest yet.
const DECIDING: [EventKind; 8] = [
    EventKind::Sent,
    EventKind::Failed,
    EventKind::Deferred,
    EventKind::Verified,
    EventKind::Canceled,
    EventKind::Superseded,
    EventKind::Locked,
    EventKind::Expired,
];

/// Reads what is recorded of a request that the stream took at `since`. What was recorded before tells of an earlier
/// request for the same mail, which was given up and is now sent again.
///
/// # Errors
/// NATS is away or has no leader for the stream.
pub(super) async fn read(
    bus: &Bus,
    id: &VerificationId,
    generation: u32,
    since: Timestamp,
) -> Result<History, TimelineFault> {
    let events = try_join_all(DECIDING.map(|kind| timeline::last(bus, id, kind))).await?;
    // An event of a newer version is not understood; its kind is, by its subject.
    let read = |recorded: timeline::Recorded| Told {
        kind: recorded.kind,
        event: Event::from_json(&recorded.payload).ok(),
        is_earlier: recorded.stored_at < since,
    };
    Ok(decide(events.into_iter().flatten().map(read), generation))
}

/// An event, as far as it is understood.
#[derive(Debug, Clone)]
struct Told {
    kind: EventKind,
    event: Option<Event>,
    /// It is older than the request.
    is_earlier: bool,
}

/// Decides on the newest event of each kind.
fn decide(events: impl Iterator<Item = Told>, generation: u32) -> History {
    let mut attempts = 0;
    for Told { kind, event, is_earlier } in events {
        let of = event.as_ref().map(|event| event.generation);
        let done = match kind {
            EventKind::Verified
            | EventKind::Canceled
            | EventKind::Superseded
            | EventKind::Locked
            | EventKind::Expired => true,
            // Of this mail or a newer one: the person asked again and got that one.
            EventKind::Sent => of.is_none_or(|of| of >= generation),
            EventKind::Failed => of.is_none_or(|of| of >= generation) && (!is_earlier || of > Some(generation)),
            EventKind::Deferred => {
                if let Some(Event { body: Body::Deferred { attempt, .. }, .. }) = event
                    && of == Some(generation)
                    && !is_earlier
                {
                    attempts = attempt;
                }
                false
            }
            EventKind::Requested | EventKind::Processing | EventKind::Rejected => false,
        };
        if done {
            return History::Done;
        }
    }
    History::Open { attempts }
}

#[cfg(test)]
mod tests {
    use otp_nats::event::Reason;

    use super::*;

    fn event(generation: u32, body: Body) -> Told {
        let id = "abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().unwrap();
        let (kind, event) = (body.kind(), Some(Event { id, at: Timestamp::from_millis(0), generation, body }));
        Told { kind, event, is_earlier: false }
    }

    fn earlier(told: Told) -> Told {
        Told { is_earlier: true, ..told }
    }

    fn newer_version(kind: EventKind) -> Told {
        Told { kind, event: None, is_earlier: false }
    }

    fn failed() -> Body {
        Body::Failed { reason: Reason::Refused, reply: None }
    }

    fn sent() -> Body {
        Body::Sent { relay: String::new(), reply: String::new(), to: String::new(), elapsed_ms: 0 }
    }

    fn deferred(attempt: u32) -> Body {
        Body::Deferred { reason: Reason::Busy, next_attempt_at: Timestamp::from_millis(0), attempt }
    }

    #[test]
    fn knows_what_is_done() {
        let open = |attempts| History::Open { attempts };
        for (events, expected) in [
            (vec![], open(0)),
            (vec![event(2, sent())], History::Done),
            (vec![event(3, sent())], History::Done),
            (vec![event(1, sent())], open(0)),
            (vec![earlier(event(2, sent()))], History::Done),
            (vec![event(2, failed())], History::Done),
            (vec![event(3, failed())], History::Done),
            (vec![event(1, failed())], open(0)),
            (vec![earlier(event(2, failed()))], open(0)),
            (vec![earlier(event(3, failed()))], History::Done),
            (vec![earlier(event(2, deferred(4)))], open(0)),
            (vec![event(2, deferred(4))], open(4)),
            (vec![event(1, deferred(4))], open(0)),
            (vec![event(2, deferred(4)), event(1, Body::Verified {})], History::Done),
            (vec![event(1, Body::Canceled {})], History::Done),
            (vec![event(1, Body::Superseded {})], History::Done),
            (vec![event(1, Body::Locked { attempts_left: 0 })], History::Done),
            (vec![event(1, Body::Expired {})], History::Done),
            (vec![event(1, Body::Processing { attempt: 1 })], open(0)),
            (vec![newer_version(EventKind::Sent)], History::Done),
            (vec![newer_version(EventKind::Failed)], History::Done),
            (vec![newer_version(EventKind::Deferred)], open(0)),
            (vec![earlier(newer_version(EventKind::Failed))], open(0)),
        ] {
            assert_eq!(decide(events.clone().into_iter(), 2), expected, "{events:?}");
        }
    }
}
