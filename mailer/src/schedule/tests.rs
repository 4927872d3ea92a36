use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::from_millis(1_767_323_045_000);

fn life(secs: u64) -> Life {
    Life { requested_at: START, expires_at: START + Duration::from_secs(secs) }
}

fn offsets(failure: Failure, life: Life) -> (Vec<i64>, Reason) {
    let (mut now, mut offsets) = (START, vec![0]);
    for attempt in 1..100 {
        match after(failure, attempt, life, now, 0.5) {
            Next::Retry { at, .. } => {
                now = at;
                offsets.push((at.as_millis() - START.as_millis()) / 1000);
            }
            Next::GiveUp(reason) => return (offsets, reason),
        }
    }
    panic!("the schedule does not end");
}

#[test]
fn the_schedule_is_the_documented_one() {
    assert_eq!(offsets(Failure::Busy, life(300)), (vec![0, 2, 6, 15, 35, 75], Reason::RetriesExhausted));
    let unsure = Failure::Unsure(Reason::ConnectionLost);
    assert_eq!(offsets(unsure, life(300)), (vec![0, 2, 6, 15, 35, 75], Reason::RetriesExhausted));
    let unreachable = Failure::Unavailable(Reason::Unreachable);
    assert_eq!(
        offsets(unreachable, life(40)),
        (vec![0, 2, 6, 11, 16, 21, 26, 31, 36], Reason::NoTimeLeft),
        "the next would come at 41 s, and a code of 40 s is of no use in its last 4 s"
    );
    assert_eq!(offsets(Failure::Busy, life(30)), (vec![0, 2, 6, 15], Reason::NoTimeLeft));
    assert_eq!(offsets(Failure::Refused, life(300)), (vec![0], Reason::Refused));
}

#[test]
fn the_last_part_of_a_life_is_useless() {
    for (secs, useless_ms) in [(1, 500), (4, 2000), (10, 2000), (60, 6000), (300, 30_000), (86_400, 30_000)] {
        assert_eq!(life(secs).useless(), Duration::from_millis(useless_ms), "{secs} s");
    }
    assert!(!life(300).is_too_late(START + Duration::from_secs(270)));
    assert!(life(300).is_too_late(START + Duration::from_millis(270_001)));
    assert!(!life(300).is_over(START + Duration::from_millis(299_999)));
    assert!(life(300).is_over(START + Duration::from_secs(300)));
}

fn failures() -> impl Strategy<Value = Failure> {
    prop_oneof![
        Just(Failure::Refused),
        Just(Failure::Busy),
        Just(Failure::Unsure(Reason::TimedOut)),
        Just(Failure::Unavailable(Reason::Unreachable)),
        Just(Failure::Unavailable(Reason::AuthenticationFailed)),
    ]
}

proptest! {
    #[test]
    fn a_retry_lies_ahead_within_bounds_and_never_too_late(
        failure in failures(),
        attempt in 0_u32..,
        life_ms in 0_i64..100_000_000,
        elapsed_ms in 0_i64..100_000_000,
        chance in -1.0_f64..2.0,
    ) {
        let life = Life { requested_at: START, expires_at: Timestamp::from_millis(START.as_millis() + life_ms) };
        let now = Timestamp::from_millis(START.as_millis() + elapsed_ms);
        match after(failure, attempt, life, now, chance) {
            Next::Retry { reason, at } => {
                prop_assert!(at >= now + Duration::from_millis(1600) && at <= now + Duration::from_secs(48));
                prop_assert!(!life.is_too_late(at) && !life.is_over(at));
                prop_assert_ne!(failure, Failure::Refused);
                prop_assert_ne!(reason, Reason::Refused);
                prop_assert!(attempt <= 5 || matches!(failure, Failure::Unavailable(_)));
            }
            Next::GiveUp(Reason::Refused) => prop_assert_eq!(failure, Failure::Refused),
            Next::GiveUp(Reason::RetriesExhausted) => prop_assert!(attempt > 5),
            Next::GiveUp(reason) => prop_assert_eq!(reason, Reason::NoTimeLeft),
        }
    }

    #[test]
    fn a_life_that_is_over_is_too_late(life_ms in 0_i64..100_000_000, at_ms in 0_i64..200_000_000) {
        let life = Life { requested_at: START, expires_at: Timestamp::from_millis(START.as_millis() + life_ms) };
        let at = Timestamp::from_millis(START.as_millis() + at_ms);
        prop_assert!(!life.is_over(at) || life.is_too_late(at) || life_ms == 0 || at == life.expires_at);
    }
}
