//! What is left of the mailer's rate, and what memory it takes, when very many requests wait.

use anyhow::Result;

use super::Bench;
use super::figures::{Round, Row, Sample, Target, float};
use super::mail::{MAILS, alone, measure};
use super::requests::Requests;
use super::tools::Sink;

/// Requests that wait.
const BACKLOG: usize = 100_000;
/// Memory of the mailer at most, in MB.
const MEMORY_MAX_MB: f64 = 64.0;
/// Memory at the end in terms of what it was after a tenth, so that it does not grow with what has passed through.
const GROWTH_MAX: f64 = 1.1;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "backlog",
        figure: "mails a second when 100,000 wait",
        anchor: "when 10,000 wait",
        unit: "/s",
        target: Target::TimesAtLeast(0.9),
    },
    Row {
        name: "backlog-memory",
        figure: "the most that the mailer has in memory",
        anchor: "",
        unit: "MB",
        target: Target::AtMost(MEMORY_MAX_MB),
    },
    Row {
        name: "backlog-flat",
        figure: "memory of the mailer when all are mailed",
        anchor: "when a tenth is",
        unit: "MB",
        target: Target::TimesAtMost(GROWTH_MAX),
    },
];

pub(super) async fn run(bench: &Bench) -> Result<Vec<Round>> {
    let sink = Sink::start().await?;
    let stack = alone(bench, &sink).await?;
    let requests = Requests::new(&stack).await?;
    let (few, many) = (bench.scaled(MAILS), bench.scaled(BACKLOG));
    let mut rounds = Vec::new();
    for _ in 0..bench.runs {
        let (own, own_used) = measure(&requests, &stack, &sink, few, "").await?;
        let (backlog, used) = measure(&requests, &stack, &sink, many, "").await?;
        // Before and after, so that a machine that gets slower or faster meanwhile counts for both.
        let (again, _) = measure(&requests, &stack, &sink, few, "").await?;
        rounds.push(Round {
            samples: vec![
                Sample::new("backlog", backlog.rate, f64::midpoint(own.rate, again.rate)),
                Sample::alone("backlog-memory", backlog.memory_most),
                Sample::new("backlog-flat", backlog.memory_after, backlog.memory_before),
            ],
            notes: vec![
                format!(
                    "the first of {many} after {:.2} s, the last after {:.1} s; {}",
                    backlog.first,
                    backlog.last,
                    used.told(float(many))
                ),
                format!(
                    "with {few}: {:.0}/s before, {:.0}/s after; {}; at most {:.1} MB",
                    own.rate,
                    again.rate,
                    own_used.told(float(few)),
                    own.memory_most
                ),
            ],
        });
    }
    stack.stop().await;
    Ok(rounds)
}
