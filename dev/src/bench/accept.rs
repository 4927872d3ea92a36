//! How many requests a second the gateway promises, and what each costs it.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_nats::jetstream;
use otp_nats::stream;

use super::Bench;
use super::anchor::Anchor;
use super::figures::{Round, Row, Sample, Target, float};
use super::http::{Heard, Load, post};
use super::usage::{Usage, Used};
use crate::process::Signal;
use crate::stack::{Part, Stack};

/// Clients at once.
pub(super) const CONNECTIONS: u64 = 64;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "accept",
        figure: "202 a second, 64 connections",
        anchor: "axum, one script, one acknowledged publish",
        unit: "/s",
        target: Target::TimesAtLeast(0.7),
    },
    Row {
        name: "accept-p99",
        figure: "99 of 100 are answered within",
        anchor: "the same",
        unit: "ms",
        target: Target::Told,
    },
    Row {
        name: "accept-cpu",
        figure: "gateway CPU for a 202",
        anchor: "axum, JSON in and out",
        unit: "us",
        target: Target::TimesAtMost(3.0),
    },
    Row {
        name: "accept-cpu-io",
        figure: "the same",
        anchor: "axum, one script, one acknowledged publish",
        unit: "us",
        target: Target::Told,
    },
];

pub(super) async fn run(bench: &Bench) -> Result<Vec<Round>> {
    let stack = alone(bench, &[]).await?;
    let anchor = Anchor::start("accept", stack.dir()).await?;
    let json = Anchor::start("json", stack.dir()).await?;
    let load = requests(stack.address(Part::Gateway)?);
    let mut rounds = Vec::new();
    for _ in 0..bench.runs {
        let gateway = stack.pid(Part::Gateway).context("the gateway is down")?;
        let here = measure(bench, &stack, &load, "gateway", gateway).await?;
        let least = measure(bench, &stack, &load.at(anchor.address), "anchor", anchor.pid()?).await?;
        let bare = measure(bench, &stack, &load.at(json.address), "json", json.pid()?).await?;
        rounds.push(Round {
            samples: vec![
                Sample::new("accept", here.heard.rate(202), least.heard.rate(202)),
                Sample::new("accept-p99", here.heard.quantile(0.99), least.heard.quantile(0.99)),
                Sample::new("accept-cpu", here.cpu("gateway"), bare.cpu("json")),
                Sample::new("accept-cpu-io", here.cpu("gateway"), least.cpu("anchor")),
            ],
            notes: vec![here.told("gateway"), least.told("anchor"), bare.told("json")],
        });
    }
    stack.stop().await;
    Ok(rounds)
}

/// A stack whose gateway works and whose mailer and notifier do not.
pub(super) async fn alone(bench: &Bench, settings: &[(&str, &str)]) -> Result<Stack> {
    let stack =
        bench.stack(|options| settings.iter().for_each(|(name, value)| options.caller.set(name, value))).await?;
    for part in [Part::Mailer, Part::Notifier] {
        stack.hold(part, Signal::Terminate).await?;
    }
    Ok(stack)
}

/// Requests for verifications of ever new addresses.
pub(super) fn requests(address: std::net::SocketAddr) -> Load {
    let run: u32 = rand::random();
    let request = move |number| post("/v1/verifications", &format!(r#"{{"email":"p{number}.r{run}@bench.test"}}"#));
    let addresses = vec![address];
    Load { addresses, connections: CONNECTIONS, request: Arc::new(request), numbers: Arc::default(), answered: None }
}

/// What one of them has done.
struct Measure {
    heard: Heard,
    used: Used,
    octets: f64,
}

impl Measure {
    /// Microseconds of the CPU of this process for each 202.
    fn cpu(&self, name: &str) -> f64 {
        self.used.of(name) / self.heard.count(202) * 1e6
    }

    fn told(&self, name: &str) -> String {
        let stored = if self.octets.is_nan() {
            String::new()
        } else {
            format!("; {:.0} octets each in the stream", self.octets)
        };
        format!("{name}: {}; {}{stored}", self.heard.told(), self.used.told(self.heard.count(202)))
    }
}

/// A warm-up and a measurement, with CPU of the process, the servers, and this one.
async fn measure(bench: &Bench, stack: &Stack, load: &Load, name: &str, pid: u32) -> Result<Measure> {
    load.closed(bench.warms_up()).await?.only(202)?;
    forget(stack).await?;
    let mut processes = servers(stack);
    processes.push((name.to_owned(), pid));
    let usage = Usage::start(processes)?;
    let heard = load.closed(bench.lasts()).await?.only(202)?;
    let used = usage.end()?;
    let octets = stored_octets(stack).await?;
    forget(stack).await?;
    Ok(Measure { heard, used, octets })
}

/// NATS, Redis and the generator.
pub(super) fn servers(stack: &Stack) -> Vec<(String, u32)> {
    let pids = stack.file().pids.into_iter();
    let mut processes: Vec<(String, u32)> =
        pids.filter(|(name, _)| name.starts_with("nats") || name.starts_with("redis")).collect();
    processes.push(("load".to_owned(), std::process::id()));
    processes
}

/// Octets of a request in its stream, on average.
async fn stored_octets(stack: &Stack) -> Result<f64> {
    let jetstream = jetstream::new(stack.file().connect_nats().await?);
    let state = jetstream.get_stream(stream::REQUESTS).await?.get_info().await?.state;
    Ok(float(state.bytes) / float(state.messages))
}

/// Empties the streams: nobody takes the requests up.
pub(super) async fn forget(stack: &Stack) -> Result<()> {
    let jetstream = jetstream::new(stack.file().connect_nats().await?);
    for name in [stream::REQUESTS, stream::EVENTS] {
        jetstream.get_stream(name).await?.purge().await?;
    }
    Ok(())
}

impl Load {
    /// The same at another address.
    pub(super) fn at(&self, address: std::net::SocketAddr) -> Self {
        Self { addresses: vec![address], ..self.clone() }
    }
}
