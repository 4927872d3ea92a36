use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn fresh() -> (Times, Instant, Lifetime) {
    let (times, now) = (Times::default(), Instant::now());
    (times, now, Lifetime::new(&times, now, 1.0))
}

#[test]
fn without_a_subscription_it_ends_after_five_seconds() {
    let (times, now, mut life) = fresh();
    assert_eq!(life.next(), now + 5 * SECOND);
    assert_eq!(life.step(&times, now + 4 * SECOND), Step::Wait);
    assert_eq!(life.step(&times, now + 5 * SECOND), Step::Close(Closing::SubscribeTimeout));
}

#[test]
fn after_the_last_subscription_it_lingers_a_second() {
    let (times, now, mut life) = fresh();
    life.occupied();
    assert_eq!(life.step(&times, now + 20 * SECOND), Step::Wait);
    life.vacated(&times, now + 20 * SECOND);
    life.vacated(&times, now + 20 * SECOND + SECOND / 2);
    assert_eq!(life.next(), now + 21 * SECOND);
    assert_eq!(life.step(&times, now + 21 * SECOND), Step::Close(Closing::Over));
    life.occupied();
    assert_eq!(life.step(&times, now + 21 * SECOND), Step::Wait);
}

#[test]
fn a_subscription_that_ends_at_once_lingers_and_does_not_time_out() {
    let (times, now, mut life) = fresh();
    life.vacated(&times, now);
    assert_eq!(life.step(&times, now + SECOND), Step::Close(Closing::Over));
}

#[test]
fn pings_go_on_while_pongs_come() {
    let (times, mut now, mut life) = fresh();
    life.occupied();
    for _ in 0..5 {
        assert_eq!(life.next(), now + 25 * SECOND);
        now += 25 * SECOND;
        assert_eq!(life.step(&times, now), Step::Ping);
        assert_eq!(life.step(&times, now), Step::Wait);
        assert_eq!(life.next(), now + 8 * SECOND);
        life.pong();
    }
    assert_eq!(life.step(&times, now + 25 * SECOND), Step::Ping);
    assert_eq!(life.step(&times, now + 33 * SECOND), Step::Close(Closing::NoPong));
}

#[test]
fn the_first_ping_comes_at_its_phase() {
    let (times, now) = (Times::default(), Instant::now());
    let mut life = Lifetime::new(&times, now, 0.2);
    life.occupied();
    assert_eq!(life.next(), now + 5 * SECOND);
    assert_eq!(life.step(&times, now + 5 * SECOND), Step::Ping);
}

#[test]
fn the_drain_takes_it_when_its_turn_comes() {
    let (times, now, mut life) = fresh();
    life.occupied();
    life.leave_at(now + 3 * SECOND);
    assert!(life.is_leaving());
    assert_eq!((life.next(), life.step(&times, now)), (now + 3 * SECOND, Step::Wait));
    assert_eq!(life.step(&times, now + 3 * SECOND), Step::Close(Closing::Restart));
}

#[test]
fn faults_and_floods_are_counted() {
    let (_, now, mut life) = fresh();
    assert_eq!([life.fault(), life.fault(), life.fault()], [None, None, Some(Closing::TooManyFaults)]);
    for _ in 0..128 {
        assert_eq!(life.heard(now), None);
    }
    assert_eq!(life.heard(now), Some(Closing::TooManyMessages));
    assert_eq!(life.heard(now + SECOND), None);
}
