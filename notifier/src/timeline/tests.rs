use otp_nats::VerificationId;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::notice::tests::{notice, notice_of};

fn id() -> VerificationId {
    "a".repeat(40).parse().unwrap()
}

fn seqs(events: &[Arc<Notice>]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

fn outlook(kinds: &[(EventKind, u32)]) -> Outlook {
    let events: Vec<_> = (1..).zip(kinds).map(|(seq, (kind, mail))| notice_of(id(), seq, *kind, *mail)).collect();
    Outlook::of(&events)
}

#[test]
fn what_ends_a_verification() {
    use EventKind::{Canceled, Deferred, Expired, Failed, Locked, Processing, Rejected, Sent, Superseded, Verified};
    assert_eq!(Outlook::NEW.end(), End::Open);
    for (kinds, end) in [
        (&[(Processing, 1), (Sent, 1), (Deferred, 1), (Rejected, 1)][..], End::Open),
        (&[(Failed, 1)], End::Failed),
        (&[(Failed, 1), (Processing, 2)], End::Open),
        (&[(Failed, 1), (Sent, 2), (Failed, 3)], End::Failed),
        (&[(Canceled, 1), (Sent, 1)], End::Final),
        (&[(Verified, 1), (Failed, 2)], End::Final),
        (&[(Locked, 1)], End::Final),
        (&[(Superseded, 1)], End::Final),
        (&[(Expired, 1)], End::Final),
    ] {
        assert_eq!(outlook(kinds).end(), end, "{kinds:?}");
    }
    assert_eq!(outlook(&[(Failed, 1), (Sent, 3), (Rejected, 1)]).generation(), 3);
}

#[test]
fn an_end_that_the_client_has_seen_is_an_end() {
    let mut timeline = Timeline::new(7);
    let sent = timeline.history(9, vec![notice_of(id(), 7, EventKind::Verified, 1)]);
    assert_eq!((seqs(&sent), timeline.outlook().end()), (vec![], End::Final));
}

#[test]
fn an_event_that_is_stored_twice_is_told_once() {
    let again = |seq: u64, first: &Arc<Notice>| Arc::new(Notice { seq, ..Notice::clone(first) });
    let (sent, rejected) = (notice_of(id(), 3, EventKind::Sent, 1), notice_of(id(), 5, EventKind::Rejected, 1));
    // In the history, over the cut, and live.
    let mut timeline = Timeline::new(0);
    assert_eq!(timeline.live(again(8, &sent)), Ok(None));
    let told = timeline.history(7, vec![again(6, &sent), Arc::clone(&rejected), Arc::clone(&sent)]);
    assert_eq!(seqs(&told), [3, 5]);
    assert_eq!(timeline.live(again(9, &rejected)), Ok(None));
    assert_eq!(timeline.live(notice(id(), 10)).map(|event| event.map(|event| event.seq)), Ok(Some(10)));
    // A client that goes on behind the first of them.
    let mut timeline = Timeline::new(3);
    assert_eq!(seqs(&timeline.history(7, vec![Arc::clone(&sent), again(6, &sent), rejected])), [5]);
}

#[test]
fn live_events_wait_for_the_history_up_to_a_bound() {
    let mut timeline = Timeline::new(0);
    for seq in 1..=MOST_HELD as u64 {
        assert_eq!(timeline.live(notice(id(), seq)), Ok(None));
    }
    assert_eq!(timeline.live(notice(id(), 99)), Err(Overrun));
}

proptest! {
    /// However registration, cut, history and live delivery interleave, each event behind `after` comes once, in order.
    #[test]
    fn every_event_once_and_in_order(
        all in btree_set(1_u64..200, 0..40),
        after in 0_u64..200,
        points in vec(any::<Index>(), 4),
        beyond in vec(any::<bool>(), 40),
        doubled in vec(any::<bool>(), 40),
    ) {
        let all: Vec<u64> = all.into_iter().collect();
        // Positions of the feed at registration, at the cut, at the arrival of the history; in this order.
        let mut points: Vec<usize> = points.iter().map(|point| point.index(all.len() + 1)).collect();
        points.sort_unstable();
        let (registered, cut_at, read_at) = (points[0], points[1], points[2]);
        let cut = cut_at.checked_sub(1).map_or(0, |index| all[index]);
        // The read sees all up to the cut, some of it twice (ring and stream), and any part of what came later.
        let mut history = Vec::new();
        for (index, seq) in all.iter().enumerate() {
            if index < cut_at || (index < points[3] && beyond[index]) {
                history.push(notice(id(), *seq));
                if doubled[index] {
                    history.push(notice(id(), *seq));
                }
            }
        }
        history.reverse();
        let mut timeline = Timeline::new(after);
        let mut seen = Vec::new();
        for (index, seq) in all.iter().enumerate().skip(registered) {
            if index == read_at {
                seen.extend(timeline.history(cut, std::mem::take(&mut history)));
            }
            seen.extend(timeline.live(notice(id(), *seq)).unwrap());
        }
        if timeline.is_loading() {
            seen.extend(timeline.history(cut, history));
        }
        let expected: Vec<u64> = all.iter().copied().filter(|seq| *seq > after).collect();
        prop_assert_eq!(seqs(&seen), expected);
    }

    /// A feed that starts anew and repeats what it delivered changes nothing.
    #[test]
    fn repeats_are_dropped(steps in vec(1_u64..30, 0..60)) {
        let mut timeline = Timeline::new(0);
        timeline.history(0, Vec::new());
        let mut seen = Vec::new();
        for seq in steps {
            seen.extend(timeline.live(notice(id(), seq)).unwrap().map(|event| event.seq));
        }
        prop_assert!(seen.is_sorted_by(|one, next| one < next));
    }
}
