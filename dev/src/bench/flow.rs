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
use super::figures::{Round, Row, Sample, Target, float, quantile};
use super::http::{Answer, Heard, Load, in_turn};
use super::requests::counted;
use super::tools::Sink;
use super::usage::{Usage, Used};
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
    flow.at(MODEST, bench.warms_up(), 1).await?;
    for _ in 0..bench.runs {
        let modest = flow.at(MODEST, bench.lasts(), 1).await?;
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
            notes: vec![
                format!("at {MODEST}/s: {}", modest.told()),
                format!("CPU: {}", modest.used.told(modest.heard.count(202))),
                told,
            ],
        });
    }
    stack.stop().await;
    Ok(rounds)
}

/// Whole verifications through a stack.
pub(super) struct Flow<'b> {
    pub(super) bench: &'b Bench,
    pub(super) stack: &'b Stack,
    pub(super) load: Load,
    /// The process that takes the mails.
    pub(super) sink: u32,
}

/// What a rate brought.
pub(super) struct Seen {
    asked: f64,
    pub(super) heard: Heard,
    /// Mails that were sent, of those that watch and of all others.
    mailed: f64,
    /// Milliseconds from when the POST was due to `sent` on the socket, sorted.
    from_post: Vec<f64>,
    /// From the 202.
    from_promise: Vec<f64>,
    /// Watchers that did not see their mail sent.
    blind: usize,
    pub(super) used: Used,
}

impl Seen {
    fn holds(&self) -> bool {
        self.keeps_up()
            && self.heard.statuses.keys().all(|status| *status == 202)
            && self.blind == 0
            && self.heard.quantile(0.99) <= PROMISED_WITHIN_MS
            && quantile(&self.from_promise, 0.99) <= SENT_WITHIN_MS
    }

    /// What was asked a second was also answered.
    pub(super) fn keeps_up(&self) -> bool {
        self.heard.rate(202) >= 0.9 * self.asked
    }

    /// Each request was promised and mailed once, and whoever watched has seen it, however long that took.
    pub(super) fn is_whole(&self) -> bool {
        let promised = self.heard.count(202);
        self.heard.statuses.keys().all(|status| *status == 202)
            && self.blind == 0
            && (self.mailed - promised).abs() < 0.5
            && promised > 0.0
    }

    pub(super) fn told(&self) -> String {
        let sent = |share| quantile(&self.from_promise, share);
        let blind = if self.blind == 0 { String::new() } else { format!(", {} saw nothing", self.blind) };
        let (told, mailed) = (self.heard.told(), self.mailed);
        format!("{told}; {mailed:.0} mailed, sent after p50 {:.1} ms, p99 {:.1} ms{blind}", sent(0.5), sent(0.99))
    }
}

/// Delays in ms from POST and from 202.
type Delays = Arc<Mutex<Vec<Option<(f64, f64)>>>>;

impl Flow<'_> {
    /// The highest rate that holds, and what was seen on the way.
    async fn top(&self) -> Result<(f64, String)> {
        let (mut holds, mut breaks, mut steps, mut used) = (0.0, f64::INFINITY, Vec::new(), String::new());
        let mut rate = MODEST;
        while breaks / holds > FINE {
            let seen = self.at(rate, self.bench.lasts().mul_f64(0.6), one_in(rate)).await?;
            let p99 = quantile(&seen.from_promise, 0.99);
            let mark = if seen.holds() { "" } else { "!" };
            steps.push(format!("{rate:.0}{mark} ({:.0}/{p99:.0} ms)", seen.heard.quantile(0.99)));
            if seen.holds() {
                holds = rate;
                used = seen.used.told(seen.heard.count(202));
            } else {
                breaks = rate;
            }
            if self.bench.quick || rate < 10.0 {
                break;
            }
            rate = if breaks.is_finite() { f64::midpoint(holds, breaks) } else { rate * 1.5 };
        }
        let steps = steps.join(", ");
        Ok((holds, format!("rates, and p99 of 202 and of sent: {steps}; CPU at {holds:.0}: {used}")))
    }

    /// Asks all gateways at a rate, has one of so many verifications watched, at all notifiers in turn, and waits until
    /// all that was promised is sent.
    pub(super) async fn at(&self, rate: f64, lasts: Duration, one_in: u64) -> Result<Seen> {
        let (delays, watchers): (Delays, _) = (Arc::default(), TaskTracker::new());
        let notifiers = addresses(self.stack, Part::Notifier)?;
        let (spawned, noted) = (watchers.clone(), Arc::clone(&delays));
        let answered = move |number: u64, answer: &Answer<'_>, due: Instant| {
            if answer.status == 202 && number.is_multiple_of(one_in) {
                let (body, noted, promised) = (answer.body.to_vec(), Arc::clone(&noted), Instant::now());
                let Some(events) = in_turn(&notifiers, number / one_in) else { return };
                spawned.spawn(async move {
                    let seen = timeout(PATIENCE, sent(events, number, &body)).await;
                    let delay = seen.is_ok_and(|seen| seen.is_ok());
                    let delay = delay.then(|| (millis(due), millis(promised)));
                    noted.lock().unwrap_or_else(PoisonError::into_inner).push(delay);
                });
            }
        };
        let load = Load {
            addresses: addresses(self.stack, Part::Gateway)?,
            connections: CONNECTIONS,
            answered: Some(Arc::new(answered)),
            ..self.load.clone()
        };
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
        let used = usage.end()?;
        let delays = std::mem::take(&mut *delays.lock().unwrap_or_else(PoisonError::into_inner));
        let sorted = |which: fn(&(f64, f64)) -> f64| {
            let mut values: Vec<f64> = delays.iter().flatten().map(which).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let mailed = self.drained().await?;
        Ok(Seen {
            asked: rate,
            mailed,
            from_post: sorted(|delay| delay.0),
            from_promise: sorted(|delay| delay.1),
            blind: delays.iter().filter(|delay| delay.is_none()).count(),
            heard,
            used,
        })
    }

    /// Nothing is left of one rate when the next begins. How many mails were sent, as the events say.
    async fn drained(&self) -> Result<f64> {
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
        let events = jetstream.get_stream(otp_nats::stream::EVENTS).await?;
        let mailed = counted(&events, EventKind::Sent).await?;
        events.purge().await?;
        Ok(float(mailed))
    }
}

/// One in so many is watched, so that what watches has some CPU left at higher rates.
fn one_in(rate: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is some thousands")]
    let one_in = if rate <= MODEST { 1 } else { (rate / WATCHERS).ceil() as u64 };
    one_in
}

/// Where all processes of a service listen.
fn addresses(stack: &Stack, part: Part) -> Result<Vec<SocketAddr>> {
    let instances = stack.instances().into_iter().filter(|instance| instance.part == part);
    instances.map(|instance| stack.address(instance)).collect()
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
