//! From the start of a program to its readiness, with its servers up.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;

use super::Bench;
use super::figures::{Round, Row, Sample, Target, float};
use crate::process::Signal;
use crate::stack::{Part, Stack};

/// Ready within this.
const WITHIN_MS: f64 = 300.0;
/// What takes longer than this is broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two questions whether it is ready: part of the figure's error.
const POLL: Duration = Duration::from_millis(2);

const fn row(name: &'static str) -> Row {
    Row { name, figure: "from exec to ready", anchor: "", unit: "ms", target: Target::AtMost(WITHIN_MS) }
}

pub(super) const ROWS: &[Row] = &[row("start-gateway"), row("start-mailer"), row("start-notifier")];

pub(super) async fn run(bench: &Bench) -> Result<Vec<Round>> {
    let stack = bench.stack(|_| {}).await?;
    let mut rounds = Vec::new();
    for _ in 0..bench.runs {
        let mut samples = Vec::new();
        for (row, part) in ROWS.iter().zip([Part::Gateway, Part::Mailer, Part::Notifier]) {
            stack.hold(part, Signal::Terminate).await?;
            samples.push(Sample::alone(row.name, time(&stack, part).await?));
        }
        let sizes = Part::SERVICES.iter().map(|part| {
            let length = std::fs::metadata(stack.program(*part)).map(|file| file.len()).unwrap_or_default();
            format!("{} {:.1} MB", part.name(), float(length) / 1e6)
        });
        rounds.push(Round { samples, notes: vec![format!("programs: {}", sizes.collect::<Vec<_>>().join(", "))] });
    }
    stack.stop().await;
    Ok(rounds)
}

/// Milliseconds until it says that it is ready.
async fn time(stack: &Stack, part: Part) -> Result<f64> {
    let url = format!("http://{}/ready", stack.admin(part)?);
    let client = crate::stack::http_client()?;
    let started = Instant::now();
    stack.unhold(part).await?;
    while !client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
        ensure!(started.elapsed() < PATIENCE, "the {} does not become ready", part.name());
        tokio::time::sleep(POLL).await;
    }
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}
