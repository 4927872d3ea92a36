//! A notifier is killed with all its clients on it: how long until each is back and knows how its verification ended.
//!
//! The notifier is down while the verifications end. The clients come back as soon as something listens again, so many
//! handshakes at once, and nobody pauses; the time begins there, since that of starting is a figure of its own. At the
//! anchor the same clients come to a new process in the same way, and are done with the upgrade.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use otp_nats::EventKind;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::Bench;
use super::accept::{forget, servers};
use super::anchor::Anchor;
use super::events::{Publisher, Verifications};
use super::figures::{Round, Row, Sample, Target, float, quantile};
use super::usage::{Usage, Used};
use super::watchers::{PATIENCE, Watcher, for_each, room_for};
use crate::process::Signal;
use crate::stack::{Part, Stack};

/// Clients, each of a verification of its own.
const CLIENTS: usize = 10_000;
/// Between two looks whether anything listens: part of the figure's error.
const LOOK: Duration = Duration::from_millis(1);

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "reconnect",
        figure: "until all of 10,000 clients of a killed notifier are back and have the final state",
        anchor: "bare tokio-tungstenite: accept and upgrade",
        unit: "ms",
        target: Target::TimesAtMost(2.0),
    },
    Row {
        name: "reconnect-cpu",
        figure: "CPU of the new notifier for one of them",
        anchor: "the same",
        unit: "us",
        target: Target::Told,
    },
];

pub(super) async fn run(bench: &Bench) -> Result<Vec<Round>> {
    let count = bench.scaled(CLIENTS);
    room_for(count)?;
    let stack = bench.stack(|options| options.caller.set("OTP_MAX_CONNECTIONS_PER_IP", "off")).await?;
    let mut rounds = Vec::new();
    for _ in 0..bench.runs {
        let bare = bare(&stack, count).await?;
        let here = cut_off(&stack, count).await?;
        rounds.push(Round {
            samples: vec![
                Sample::new("reconnect", here.millis(), bare.millis()),
                Sample::new("reconnect-cpu", here.each("notifier"), bare.each("anchor")),
            ],
            notes: [("notifier", &here), ("anchor", &bare)]
                .map(|(name, back)| format!("{name}: {}", back.told()))
                .to_vec(),
        });
    }
    stack.stop().await;
    Ok(rounds)
}

/// How all came back.
struct Back {
    clients: f64,
    took: Duration,
    /// Milliseconds that each took by itself, sorted.
    each: Vec<f64>,
    used: Used,
}

impl Back {
    fn new(since: Instant, each: impl Iterator<Item = Duration>, usage: Usage) -> Result<Self> {
        let took = since.elapsed();
        let mut each: Vec<f64> = each.map(|took| took.as_secs_f64() * 1000.0).collect();
        each.sort_by(f64::total_cmp);
        Ok(Self { clients: float(each.len()), took, each, used: usage.end()? })
    }

    fn told(&self) -> String {
        let [half, p99, most] = [0.5, 0.99, 1.0].map(|share| quantile(&self.each, share));
        let Self { clients, used, .. } = self;
        format!("{clients} clients, p50 {half:.1} ms, p99 {p99:.1} ms, most {most:.1} ms; {}", used.told(*clients))
    }

    fn millis(&self) -> f64 {
        self.took.as_secs_f64() * 1000.0
    }

    /// Microseconds of CPU for each.
    fn each(&self, name: &str) -> f64 {
        self.used.of(name) / self.clients * 1e6
    }
}

/// All connect and upgrade.
async fn bare(stack: &Stack, count: usize) -> Result<Back> {
    let anchor = Anchor::start("socket", stack.dir()).await?;
    let address = anchor.address;
    let usage = Usage::start([("anchor".to_owned(), anchor.pid()?), ("load".to_owned(), std::process::id())])?;
    let since = Instant::now();
    let open = move |number| async move {
        let since = Instant::now();
        Ok((Watcher::open(address, number).await?, since.elapsed()))
    };
    let back = for_each(count, open).await?;
    Back::new(since, back.iter().map(|(_client, took)| *took), usage)
}

