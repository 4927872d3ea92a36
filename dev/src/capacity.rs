//! How many of what a rate needs and what ends first: by arithmetic from what was measured, and by a simulation of the
//! fullest cell, which stands for all of them.

mod balance;
mod measured;
mod queues;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::bench::{float, quantile};
use crate::console;
use queues::{Route, Seen, Stage, Work, needed, simulate};

const GATEWAYS: usize = 0;
const REDIS: usize = 1;
const REQUESTS: usize = 2;
const EVENTS: usize = 3;
const MAILERS: usize = 4;
const RELAY: usize = 5;
const READING: usize = 6;
const SENDING: usize = 7;
const STAGES: usize = 8;
const NAMES: [&str; STAGES] = [
    "gateways",
    "Redis, servers of slots",
    "NATS, leader of OTP_REQUESTS",
    "NATS, leader of OTP_EVENTS",
    "mailers",
    "connections to the relay",
    "a notifier that reads all events",
    "notifiers, each to its sockets",
];
/// What a cell has one of, however many processes there are: a leader writes in order, and each notifier reads all.
const SINGLE: [usize; 3] = [REQUESTS, EVENTS, READING];

/// From POST to `sent`, in microseconds of CPU of a release build at the top rate of each part: docs/PERFORMANCE.md,
/// "What one verification costs". NATS takes 24 for an event, and 72 for two of them with the request handed out and
/// acknowledged; a notifier 13.0 to read and send an event (`fan-out`), and 8.07 to send one and read a tenth
/// (`fan-out-shared`). The relay's time stands for 0.
const TO_SENT: &[(usize, f64)] = &[
    (GATEWAYS, 55.0),
    (REDIS, 34.0),
    (REQUESTS, 31.0),
    (REQUESTS, 24.0),
    (EVENTS, 24.0),
    (MAILERS, 131.0),
    (RELAY, 0.0),
    (EVENTS, 24.0),
    (READING, 5.5),
    (SENDING, 7.5),
];
/// Beside it, the watcher that connects and is told of `processing`.
const WATCHING: &[(usize, f64)] = &[(READING, 5.5), (SENDING, 7.5 + 42.0)];
/// Later the code.
const CHECKED: &[(usize, f64)] = &[(GATEWAYS, 44.0), (REDIS, 21.0), (EVENTS, 24.0), (READING, 5.5), (SENDING, 7.5)];
/// One more event, of a wrong guess or a mail that was late.
const ASIDE: &[(usize, f64)] = &[(EVENTS, 24.0), (READING, 5.5), (SENDING, 7.5)];

/// What is to be used at most, for peaks within a second and for what fails.
const USED_MOST: f64 = 0.6;
/// Sockets of a notifier, and how long a page is open.
const SOCKETS_MAX: f64 = 50_000.0;
const OPEN_S: f64 = 120.0;
/// Applications whose requests fall off as one over their rank.
const APPLICATIONS: u32 = 1000;
/// Cells are compared over so long: within a second it is chance who has more, which queues bear.
const BALANCED_S: f64 = 60.0;
/// What is simulated: long enough for queues to settle, and some seconds of work for this process at most.
const LASTS_S: f64 = 10.0;
const VERIFICATIONS_MAX: f64 = 100_000.0;

/// What is asked; what is `None` is chosen so that it is used to 60 %.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Verifications a second at the peak.
    pub rate: f64,
    /// Cells, each with all of what follows.
    pub cells: Option<usize>,
    /// Cores of gateways in a cell.
    pub gateways: Option<usize>,
    /// Redis servers with slots in a cell.
    pub redis: Option<usize>,
    /// Cores of mailers in a cell.
    pub mailers: Option<usize>,
    /// Connections of a cell's mailers to the relay.
    pub connections: Option<usize>,
    /// Notifiers of a cell, with a core for each.
    pub notifiers: Option<usize>,
    /// How long the relay takes for a mail.
    pub relay: Duration,
    /// What chance is drawn from.
    pub seed: u64,
    /// The JSON of `cargo dev bench growth` on the machine in question.
    pub bench: Option<PathBuf>,
}

/// The answer.
#[derive(Debug)]
pub struct Report {
    settings: Settings,
    cells: usize,
    /// Of the fullest cell next to the mean, by recipient and by application.
    balance: [f64; 2],
    stages: [Stage; STAGES],
    /// The share of each stage that is needed.
    needed: [f64; STAGES],
    lasts: Duration,
    seen: Seen,
}

/// Plans, and simulates what was planned.
///
/// # Errors
/// The JSON has no figures.
pub fn run(settings: Settings) -> Result<Report> {
    let factors = match &settings.bench {
        None => [1.0; STAGES],
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            measured::dearer(&text).with_context(|| path.display().to_string())?
        }
    };
    let one = [Stage { queues: 1, servers: 1 }; STAGES];
    let all = routes(settings.rate, settings.relay, &factors);
    let cells = settings.cells.unwrap_or_else(|| {
        let least = SINGLE.map(|stage| needed(&one, &all, stage)).into_iter().fold(0.0, f64::max);
        whole(least / USED_MOST)
    });
    let by_recipient = balance::by_recipient(cells, settings.rate * BALANCED_S, settings.seed);
    let balance = [by_recipient, balance::by_application(cells, APPLICATIONS, settings.seed)];
    let rate = settings.rate / float(cells) * by_recipient;
    let routes = routes(rate, settings.relay, &factors);
    let stages = stages(&settings, rate, &routes);
    let needed: [f64; STAGES] = std::array::from_fn(|stage| needed(&stages, &routes, stage));
    let lasts = Duration::from_secs_f64(lasts_s(rate, settings.relay.as_secs_f64(), keeps_up(&needed)));
    let seen = simulate(&stages, &routes, lasts, settings.seed);
    Ok(Report { settings, cells, balance, stages, needed, lasts, seen })
}

