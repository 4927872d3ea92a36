//! Whole verifications up to the mail: how many a second, and how soon they are out and seen to be.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use otp_nats::EventKind;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::Bench;
use super::accept::{forget, requests};
use super::anchor::Anchor;
use super::figures::{Round, Row, Sample, Target, quantile};
use super::http::{Answer, Heard, Load};
use super::tools::Sink;
use super::usage::Usage;
use super::watchers::{Watcher, message};
use crate::accepted::{Accepted, Events};
use crate::stack::{Part, Stack};

/// Connections of clients, enough that a rate is kept up when answers take their time.
const CONNECTIONS: u64 = 256;
/// The rate at which the quickest way is looked at.
const MODEST: f64 = 500.0;
/// At most so many watch in a second at higher rates: watching costs this process more than asking.
const WATCHERS: f64 = 250.0;
/// A watcher waits so long for its mail.
const PATIENCE: Duration = Duration::from_secs(20);
/// 99 of 100 are to be promised within this,
const PROMISED_WITHIN_MS: f64 = 50.0;
/// and sent within this from then on.
const SENT_WITHIN_MS: f64 = 500.0;
/// The search for the top rate ends at steps of this size.
const FINE: f64 = 1.07;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "flow",
        figure: "most verifications a second, 202 within 50 ms and sent within 500 ms more (p99)",
        anchor: "axum, one script, one acknowledged publish",
        unit: "/s",
        target: Target::TimesAtLeast(0.15),
    },
    Row {
        name: "flow-500",
        figure: "from POST to `sent` on the socket at 500 a second, median",
        anchor: "",
        unit: "ms",
        target: Target::AtMost(10.0),
    },
    Row { name: "flow-500-p99", figure: "the same, 99 of 100", anchor: "", unit: "ms", target: Target::Told },
];

pub(super) async fn run(bench: &Bench) -> Result<Vec<Round>> {
    let sink = Sink::start().await?;
    let stack = bench.stack(|options| options.caller.set("OTP_SMTP_URL", &sink.url())).await?;
    let anchor = Anchor::start("accept", stack.dir()).await?;
    let flow = Flow { bench, stack: &stack, load: requests(stack.address(Part::Gateway)?), sink: sink.pid()? };
    let mut rounds = Vec::new();
    flow.at(MODEST, bench.warms_up()).await?;
    for _ in 0..bench.runs {
        let modest = flow.at(MODEST, bench.lasts()).await?;
        let (top, told) = flow.top().await?;
        // The mailer would take up what the anchor publishes, and give it up.
        stack.hold(Part::Mailer, crate::process::Signal::Terminate).await?;
        let least = flow.load.at(anchor.address);
        least.closed(bench.warms_up()).await?.only(202)?;
        forget(&stack).await?;
        let least = least.closed(bench.lasts()).await?.only(202)?;
        forget(&stack).await?;
        stack.release(Part::Mailer).await?;
        rounds.push(Round {
            samples: vec![
                Sample::new("flow", top, least.rate(202)),
                Sample::alone("flow-500", quantile(&modest.from_post, 0.5)),
                Sample::alone("flow-500-p99", quantile(&modest.from_post, 0.99)),
            ],
            notes: vec![format!("at {MODEST}/s: {}", modest.told()), format!("CPU: {}", modest.used), told],
        });
    }
    stack.stop().await;
    Ok(rounds)
}

struct Flow<'b> {
    bench: &'b Bench,
    stack: &'b Stack,
    load: Load,
    sink: u32,
}

/// What a rate brought.
struct Seen {
    asked: f64,
    heard: Heard,
    /// Milliseconds from when the POST was due to `sent` on the socket, sorted.
    from_post: Vec<f64>,
    /// From the 202.
    from_promise: Vec<f64>,
    /// Watchers that did not see their mail sent.
    blind: usize,
    used: String,
}

impl Seen {
    fn holds(&self) -> bool {
        self.heard.rate(202) >= 0.9 * self.asked
            && self.heard.statuses.keys().all(|status| *status == 202)
            && self.blind == 0
            && self.heard.quantile(0.99) <= PROMISED_WITHIN_MS
            && quantile(&self.from_promise, 0.99) <= SENT_WITHIN_MS
    }

    fn told(&self) -> String {
        let sent = |share| quantile(&self.from_promise, share);
        let blind = if self.blind == 0 { String::new() } else { format!(", {} saw nothing", self.blind) };
        format!("{}; sent after p50 {:.1} ms, p99 {:.1} ms{blind}", self.heard.told(), sent(0.5), sent(0.99))
    }
}

