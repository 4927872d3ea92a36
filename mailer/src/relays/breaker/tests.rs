use proptest::prelude::*;

use super::*;

fn opened(start: Instant) -> Breaker {
    let mut breaker = Breaker::default();
    for _ in 0..FAILURES_TO_OPEN {
        assert_eq!(breaker.admit(start), Admission::Admitted);
        breaker.failed(start, 0.5);
    }
    breaker
}

#[test]
fn opens_after_failures_in_a_row_and_not_after_scattered_ones() {
    let start = Instant::now();
    let mut breaker = Breaker::default();
    for _ in 0..100 {
        for _ in 1..FAILURES_TO_OPEN {
            breaker.failed(start, 0.5);
        }
        breaker.succeeded();
    }
    assert_eq!(breaker.shown(), Shown::Closed);
    assert_eq!(opened(start).shown(), Shown::Open);
}

#[test]
fn one_probe_decides_and_pauses_grow() {
    let mut now = Instant::now();
    let mut breaker = opened(now);
    for secs in [1, 2, 4, 8, 15, 15] {
        let until = now + Duration::from_secs(secs);
        assert_eq!(breaker.admit(now), Admission::Paused(until));
        now = until;
        assert_eq!(breaker.admit(now), Admission::Admitted);
        assert_eq!(breaker.admit(now), Admission::Probing);
        assert_eq!(breaker.shown(), Shown::HalfOpen);
        breaker.failed(now, 0.5);
    }
    let Admission::Paused(until) = breaker.foresee(now) else { panic!("it is open") };
    assert_eq!(breaker.admit(until), Admission::Admitted);
    breaker.succeeded();
    assert_eq!(breaker.admit(until), Admission::Admitted);
    assert_eq!(breaker.admit(until), Admission::Admitted);
}

#[test]
fn a_probe_that_never_ends_is_forgotten() {
    let start = Instant::now();
    let mut breaker = opened(start);
    let probed = start + Duration::from_secs(1);
    assert_eq!(breaker.admit(probed), Admission::Admitted);
    assert_eq!(breaker.admit(probed + PROBE_LIMIT / 2), Admission::Probing);
    assert_eq!(breaker.admit(probed + PROBE_LIMIT), Admission::Admitted);
    breaker.gave_up(probed + PROBE_LIMIT);
    assert_eq!(breaker.admit(probed + PROBE_LIMIT), Admission::Admitted);
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Admit,
    Succeed,
    Fail(f64),
    GiveUp,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_u64..20_000).prop_map(Step::Wait),
        Just(Step::Admit),
        Just(Step::Succeed),
        (0.0_f64..1.0).prop_map(Step::Fail),
        Just(Step::GiveUp),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn it_never_stays_shut(steps in steps()) {
        let (mut now, mut breaker) = (Instant::now(), Breaker::default());
        for step in steps {
            match step {
                Step::Wait(millis) => now += Duration::from_millis(millis),
                Step::Admit => drop(breaker.admit(now)),
                Step::Succeed => breaker.succeeded(),
                Step::Fail(chance) => breaker.failed(now, chance),
                Step::GiveUp => breaker.gave_up(now),
            }
            if let Admission::Paused(until) = breaker.foresee(now) {
                prop_assert!(until <= now + LONGEST_PAUSE.mul_f64(1.0 + JITTER));
            }
            prop_assert_eq!(breaker.foresee(now + PROBE_LIMIT), Admission::Admitted);
        }
    }
}
