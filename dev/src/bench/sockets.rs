//! What a client that watches costs the notifier while nothing happens, and how soon all of a crowd hear of an event.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::Bench;
use super::anchor::Anchor;
use super::events::{Publisher, Verifications};
use super::figures::{Round, Row, Sample, Target, float, quantile};
use super::usage::{Usage, Used, memory_kib};
use super::watchers::{PATIENCE, Watcher, connections_max, for_each, message, room_for};
use crate::stack::{Options, Part, Stack};

/// Clients whose memory is measured.
const CLIENTS: usize = 10_000;
/// A notifier's share for one of them.
const MOST_KB: f64 = 12.0;
/// Clients when there are to be as many as files allow.
const MOST_CLIENTS: usize = 50_000;
/// Events that all of them get.
const EVENTS: u32 = 5;
/// What clients have heard and nobody has counted yet.
const HEARD_MAX: usize = 65_536;
/// Memory is looked at so often, and has settled when so many looks in a row found nearly the same.
const LOOK: Duration = Duration::from_millis(500);
const SAME_LOOKS: u32 = 4;
const NEARLY_KIB: f64 = 64.0;
/// The number of the verification that all watch.
const COMMON: usize = usize::MAX;

const fn row(
    name: &'static str,
    figure: &'static str,
    anchor: &'static str,
    unit: &'static str,
    target: Target,
) -> Row {
    Row { name, figure, anchor, unit, target }
}

pub(super) const ROWS: &[Row] = &[
    row(
        "sockets",
        "memory (RSS) for an idle client, at 10,000",
        "bare tokio-tungstenite, buffers of 4 KiB",
        "kB",
        Target::TimesAtMost(1.2),
    ),
    row("sockets-kb", "the same", "", "kB", Target::AtMost(MOST_KB)),
    row(
        "sockets-open",
        "CPU for a new client: accept, upgrade, subscription",
        "accept, upgrade, one answer",
        "us",
        Target::Told,
    ),
    row("sockets-most", "clients at once, as many as files allow", "", "", Target::Told),
    row("sockets-most-p50", "from publishing an event to when half of these have it", "", "ms", Target::Told),
    row("sockets-most-p99", "the same, 99 of 100 of them", "", "ms", Target::Told),
];

pub(super) async fn run(bench: &Bench) -> Result<Vec<Round>> {
    let count = bench.scaled(CLIENTS);
    room_for(count)?;
    let unlimited = [("OTP_MAX_CONNECTIONS", "60000"), ("OTP_MAX_CONNECTIONS_PER_IP", "off")];
    let lift = |options: &mut Options| unlimited.iter().for_each(|(name, value)| options.caller.set(name, value));
    let stack = bench.stack(lift).await?;
    let most = connections_max().min(bench.scaled(MOST_CLIENTS)).max(count);
    let mut rounds = Vec::new();
    for _ in 0..bench.runs {
        let anchor = Anchor::start("socket", stack.dir()).await?;
        let server = ("anchor".to_owned(), anchor.pid()?);
        let (bare, crowd) = idle(anchor.address, server, count, |_| message("watch")).await?;
        drop((crowd, anchor));
        // A new process: what another round has left behind is not what these clients cost.
        stack.restart(Part::Notifier).await?;
        let (address, book) = (stack.address(Part::Notifier)?, Verifications::of(&stack)?);
        let server = ("notifier".to_owned(), stack.pid(Part::Notifier).context("the notifier is down")?);
        let asks = book.clone();
        let (here, mut crowd) = idle(address, server, count, move |number| asks.subscribe(number, None)).await?;
        let asks = book.clone();
        crowd.grow(address, most, move |number| asks.subscribe(number, None)).await?;
        let delays = crowd.delays(&stack, &book).await?;
        rounds.push(Round {
            samples: vec![
                Sample::new("sockets", here.kb(), bare.kb()),
                Sample::alone("sockets-kb", here.kb()),
                Sample::new("sockets-open", here.each("notifier"), bare.each("anchor")),
                Sample::alone("sockets-most", float(most)),
                Sample::alone("sockets-most-p50", quantile(&delays, 0.5)),
                Sample::alone("sockets-most-p99", quantile(&delays, 0.99)),
            ],
            notes: vec![format!("notifier: {}", here.told()), format!("anchor: {}", bare.told())],
        });
    }
    stack.stop().await;
    Ok(rounds)
}

/// What idle clients cost.
struct Cost {
    clients: f64,
    before_kib: f64,
    after_kib: f64,
    /// While they came.
    used: Used,
}

impl Cost {
    /// Thousands of octets for each.
    fn kb(&self) -> f64 {
        (self.after_kib - self.before_kib) * 1.024 / self.clients
    }

    /// Microseconds of CPU for each.
    fn each(&self, name: &str) -> f64 {
        self.used.of(name) / self.clients * 1e6
    }