/// Seconds to simulate. Where queues grow without end they are not looked at for longer than memory allows.
fn lasts_s(rate: f64, relay_s: f64, keeps_up: bool) -> f64 {
    let least = if keeps_up { 3.0 * relay_s } else { 0.0 };
    (LASTS_S + 10.0 * relay_s).min(VERIFICATIONS_MAX / rate).max(least)
}

fn keeps_up(needed: &[f64; STAGES]) -> bool {
    needed.iter().all(|needed| *needed < 1.0)
}

/// What a cell is asked so many times a second.
fn routes(rate: f64, relay: Duration, factors: &[f64; STAGES]) -> Vec<Route> {
    let step = |(stage, micros): &(usize, f64)| {
        let work = match *stage {
            RELAY => Work::Fixed(relay.as_secs_f64() * 1e6),
            _ => Work::Varying(micros * factors.get(*stage).copied().unwrap_or(1.0)),
        };
        (*stage, work)
    };
    let route = |steps: &[(usize, f64)]| Route { rate, steps: steps.iter().map(step).collect() };
    [TO_SENT, WATCHING, CHECKED, ASIDE].map(route).to_vec()
}

/// So many of each as are wanted, or as this rate needs.
fn stages(settings: &Settings, rate: f64, routes: &[Route]) -> [Stage; STAGES] {
    let one = [Stage { queues: 1, servers: 1 }; STAGES];
    let count = |stage, wanted: Option<usize>| wanted.unwrap_or_else(|| whole(needed(&one, routes, stage) / USED_MOST));
    let mut stages = one;
    stages[GATEWAYS].queues = count(GATEWAYS, settings.gateways);
    stages[REDIS].queues = count(REDIS, settings.redis);
    // Whoever is free takes the next request up.
    stages[MAILERS].servers = count(MAILERS, settings.mailers);
    stages[RELAY].servers = count(RELAY, settings.connections);
    let sockets = settings.notifiers.is_none().then(|| whole(rate * OPEN_S / SOCKETS_MAX));
    stages[SENDING].queues = count(SENDING, settings.notifiers).max(sockets.unwrap_or(1));
    stages
}

/// As many as hold it, and at least one.
fn whole(value: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "thousands")]
    let whole = value.ceil().max(1.0) as usize;
    whole
}

impl Report {
    /// Which of these stages ends first when the rate grows, and at how many verifications a second.
    fn first(&self, of: &[usize]) -> (usize, f64) {
        let needed = |stage: &usize| self.needed.get(*stage).copied().unwrap_or_default();
        let stage = of.iter().copied().max_by(|one, other| needed(one).total_cmp(&needed(other))).unwrap_or_default();
        (stage, self.settings.rate / needed(&stage))
    }

    /// Whether no queue grows without end.
    pub fn keeps_up(&self) -> bool {
        keeps_up(&self.needed)
    }

    fn row(&self, stage: usize) -> [String; 7] {
        let Stage { queues, servers } = self.stages[stage];
        let (needed, seen) = (self.needed[stage], &self.seen.stages[stage]);
        let count = queues * servers;
        [
            NAMES[stage].to_owned(),
            count.to_string(),
            (count * self.cells).to_string(),
            format!("{:.0} %", needed * 100.0),
            format!("{:.0} %", seen.used * 100.0),
            seen.waiting.to_string(),
            format!("{:.0}/s", self.settings.rate / needed),
        ]
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rate, cells, [recipient, application]) = (self.settings.rate, self.cells, self.balance);
        writeln!(f, "verifications a second: {rate}; cells: {cells}")?;
        if cells > 1 {
            writeln!(f, "the fullest cell: {recipient:.2} times the mean when a hash of the recipient chooses it,")?;
            writeln!(f, "{application:.2} times when each of {APPLICATIONS} applications is given to one as a whole")?;
        }
        let heading = ["", "in a cell", "in all", "needed", "used", "waiting", "ends at"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(heading).chain((0..STAGES).map(|stage| self.row(stage))).collect();
        writeln!(f, "\n{}\n", console::table(&rows))?;
        let (first, at) = self.first(&std::array::from_fn::<_, STAGES, _>(|stage| stage));
        writeln!(f, "first to end: {}, at {at:.0} a second", NAMES[first])?;
        let (single, at) = self.first(&SINGLE);
        writeln!(f, "first that only more cells help: {}, at {at:.0} a second", NAMES[single])?;
        if !self.keeps_up() {
            return write!(f, "it does not keep up: what waits grows without end");
        }
        let (median, p99) = (quantile(&self.seen.delays, 0.5), quantile(&self.seen.delays, 0.99));
        let (relay, lasts) = (self.settings.relay.as_millis(), self.lasts.as_secs_f64());
        write!(f, "from POST to `sent`: p50 {median:.1} ms, p99 {p99:.1} ms, the relay's {relay} ms in them; ")?;
        write!(f, "of {} in {lasts:.1} s", self.seen.delays.len())
    }
}

#[cfg(test)]
mod tests;
