//! What is left of the top rate when twice as much is asked.

use anyhow::Result;

use super::Bench;
use super::accept::{alone, forget, requests};
use super::figures::{Round, Row, Sample, Target};
use super::http::Load;
use crate::stack::Part;

/// Connections of clients that do not wait for each other: enough that the rate is kept up.
const CONNECTIONS: u64 = 900;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "overload",
        figure: "202 a second when twice the top rate is asked",
        anchor: "the top rate, 64 connections",
        unit: "/s",
        target: Target::TimesAtLeast(0.9),
    },
    Row {
        name: "overload-p99",
        figure: "99 of 100 are answered within",
        anchor: "at the top rate",
        unit: "ms",
        target: Target::Told,
    },
];

pub(super) async fn run(bench: &Bench) -> Result<Vec<Round>> {
    let stack = alone(bench, &[]).await?;
    let load = requests(stack.address(Part::Gateway)?);
    let mut rounds = Vec::new();
    for _ in 0..bench.runs {
        load.closed(bench.warms_up()).await?.only(202)?;
        forget(&stack).await?;
        let top = load.closed(bench.lasts()).await?.only(202)?;
        forget(&stack).await?;
        let flood = Load { connections: CONNECTIONS, ..load.clone() };
        let heard = flood.paced(top.rate(202) * 2.0, bench.lasts()).await?;
        forget(&stack).await?;
        rounds.push(Round {
            samples: vec![
                Sample::new("overload", heard.rate(202), top.rate(202)),
                Sample::new("overload-p99", heard.quantile(0.99), top.quantile(0.99)),
            ],
            notes: vec![format!("top: {}", top.told()), format!("twice: {}", heard.told())],
        });
    }
    stack.stop().await;
    Ok(rounds)
}
