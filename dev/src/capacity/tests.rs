//! What is planned keeps up, and ends where arithmetic says.

use super::*;

const ALL: [usize; STAGES] = [0, 1, 2, 3, 4, 5, 6, 7];

fn planned(settings: Settings) -> Report {
    run(Settings { relay: Duration::from_millis(200), seed: 1, ..settings }).expect("no file is read")
}

#[test]
fn a_plan_keeps_up_at_each_rate() {
    for (rate, cells) in [(500.0, 1), (10_000.0, 2), (1_000_000.0, 160)] {
        let report = planned(Settings { rate, ..Settings::default() });
        assert_eq!(report.cells, cells);
        assert!(report.keeps_up(), "{report}");
        assert!(report.needed.iter().all(|needed| *needed < USED_MOST * 1.1), "{report}");
        let p99 = quantile(&report.seen.delays, 0.99);
        assert!((200.0..220.0).contains(&p99), "{report}");
        for (needed, seen) in report.needed.iter().zip(&report.seen.stages) {
            assert!((seen.used - needed).abs() < 0.03, "{report}");
        }
    }
}

#[test]
fn one_cell_ends_at_the_leader_of_the_events() {
    // Four events of 24 us each.
    let ends = 1e6 / (4.0 * 24.0);
    let below = planned(Settings { rate: 0.95 * ends, cells: Some(1), ..Settings::default() });
    assert!(below.keeps_up() && below.seen.stages[EVENTS].waiting < 1000, "{below}");
    let beyond = planned(Settings { rate: 1.1 * ends, cells: Some(1), ..Settings::default() });
    let ((first, at), single) = (beyond.first(&ALL), beyond.first(&SINGLE));
    assert_eq!((first, single.0), (EVENTS, EVENTS));
    assert!((at / ends - 1.0).abs() < 1e-6, "{beyond}");
    let waits = (0..STAGES).max_by_key(|stage| beyond.seen.stages[*stage].waiting);
    assert!(!beyond.keeps_up() && waits == Some(EVENTS) && beyond.seen.stages[EVENTS].waiting > 10_000, "{beyond}");
}

#[test]
fn what_is_scarce_ends_first() {
    let some = |rate| Settings { rate, cells: Some(1), ..Settings::default() };
    let scarce = [
        (RELAY, 750.0, Settings { connections: Some(150), ..some(1000.0) }),
        (GATEWAYS, 1e6 / 99.0, Settings { gateways: Some(1), ..some(10_300.0) }),
        (MAILERS, 1e6 / 131.0, Settings { mailers: Some(1), ..some(9000.0) }),
    ];
    for (stage, ends, settings) in scarce {
        let report = planned(settings);
        let (first, at) = report.first(&ALL);
        let waits = (0..STAGES).max_by_key(|stage| report.seen.stages[*stage].waiting);
        assert_eq!((first, waits), (stage, Some(stage)), "{report}");
        assert!((at / ends - 1.0).abs() < 1e-6 && !report.keeps_up(), "{report}");
    }
}

#[test]
fn a_slow_relay_is_waited_for() {
    let settings = Settings { rate: 8000.0, cells: Some(1), ..Settings::default() };
    let report = run(Settings { relay: Duration::from_secs(10), seed: 1, ..settings }).expect("no file is read");
    let median = quantile(&report.seen.delays, 0.5);
    assert!((10_000.0..10_100.0).contains(&median) && report.keeps_up(), "{report}");
}