    fn told(&self) -> String {
        let Self { clients, before_kib, after_kib, used } = self;
        let (seconds, used) = (used.took.as_secs_f64(), used.told(*clients));
        format!("{before_kib} KiB, with {clients} clients {after_kib} KiB; they came in {seconds:.1} s: {used}")
    }
}

/// Has so many clients connect and say their message, and looks at the server's memory when all has settled.
async fn idle(
    address: SocketAddr,
    server: (String, u32),
    count: usize,
    first: impl Fn(usize) -> Result<Vec<u8>> + Clone + Send + Sync + 'static,
) -> Result<(Cost, Crowd)> {
    let (pid, mut crowd) = (server.1, Crowd::new());
    let before_kib = settled_kib(pid).await?;
    let usage = Usage::start([server, ("load".to_owned(), std::process::id())])?;
    crowd.grow(address, count, first).await?;
    let used = usage.end()?;
    let after_kib = settled_kib(pid).await?;
    Ok((Cost { clients: float(count), before_kib, after_kib, used }, crowd))
}

/// Resident memory once it does not change any more: what is freed late is not what a sleeping client costs.
async fn settled_kib(pid: u32) -> Result<f64> {
    let (mut last, mut same) = (memory_kib(pid, "VmRSS")?, 0);
    let deadline = Instant::now() + PATIENCE;
    while same < SAME_LOOKS {
        ensure!(Instant::now() < deadline, "the memory of process {pid} does not settle");
        sleep(LOOK).await;
        let now = memory_kib(pid, "VmRSS")?;
        same = if (now - last).abs() <= NEARLY_KIB { same + 1 } else { 0 };
        last = now;
    }
    Ok(last)
}

/// Clients that listen, answer pings, and all say the same when told.
struct Crowd {
    clients: Vec<AbortOnDropHandle<Result<()>>>,
    say: watch::Sender<Vec<u8>>,
    heard: (mpsc::Sender<Instant>, mpsc::Receiver<Instant>),
}

impl Crowd {
    fn new() -> Self {
        Self { clients: Vec::new(), say: watch::Sender::default(), heard: mpsc::channel(HEARD_MAX) }
    }

    /// More of them, up to this number; returns when each has been answered.
    async fn grow(
        &mut self,
        address: SocketAddr,
        count: usize,
        first: impl Fn(usize) -> Result<Vec<u8>> + Clone + Send + Sync + 'static,
    ) -> Result<()> {
        let (here, say, heard) = (self.clients.len(), self.say.subscribe(), self.heard.0.clone());
        let come = move |number| {
            let (first, say, heard) = (first.clone(), say.clone(), heard.clone());
            async move {
                let mut client = Watcher::open(address, here + number).await?;
                client.say(&first(here + number)?).await?;
                client.soon().await?;
                Ok(AbortOnDropHandle::new(tokio::spawn(listen(client, say, heard))))
            }
        };
        self.clients.extend(for_each(count.saturating_sub(here), come).await?);
        Ok(())
    }

    /// Milliseconds, sorted, from the publishing of an event that all watch to when each has it.
    async fn delays(&mut self, stack: &Stack, book: &Verifications) -> Result<Vec<f64>> {
        let publisher = Publisher::connect(stack).await?;
        self.say.send_replace(book.subscribe(COMMON, None)?);
        self.all_heard().await?;
        let mut delays = Vec::new();
        for generation in 1..=EVENTS {
            let published = Instant::now();
            publisher.publish(vec![book.sent(COMMON, generation)]).await?;
            let heard = self.all_heard().await?;
            delays.extend(heard.into_iter().map(|at| (at - published).as_secs_f64() * 1000.0));
        }
        delays.sort_by(f64::total_cmp);
        Ok(delays)
    }

    /// When each of them heard the next word.
    async fn all_heard(&mut self) -> Result<Vec<Instant>> {
        let (mut all, deadline) = (Vec::with_capacity(self.clients.len()), Instant::now() + PATIENCE);
        while all.len() < self.clients.len() {
            let next = timeout_at(deadline, self.heard.1.recv()).await.ok().flatten();
            all.push(next.with_context(|| {
                let missing = self.clients.len() - all.len();
                let gone = self.clients.iter().filter(|client| client.is_finished()).count();
                format!("{missing} clients hear nothing; {gone} are gone")
            })?);
        }
        Ok(all)
    }
}

async fn listen(mut client: Watcher, mut say: watch::Receiver<Vec<u8>>, heard: mpsc::Sender<Instant>) -> Result<()> {
    loop {
        tokio::select! {
            text = client.text() => {
                text?;
                heard.send(Instant::now()).await?;
            }
            changed = say.changed() => {
                changed?;
                let message = say.borrow_and_update().clone();
                client.say(&message).await?;
            }
        }
    }
}
