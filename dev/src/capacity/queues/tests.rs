//! Against what is known of queues.

use super::*;

const LASTS: Duration = Duration::from_secs(400);

/// One stage that takes a millisecond, and what arrives so often.
fn alone(queues: usize, servers: usize, work: Work, rate: f64) -> Seen {
    simulate(&[Stage { queues, servers }], &[Route { rate, steps: vec![(0, work)] }], LASTS, 1)
}

/// Milliseconds on average, within a few per cent of what they are to be.
fn takes(seen: &Seen, wanted: f64) {
    let mean = seen.delays.iter().sum::<f64>() / float(seen.delays.len());
    assert!((mean / wanted - 1.0).abs() < 0.04, "{mean} ms instead of {wanted}");
}

#[test]
fn one_server_takes_as_long_as_the_formulas_say() {
    // M/M/1: 1 / (1 - 0.7) times the service; M/D/1: half of the waiting.
    takes(&alone(1, 1, Work::Varying(1e3), 700.0), 1.0 / 0.3);
    takes(&alone(1, 1, Work::Fixed(1e3), 700.0), 1.0 + 0.7 / (2.0 * 0.3));
    // Five queues of their own, taken at random, are five times the first.
    takes(&alone(5, 1, Work::Varying(1e3), 3500.0), 1.0 / 0.3);
}

#[test]
fn several_servers_take_as_long_as_erlang_says() {
    // Erlang's C for four servers and a load of 3.2: the chance to wait.
    let (load, servers) = (3.2_f64, 4);
    let terms: Vec<f64> = (1..=servers)
        .scan(1.0, |term, at| {
            *term *= load / f64::from(at);
            Some(*term)
        })
        .collect();
    let last = terms[3] / (1.0 - load / 4.0);
    let waits = last / (1.0 + terms[..3].iter().sum::<f64>() + last);
    takes(&alone(1, 4, Work::Varying(1e3), 3200.0), 1.0 + waits / (4.0 - load));
}

#[test]
fn nobody_is_lost_and_servers_are_as_busy_as_arithmetic_says() {
    let stages = [Stage { queues: 2, servers: 1 }, Stage { queues: 1, servers: 30 }];
    let steps = vec![(0, Work::Varying(400.0)), (1, Work::Fixed(2e4)), (0, Work::Varying(300.0))];
    for (rate, keeps_up) in [(1400.0, true), (2000.0, false)] {
        let routes =
            [Route { rate, steps: steps.clone() }, Route { rate: 100.0, steps: vec![(0, Work::Fixed(200.0))] }];
        let seen = simulate(&stages, &routes, Duration::from_secs(50), 1);
        let inside: usize = seen.stages.iter().map(|stage| stage.waiting + stage.served).sum();
        assert_eq!(seen.arrived, seen.left + inside);
        assert!((float(seen.arrived) / 50.0 / (rate + 100.0) - 1.0).abs() < 0.02, "{}", seen.arrived);
        // What is behind a stage that does not keep up is given less than arithmetic says.
        let (first, wanted) = (seen.stages[0].used, needed(&stages, &routes, 0));
        assert!(!keeps_up || (first / wanted - 1.0).abs() < 0.02, "{first} of {wanted}");
        let waiting = seen.stages.iter().map(|stage| stage.waiting).max();
        assert_eq!(waiting < Some(1000), keeps_up, "{seen:?}", seen = seen.stages);
    }
}

#[test]
fn what_is_not_done_at_the_end_counts_up_to_it() {
    let seen = alone(1, 1, Work::Fixed(1e12), 10.0);
    assert!((0.99..=1.0).contains(&seen.stages[0].used), "{:?}", seen.stages);
    assert_eq!((seen.stages[0].served, seen.left), (1, 0));
}

#[test]
fn a_seed_is_a_run() {
    let run = |seed| {
        let route = Route { rate: 800.0, steps: vec![(0, Work::Varying(1e3))] };
        simulate(&[Stage { queues: 1, servers: 1 }], &[route], Duration::from_secs(5), seed)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
