//! What it costs the notifier to bring an event to whoever watches.
//!
//! Events come in rounds, one for each verification. A round begins when all but the last few have been seen by all
//! clients, here and at the anchor, so that neither has more work piled up, to do at once, than the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::Bench;
use super::accept::{forget, servers};
use super::anchor::Anchor;
use super::events::{Publisher, Verifications};
use super::figures::{Round, Row, Sample, Target, float};
use super::usage::{Usage, Used};
use super::watchers::{PATIENCE, Watcher, for_each, message, room_for};
use crate::stack::{Part, Stack};

/// Clients that watch.
const CLIENTS: usize = 5000;
/// Events that each of them gets in a run. With those of the warm-up fewer than the stream keeps of one kind for one
/// verification: no verification has so many that NATS had to drop the oldest for each new one.
const EVENTS: usize = 28;
/// Clients of one verification where several watch the same.
const SHARE: usize = 10;
/// Rounds that are under way at most.
const AHEAD: u64 = 2;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "fan-out",
        figure: "notifier CPU for a delivered event, each client watching another verification",
        anchor: "bare tokio-tungstenite, a loop that sends",
        unit: "us",
        target: Target::TimesAtMost(1.5),
    },
    Row {
        name: "fan-out-shared",
        figure: "the same, ten clients watching each verification",
        anchor: "the same",
        unit: "us",
        target: Target::Told,
    },
];

pub(super) async fn run(bench: &Bench) -> Result<Vec<Round>> {
    room_for(CLIENTS)?;
    let stack = bench.stack(|options| options.caller.set("OTP_MAX_CONNECTIONS_PER_IP", "off")).await?;
    let count = bench.scaled(EVENTS).max(2);
    let mut rounds = Vec::new();
    for _ in 0..bench.runs {
        let alone = notified(&stack, CLIENTS, count).await?;
        let shared = notified(&stack, CLIENTS / SHARE, count).await?;
        let anchor = bare(&stack, alone.octets, count).await?;
        rounds.push(Round {
            samples: vec![
                Sample::new("fan-out", alone.each("notifier"), anchor.each("anchor")),
                Sample::new("fan-out-shared", shared.each("notifier"), anchor.each("anchor")),
            ],
            notes: [("alone", &alone), ("shared", &shared), ("anchor", &anchor)]
                .map(|(name, outcome)| format!("{name}: {}", outcome.told()))
                .to_vec(),
        });
    }
    stack.stop().await;
    Ok(rounds)
}

/// What rounds came to.
struct Outcome {
    used: Used,
    delivered: u64,
    /// Of one event, on average.
    octets: u64,
}

impl Outcome {
    fn count(&self) -> f64 {
        float(self.delivered)
    }

    /// Microseconds of CPU for each.
    fn each(&self, name: &str) -> f64 {
        self.used.of(name) / self.count() * 1e6
    }

    fn told(&self) -> String {
        let (seconds, delivered) = (self.used.took.as_secs_f64(), self.delivered);
        let rate = self.count() / seconds;
        let Self { used, octets, .. } = self;
        format!("{delivered} events of {octets} octets, {rate:.0}/s; {}", used.told(self.count()))
    }
}

/// Events of so many verifications, each watched by as many clients.
async fn notified(stack: &Stack, verifications: usize, count: usize) -> Result<Outcome> {
    forget(stack).await?;
    // With memory of earlier rounds, a notifier would read each client's past from NATS, while it is being measured.
    stack.restart(Part::Notifier).await?;
    let (book, publisher) = (Verifications::of(stack)?, Publisher::connect(stack).await?);
    let (address, asks) = (stack.address(Part::Notifier)?, book.clone());
    let clients = for_each(CLIENTS, move |number| {
        let asks = asks.clone();
        async move {
            let mut client = Watcher::open(address, number).await?;
            client.say(&asks.subscribe(number % verifications, None)?).await?;
            client.soon().await?;
            Ok(client)
        }
    })
    .await?;
    let mut crowd = Crowd::of(clients);
    let pid = stack.pid(Part::Notifier).context("the notifier is down")?;
    let mut source = Source::Bus { publisher, book, verifications, generation: 0 };
    crowd.rounds(count.div_ceil(10), &mut source).await?;
    let usage = Usage::start(servers(stack).into_iter().chain([("notifier".to_owned(), pid)]))?;
    let (delivered, octets) = crowd.rounds(count, &mut source).await?;
    Ok(Outcome { used: usage.end()?, delivered, octets })
}

