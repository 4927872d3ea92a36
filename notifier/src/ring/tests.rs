use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::notice::tests::notice;

fn ids() -> [VerificationId; 4] {
    ["a", "b", "c", "d"].map(|letter| letter.repeat(40).parse().unwrap())
}

#[test]
fn coverage_ends_where_the_ring_began_or_has_forgotten() {
    let bounds = Bounds { events: 2, bytes: usize::MAX };
    let at = |secs: i64| Timestamp::from_millis(secs * 1000);
    let [id, ..] = ids();
    let mut whole = Ring::new(bounds, true);
    assert!(whole.covers(at(0)));
    whole.push(notice(id, 1), at(100));
    whole.push(notice(id, 2), at(200));
    assert!(whole.covers(at(0)));
    whole.push(notice(id, 3), at(300));
    assert_eq!((whole.covers(at(130)), whole.covers(at(131)), whole.oldest()), (false, true, Some(at(200))));

    let mut part = Ring::new(bounds, false);
    assert!(!part.covers(at(10_000)), "nothing is known before the first event");
    part.push(notice(id, 9), at(100));
    assert_eq!((part.covers(at(130)), part.covers(at(131))), (false, true));
}

#[test]
fn bytes_are_bounded_too() {
    let [id, ..] = ids();
    let mut ring = Ring::new(Bounds { events: 100, bytes: 3 * (ENTRY_BYTES + 200) }, true);
    for seq in 1..=50 {
        ring.push(notice(id, seq), Timestamp::from_millis(0));
        assert!(ring.bytes() <= 3 * (ENTRY_BYTES + 200));
    }
    assert!(ring.len() >= 3);
}

proptest! {
    /// The ring holds the newest events, and each verification's in order, as a plain list would.
    #[test]
    fn it_is_the_tail_of_the_stream(pushed in vec(0_usize..4, 0..60), events in 1_usize..20) {
        let mut ring = Ring::new(Bounds { events, bytes: usize::MAX }, true);
        let mut list = Vec::new();
        for (seq, which) in (1_u64..).zip(pushed) {
            ring.push(notice(ids()[which], seq), Timestamp::from_millis(0));
            list.push((ids()[which], seq));
            let tail = &list[list.len().saturating_sub(events)..];
            prop_assert_eq!(ring.len(), tail.len());
            for id in ids() {
                let expected: Vec<u64> = tail.iter().filter(|(other, _)| *other == id).map(|(_, seq)| *seq).collect();
                let found: Vec<u64> = ring.of(&id).iter().map(|notice| notice.seq).collect();
                prop_assert_eq!(found, expected);
            }
        }
        prop_assert!(ring.newest.len() <= ring.len());
    }
}