/// Delays in ms from POST and from 202.
type Delays = Arc<Mutex<Vec<Option<(f64, f64)>>>>;

impl Flow<'_> {
    /// The highest rate that holds, and what was seen on the way.
    async fn top(&self) -> Result<(f64, String)> {
        let (mut holds, mut breaks, mut steps) = (0.0, f64::INFINITY, Vec::new());
        let mut rate = MODEST;
        while breaks / holds > FINE {
            let seen = self.at(rate, self.bench.lasts().mul_f64(0.6)).await?;
            let p99 = quantile(&seen.from_promise, 0.99);
            let mark = if seen.holds() { "" } else { "!" };
            steps.push(format!("{rate:.0}{mark} ({:.0}/{p99:.0} ms)", seen.heard.quantile(0.99)));
            if seen.holds() {
                holds = rate;
            } else {
                breaks = rate;
            }
            if self.bench.quick || rate < 10.0 {
                break;
            }
            rate = if breaks.is_finite() { f64::midpoint(holds, breaks) } else { rate * 1.5 };
        }
        Ok((holds, format!("rates, and p99 of 202 and of sent: {}", steps.join(", "))))
    }

    /// Asks at a rate, and waits until all that was promised is sent.
    async fn at(&self, rate: f64, lasts: Duration) -> Result<Seen> {
        let (delays, watchers): (Delays, _) = (Arc::default(), TaskTracker::new());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is some thousands")]
        let one_in = if rate <= MODEST { 1 } else { (rate / WATCHERS).ceil() as u64 };
        let (events, spawned, noted) = (self.stack.address(Part::Notifier)?, watchers.clone(), Arc::clone(&delays));
        let answered = move |number: u64, answer: &Answer<'_>, due: Instant| {
            if answer.status == 202 && number.is_multiple_of(one_in) {
                let (body, noted, promised) = (answer.body.to_vec(), Arc::clone(&noted), Instant::now());
                spawned.spawn(async move {
                    let seen = timeout(PATIENCE, sent(events, number, &body)).await;
                    let delay = seen.is_ok_and(|seen| seen.is_ok());
                    let delay = delay.then(|| (millis(due), millis(promised)));
                    noted.lock().unwrap_or_else(PoisonError::into_inner).push(delay);
                });
            }
        };
        let load = Load { connections: CONNECTIONS, answered: Some(Arc::new(answered)), ..self.load.clone() };
        let sink = ("sink".to_owned(), self.sink);
        let all = self
            .stack
            .file()
            .pids
            .into_iter()
            .map(|(name, pid)| (if name == "dev" { "load".to_owned() } else { name }, pid));
        let usage = Usage::start(all.chain([sink]))?;
        let heard = load.paced(rate, lasts).await?;
        watchers.close();
        watchers.wait().await;
        let used = usage.end()?.told(heard.count(202));
        let delays = std::mem::take(&mut *delays.lock().unwrap_or_else(PoisonError::into_inner));
        let sorted = |which: fn(&(f64, f64)) -> f64| {
            let mut values: Vec<f64> = delays.iter().flatten().map(which).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        self.drained().await?;
        Ok(Seen {
            asked: rate,
            from_post: sorted(|delay| delay.0),
            from_promise: sorted(|delay| delay.1),
            blind: delays.iter().filter(|delay| delay.is_none()).count(),
            heard,
            used,
        })
    }

    /// Nothing is left of one rate when the next begins.
    async fn drained(&self) -> Result<()> {
        let jetstream = async_nats::jetstream::new(self.stack.file().connect_nats().await?);
        let deadline = Instant::now() + PATIENCE * 3;
        loop {
            let left = jetstream.get_stream(otp_nats::stream::REQUESTS).await?.get_info().await?.state.messages;
            if left == 0 {
                break;
            }
            if Instant::now() > deadline {
                bail!("{left} requests are left");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        jetstream.get_stream(otp_nats::stream::EVENTS).await?.purge().await?;
        Ok(())
    }
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

#[derive(Deserialize)]
struct Frame {
    event: Option<EventKind>,
}

/// Watches what was promised until it is sent.
async fn sent(events: SocketAddr, number: u64, body: &[u8]) -> Result<()> {
    let Accepted { id, events: Events { ticket } } = serde_json::from_slice(body)?;
    let mut watcher = Watcher::open(events, usize::try_from(number)?).await?;
    watcher.say(&message(&json!({"type": "subscribe", "id": id, "ticket": ticket}).to_string())?).await?;
    while serde_json::from_slice::<Frame>(&watcher.text().await?)?.event != Some(EventKind::Sent) {}
    Ok(())
}
