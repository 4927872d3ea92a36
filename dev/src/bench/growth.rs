//! What a verification costs at several loads, and with several of each service.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Bench;
use super::accept::requests;
use super::figures::{Round, Row, Sample, Target};
use super::flow::{Flow, Seen};
use super::tools::Sink;
use crate::stack::{Instance, Part, Stack};

/// The least load, in verifications a second; each of the others is twice the one before.
const LEAST: f64 = 125.0;
/// Up to eight times the least: what the services and their load have CPU for together on two cores.
const LOADS: i32 = 4;
/// The load that several of each service share.
const SHARED: f64 = 500.0;
/// Most of each service.
const REPLICAS: u16 = 3;
/// One in so many is watched at each load alike, or watching would cost a verification less at the higher ones. Of the
/// highest that are as many in a second as `flow` has at most.
const WATCHED_ONE_IN: u64 = 4;
/// Of what other figures take: there are eight of these in a run, and three runs are to end within 150 s.
const SHARE: f64 = 0.8;

/// Who is counted. The load and the sink of mails are not.
const PARTS: [Part; 5] = [Part::Gateway, Part::Redis, Part::Nats, Part::Mailer, Part::Notifier];
/// Their rows.
const PARTS_ROWS: [&str; PARTS.len()] =
    ["growth-gateway", "growth-redis", "growth-nats", "growth-mailer", "growth-notifier"];

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "growth-load",
        figure: "CPU of services and servers for a verification up to the mail, at 1,000 a second",
        anchor: "at 125 a second",
        unit: "us",
        target: Target::TimesAtMost(1.1),
    },
    stage("growth-gateway", "the gateway's part of it"),
    stage("growth-redis", "Redis's part"),
    stage("growth-nats", "NATS's part"),
    stage("growth-mailer", "the mailer's part"),
    stage("growth-notifier", "the notifier's part, one in four verifications watched"),
    Row {
        name: "growth-replicas",
        figure: "all of it at 500 a second with three gateways and mailers and one notifier",
        anchor: "with one of each",
        unit: "us",
        target: Target::TimesAtMost(1.25),
    },
    Row {
        name: "growth-readers",
        figure: "the same with three notifiers, each of which reads all events",
        anchor: "with three gateways and mailers and one notifier",
        unit: "us",
        target: Target::Told,
    },
];

const fn stage(name: &'static str, figure: &'static str) -> Row {
    Row { name, figure, anchor: "at 125 a second", unit: "us", target: Target::Told }
}

pub(super) async fn run(bench: &Bench) -> Result<Vec<Round>> {
    let sink = Sink::start().await?;
    let mut rounds = Vec::new();
    for _ in 0..bench.runs {
        let mut stack = bench.stack(|options| options.caller.set("OTP_SMTP_URL", &sink.url())).await?;
        let mut round = Round::default();
        loads(bench, &stack, &sink, &mut round).await?;
        replicas(bench, &mut stack, &sink, &mut round).await?;
        stack.stop().await;
        rounds.push(round);
    }
    Ok(rounds)
}

/// One of each service, and ever more load.
async fn loads(bench: &Bench, stack: &Stack, sink: &Sink, round: &mut Round) -> Result<()> {
    warmed_up(bench, stack, sink).await?;
    let mut costs = Vec::new();
    for doublings in 0..LOADS {
        let rate = LEAST * 2_f64.powi(doublings);
        costs.push(measured(bench, stack, sink, rate, round).await?);
    }
    let (Some(first), Some(last)) = (costs.first(), costs.last()) else { return Ok(()) };
    round.samples.push(Sample::new("growth-load", last.all(), first.all()));
    let stages = PARTS_ROWS.into_iter().zip(last.0.into_iter().zip(first.0));
    round.samples.extend(stages.map(|(row, (most, least))| Sample::new(row, most, least)));
    Ok(())
}

/// The same load, and ever more of each service; then all notifiers but one end.
async fn replicas(bench: &Bench, stack: &mut Stack, sink: &Sink, round: &mut Round) -> Result<()> {
    let mut costs = Vec::new();
    for count in 1..=REPLICAS {
        if count > 1 {
            for part in Part::SERVICES {
                stack.add(part, &[]).await?;
            }
            warmed_up(bench, stack, sink).await?;
        }
        costs.push(measured(bench, stack, sink, SHARED, round).await?);
    }
    for number in 2..=REPLICAS {
        stack.remove(Instance { part: Part::Notifier, number }).await?;
    }
    warmed_up(bench, stack, sink).await?;
    let one_reads = measured(bench, stack, sink, SHARED, round).await?;
    let (Some(first), Some(last)) = (costs.first(), costs.last()) else { return Ok(()) };
    round.samples.push(Sample::new("growth-replicas", one_reads.all(), first.all()));
    round.samples.push(Sample::new("growth-readers", last.all(), one_reads.all()));
    Ok(())
}

/// Connections, scripts and caches of processes that have just started.
async fn warmed_up(bench: &Bench, stack: &Stack, sink: &Sink) -> Result<()> {
    flowed(bench, stack, sink, SHARED, bench.warms_up()).await.map(drop)
}

/// What a verification costs at this rate, which also becomes a note.
async fn measured(bench: &Bench, stack: &Stack, sink: &Sink, rate: f64, round: &mut Round) -> Result<Costs> {
    let seen = flowed(bench, stack, sink, rate, bench.lasts().mul_f64(SHARE)).await?;
    // Of half a second, connecting takes a tenth.
    ensure!(bench.quick || seen.keeps_up(), "{rate} a second are too many: {}", seen.told());
    let costs = Costs::of(&seen);
    let count = |part| stack.instances().into_iter().filter(|instance| instance.part == part).count();
    let [gateways, mailers, notifiers] = Part::SERVICES.map(count);
    round.notes.push(format!(
        "{rate}/s, {gateways} gateways, {mailers} mailers, {notifiers} notifiers: {}; {}",
        costs.told(),
        seen.told()
    ));
    round.notes.push(format!("  CPU: {}", seen.used.told(seen.heard.count(202))));
    Ok(costs)
}

async fn flowed(bench: &Bench, stack: &Stack, sink: &Sink, rate: f64, lasts: Duration) -> Result<Seen> {
    let load = requests(stack.address(Part::Gateway)?);
    let flow = Flow { bench, stack, load, sink: sink.pid()? };
    let seen = flow.at(rate, lasts, WATCHED_ONE_IN).await?;
    ensure!(seen.is_whole(), "at {rate} a second not all was sent and seen once: {}", seen.told());
    Ok(seen)
}

/// Microseconds of CPU for one verification, of all processes of each part together, as [`PARTS`].
#[derive(Debug, Clone, Copy)]
struct Costs([f64; PARTS.len()]);

impl Costs {
    fn of(seen: &Seen) -> Self {
        let count = seen.heard.count(202);
        let of = |part| {
            let processes = seen.used.cpu.iter().filter(|(name, _)| Part::of(name) == Some(part));
            processes.map(|(_, seconds)| seconds).sum::<f64>() / count * 1e6
        };
        Self(PARTS.map(of))
    }

    fn all(&self) -> f64 {
        self.0.iter().sum()
    }

    fn told(&self) -> String {
        let parts = PARTS.iter().zip(self.0).map(|(part, cost)| format!("{} {cost:.0}", part.name()));
        format!("{:.0} us ({})", self.all(), parts.collect::<Vec<_>>().join(", "))
    }
}
