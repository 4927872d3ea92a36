//! `cargo dev capacity`.

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;

use super::Usage;
use super::arguments::Arguments;
use crate::capacity::{self, Settings};
use crate::console;

/// Beyond this nobody writes to so many people, and a simulation of it would take all memory.
const RATE_MAX: f64 = 1e8;
/// No count is larger than what the highest rate needs by far.
const COUNT_MAX: usize = 1_000_000;
/// A relay that takes longer is broken.
const RELAY_MS_MAX: u64 = 10_000;
/// As in docs/CAPACITY.md.
const RELAY_MS: u64 = 200;

pub(super) fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let mut count = |name| number(&mut arguments, name, |count| (1..=COUNT_MAX).contains(count));
    let settings = Settings {
        cells: count("--cells")?,
        gateways: count("--gateways")?,
        redis: count("--redis")?,
        mailers: count("--mailers")?,
        connections: count("--connections")?,
        notifiers: count("--notifiers")?,
        ..Settings::default()
    };
    let rate = number(&mut arguments, "--rate", |rate: &f64| (1.0..=RATE_MAX).contains(rate))?;
    let relay = number(&mut arguments, "--relay-ms", |relay| (1..=RELAY_MS_MAX).contains(relay))?;
    let seed = number(&mut arguments, "--seed", |_: &u64| true)?;
    let bench = arguments.value("--bench").map(Into::into);
    arguments.end()?;
    let rate = rate.ok_or_else(|| Usage::Settings("--rate is missing: verifications a second".to_owned()))?;
    let relay = Duration::from_millis(relay.unwrap_or(RELAY_MS));
    let report = capacity::run(Settings { rate, relay, seed: seed.unwrap_or(1), bench, ..settings })?;
    console::say(&report);
    Ok(if report.keeps_up() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn number<T: FromStr>(arguments: &mut Arguments, name: &str, fits: impl Fn(&T) -> bool) -> Result<Option<T>, Usage> {
    let Some(text) = arguments.value(name) else { return Ok(None) };
    text.parse().ok().filter(fits).map(Some).ok_or_else(|| Usage::Excess(format!("{name} {text}")))
}
