//! What `cargo dev bench growth` has found on another machine.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::{EVENTS, GATEWAYS, MAILERS, READING, REDIS, REQUESTS, SENDING, STAGES, TO_SENT, WATCHING};

/// `growth` has one in so many verifications watched.
const WATCHED_ONE_IN: f64 = 4.0;

#[derive(Deserialize)]
struct Report {
    /// Whether it has no figures.
    quick: bool,
    benchmarks: Vec<Measured>,
}

#[derive(Deserialize)]
struct Measured {
    rows: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    name: String,
    subject: Option<Spread>,
}

#[derive(Deserialize)]
struct Spread {
    median: f64,
}

/// How many times dearer each stage is there than [`TO_SENT`] says: as the part that it belongs to, on the way of a
/// verification to `sent`.
pub(super) fn dearer(report: &str) -> Result<[f64; STAGES]> {
    let report: Report = serde_json::from_str(report)?;
    ensure!(!report.quick, "a quick run has no figures");
    let mut factors = [1.0; STAGES];
    let parts: [(&str, &[usize]); 5] = [
        ("growth-gateway", &[GATEWAYS]),
        ("growth-redis", &[REDIS]),
        ("growth-nats", &[REQUESTS, EVENTS]),
        ("growth-mailer", &[MAILERS]),
        ("growth-notifier", &[READING, SENDING]),
    ];
    for (name, stages) in parts {
        let row = report.benchmarks.iter().flat_map(|measured| &measured.rows).find(|row| row.name == name);
        let there = row.and_then(|row| row.subject.as_ref()).map(|subject| subject.median);
        let there = there.filter(|there| *there > 0.0).with_context(|| format!("there is no {name}"))?;
        let share = |stage| if stage == SENDING { 1.0 / WATCHED_ONE_IN } else { 1.0 };
        let steps = TO_SENT.iter().chain(WATCHING).filter(|(stage, _)| stages.contains(stage));
        let here: f64 = steps.map(|(stage, micros)| micros * share(*stage)).sum();
        for stage in stages {
            factors[*stage] = there / here;
        }
    }
    Ok(factors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(nats: f64, quick: bool) -> String {
        let rows = [("gateway", 110.0), ("redis", 34.0), ("nats", nats), ("mailer", 262.0), ("notifier", 25.25)];
        let rows = rows.map(|(part, median)| {
            format!(r#"{{"name": "growth-{part}", "unit": "us", "subject": {{"median": {median}, "least": 1}}}}"#)
        });
        format!(r#"{{"quick": {quick}, "benchmarks": [{{"rows": []}}, {{"rows": [{}]}}]}}"#, rows.join(","))
    }

    #[test]
    fn a_part_is_as_much_dearer_as_it_was_found_to_be() {
        let factors = dearer(&report(206.0, false)).expect("a report");
        for (stage, wanted) in [
            (GATEWAYS, 2.0),
            (REDIS, 1.0),
            (REQUESTS, 2.0),
            (EVENTS, 2.0),
            (MAILERS, 2.0),
            (READING, 1.0),
            (SENDING, 1.0),
        ] {
            assert!((factors[stage] - wanted).abs() < 0.01, "{stage}: {factors:?}");
        }
        assert!(dearer(&report(0.0, false)).is_err(), "nothing costs nothing");
        assert!(dearer(&report(206.0, true)).is_err());
        assert!(dearer(r#"{"quick": false, "benchmarks": []}"#).is_err());
    }
}