#[derive(Deserialize)]
struct Frame {
    event: EventKind,
    seq: u64,
}

/// All watch, lose their notifier, and come back to the next.
async fn cut_off(stack: &Stack, count: usize) -> Result<Back> {
    forget(stack).await?;
    let (address, book, publisher) =
        (stack.address(Part::Notifier)?, Verifications::of(stack)?, Publisher::connect(stack).await?);
    publisher.publish((0..count).map(|number| book.sent(number, 1)).collect()).await?;
    let asks = book.clone();
    let watching = for_each(count, move |number| watch(address, asks.clone(), number)).await?;
    let ends = publisher.publish((0..count).map(|number| book.canceled(number)).collect());
    let (killed, ended) = tokio::join!(stack.hold(Part::Notifier, Signal::Kill), ends);
    killed?;
    ended?;
    let mut lost = Vec::with_capacity(count);
    for client in watching {
        lost.extend(client.await??);
    }
    ensure!(lost.len() * 10 > count * 9, "{} of {count} clients are left: the notifier died too late", lost.len());
    let clients = lost.len();
    let resumes = lost.into_iter().map(|(number, after)| Ok((number, after, book.subscribe(number, Some(after))?)));
    let resumes = Arc::new(resumes.collect::<Result<Vec<_>>>()?);

    stack.unhold(Part::Notifier).await?;
    let since = listening(address).await?;
    let pid = stack.pid(Part::Notifier).context("the notifier is down")?;
    let usage = Usage::start(servers(stack).into_iter().chain([("notifier".to_owned(), pid)]))?;
    let back = for_each(clients, move |at| resume(address, Arc::clone(&resumes), at)).await?;
    let back = Back::new(since, back.iter().map(|(_client, took)| *took), usage)?;
    stack.ready(Part::Notifier).await?;
    Ok(back)
}

/// A client and the last sequence that it has, once its connection is lost; nothing of one that has seen the end.
type Lost = AbortOnDropHandle<Result<Option<(usize, u64)>>>;

/// Watches until the connection is lost; returns when `sent` is there.
async fn watch(address: SocketAddr, book: Verifications, number: usize) -> Result<Lost> {
    let mut client = Watcher::open(address, number).await?;
    client.say(&book.subscribe(number, None)?).await?;
    let mut last = 0;
    while last == 0 {
        last = serde_json::from_slice::<Frame>(&client.soon().await?)?.seq;
    }
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        match client.text().await {
            Ok(text) => {
                let frame: Frame = serde_json::from_slice(&text)?;
                ensure!(frame.event == EventKind::Canceled, "{} after `sent`", frame.event);
                Ok(None)
            }
            Err(_lost) => Ok(Some((number, last))),
        }
    })))
}

/// Comes back and waits for the end; the connection is kept, as at the anchor.
async fn resume(
    address: SocketAddr,
    resumes: Arc<Vec<(usize, u64, Vec<u8>)>>,
    at: usize,
) -> Result<(Watcher, Duration)> {
    let since = Instant::now();
    let (number, after, message) = resumes.get(at).context("no such client")?;
    let mut client = Watcher::open(address, *number).await?;
    client.say(message).await?;
    let text = client.soon().await.with_context(|| format!("the final state of client {number} is missed"))?;
    let Frame { event, seq } = serde_json::from_slice(&text)?;
    ensure!(event == EventKind::Canceled && seq > *after, "{event} ({seq}) after {after}");
    Ok((client, since.elapsed()))
}

/// When something listens there.
async fn listening(address: SocketAddr) -> Result<Instant> {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).await.is_err() {
        ensure!(Instant::now() < deadline, "nothing listens at {address}");
        tokio::time::sleep(LOOK).await;
    }
    Ok(Instant::now())
}