/// As many texts of that length from a loop.
async fn bare(stack: &Stack, octets: u64, count: usize) -> Result<Outcome> {
    let anchor = Anchor::start("send", stack.dir()).await?;
    let address = anchor.address;
    let clients = for_each(CLIENTS, move |number| async move {
        let mut client = Watcher::open(address, number).await?;
        client.say(&message("watch")?).await?;
        client.soon().await?;
        Ok(client)
    })
    .await?;
    let mut crowd = Crowd::of(clients);
    let mut source =
        Source::Anchor { orders: Watcher::open(address, CLIENTS).await?, order: message(&octets.to_string())? };
    crowd.rounds(count.div_ceil(10), &mut source).await?;
    let usage = Usage::start([("anchor".to_owned(), anchor.pid()?), ("load".to_owned(), std::process::id())])?;
    let (delivered, octets) = crowd.rounds(count, &mut source).await?;
    Ok(Outcome { used: usage.end()?, delivered, octets })
}

/// What makes events.
enum Source {
    Bus { publisher: Publisher, book: Verifications, verifications: usize, generation: u32 },
    Anchor { orders: Watcher, order: Vec<u8> },
}

impl Source {
    /// One for each verification, or client.
    async fn round(&mut self) -> Result<()> {
        match self {
            Self::Bus { publisher, book, verifications, generation } => {
                *generation += 1;
                let events = (0..*verifications).map(|number| book.sent(number, *generation)).collect();
                publisher.publish(events).await
            }
            Self::Anchor { orders, order } => orders.say(order).await,
        }
    }
}

/// Clients that count what they get.
struct Crowd {
    size: u64,
    counts: Arc<Counts>,
    clients: JoinSet<Result<()>>,
}

#[derive(Default)]
struct Counts {
    texts: AtomicU64,
    octets: AtomicU64,
    more: Notify,
}

impl Crowd {
    fn of(watchers: Vec<Watcher>) -> Self {
        let size = u64::try_from(watchers.len()).unwrap_or(u64::MAX);
        let (counts, mut clients) = (Arc::<Counts>::default(), JoinSet::new());
        for mut watcher in watchers {
            let counts = Arc::clone(&counts);
            clients.spawn(async move {
                loop {
                    let text = watcher.text().await?;
                    counts.octets.fetch_add(u64::try_from(text.len())?, Ordering::Relaxed);
                    if (counts.texts.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(size) {
                        counts.more.notify_one();
                    }
                }
            });
        }
        Self { size, counts, clients }
    }

    /// Has so many rounds begun, and waits until all of each has come: how many texts, and of how many octets each.
    async fn rounds(&mut self, count: usize, source: &mut Source) -> Result<(u64, u64)> {
        let (before, count) = (self.counts.texts.load(Ordering::Relaxed), u64::try_from(count)?);
        let octets = self.counts.octets.load(Ordering::Relaxed);
        for round in 0..count {
            self.seen(before + self.size * (round + 1).saturating_sub(AHEAD)).await?;
            source.round().await?;
        }
        let all = before + self.size * count;
        self.seen(all).await?;
        let seen = self.counts.texts.load(Ordering::Relaxed);
        ensure!(seen == all, "{} texts too many", seen - all);
        Ok((all - before, (self.counts.octets.load(Ordering::Relaxed) - octets) / (all - before)))
    }

    async fn seen(&mut self, texts: u64) -> Result<()> {
        while self.counts.texts.load(Ordering::Relaxed) < texts {
            tokio::select! {
                () = self.counts.more.notified() => {}
                Some(ended) = self.clients.join_next() => ended??,
                () = tokio::time::sleep(PATIENCE) => {
                    let seen = self.counts.texts.load(Ordering::Relaxed);
                    anyhow::bail!("{} events have not come", texts.saturating_sub(seen));
                }
            }
        }
        Ok(())
    }
}
