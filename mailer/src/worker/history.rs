//! What `OTP_EVENTS` tells of a request that was delivered before.

use futures_util::future::try_join_all;
use otp_nats::bus::Bus;
use otp_nats::timeline::{self, TimelineFault};
use otp_nats::{Body, Event, EventKind, VerificationId};

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

/// Reads what is recorded.
///
/// # Errors
/// NATS is away or has no leader for the stream.
pub(super) async fn read(bus: &Bus, id: &VerificationId, generation: u32) -> Result<History, TimelineFault> {
    let events = try_join_all(DECIDING.map(|kind| timeline::last(bus, id, kind))).await?;
    // An event of a newer version is not understood; its kind is, by its subject.
    let read = |recorded: timeline::Recorded| (recorded.kind, Event::from_json(&recorded.payload).ok());
    Ok(decide(events.into_iter().flatten().map(read), generation))
}

/// Decides on the newest event of each kind.
fn decide(events: impl Iterator<Item = (EventKind, Option<Event>)>, generation: u32) -> History {
    let mut attempts = 0;
    for (kind, event) in events {
        let done = match kind {
            EventKind::Verified
            | EventKind::Canceled
            | EventKind::Superseded
            | EventKind::Locked
            | EventKind::Expired => true,
            // Of this mail or a newer one: the person asked again and got that one.
            EventKind::Sent | EventKind::Failed => event.is_none_or(|event| event.generation >= generation),
            EventKind::Deferred => {
                if let Some(Event { generation: of, body: Body::Deferred { attempt, .. }, .. }) = event
                    && of == generation
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
    use otp_nats::Timestamp;
    use otp_nats::event::Reason;

    use super::*;

    fn event(generation: u32, body: Body) -> (EventKind, Option<Event>) {
        let id = "abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().unwrap();
        (body.kind(), Some(Event { id, at: Timestamp::from_millis(0), generation, body }))
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
            (vec![event(2, Body::Failed { reason: Reason::Refused, reply: None })], History::Done),
            (vec![event(1, Body::Failed { reason: Reason::Refused, reply: None })], open(0)),
            (vec![event(2, deferred(4))], open(4)),
            (vec![event(1, deferred(4))], open(0)),
            (vec![event(2, deferred(4)), event(1, Body::Verified {})], History::Done),
            (vec![event(1, Body::Canceled {})], History::Done),
            (vec![event(1, Body::Superseded {})], History::Done),
            (vec![event(1, Body::Locked { attempts_left: 0 })], History::Done),
            (vec![event(1, Body::Expired {})], History::Done),
            (vec![event(1, Body::Processing { attempt: 1 })], open(0)),
            (vec![(EventKind::Sent, None)], History::Done),
        ] {
            assert_eq!(decide(events.clone().into_iter(), 2), expected, "{events:?}");
        }
    }
}
