//! `cargo dev chaos`: real processes broken under load, and a ledger of what was promised and what happened.
//!
//! Everything that breaks is drawn from a seed ([`Plan`]), so that a run that found something can be had again, as far
//! as the machine's own timing allows.

mod breakage;
mod client;
mod events;
mod load;
mod memory;
mod plan;
mod promises;
mod reader;
mod relay;
mod report;
mod verdict;
mod watcher;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use otp_nats::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::inbox::Tally;
use crate::stack::{Link, Notices, Options, Part, Stack};
use client::Gateways;
use events::Follower;
use load::Target;
use plan::{Plan, Round};
use promises::Promises;
use reader::Reader;
use verdict::{Mail, Trouble};

pub use memory::Memory;
pub use plan::Kinds;
pub use promises::Counts;
pub use report::{Report, survey};
pub use verdict::{Cause, Verdict};

/// When nothing breaks any more, all promises are to be kept within the life of a code: what is not by then is lost.
const SETTLE: Duration = Duration::from_secs(300);
/// How often that is looked at.
const SETTLE_POLL: Duration = Duration::from_millis(500);
/// Before and after a single breakage there is load for so long.
const EACH_BEFORE: Duration = Duration::from_secs(4);
/// See [`EACH_BEFORE`].
const EACH_AFTER: Duration = Duration::from_secs(8);
/// Settings of the services, where the caller has none: nothing stands in the way of the load, and connections that a
/// notifier gives up at its drain come back at once.
const SERVICE_SETTINGS: [(&str, &str); 3] =
    [("OTP_LIMIT_IP", "off"), ("OTP_LIMIT_RECIPIENT", "off"), ("OTP_CLOSE_SPREAD", "1s")];

/// What a run is to be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What everything that breaks is drawn from.
    pub seed: u64,
    /// How long there is load.
    pub lasts: Duration,
    /// Requests a second.
    pub rate: f64,
    /// What breaks.
    pub kinds: Kinds,
    /// Processes of each service.
    pub instances: u16,
    /// Whether a NATS server may fail before the last one that failed has caught up: more than three replicas promise
    /// to bear.
    pub overlap: bool,
}

/// Runs load against a stack of its own while it breaks, waits until all is settled, and compares.
///
/// # Errors
/// The stack does not start, or what was broken can't be mended.
pub async fn run(options: Options, settings: Settings, notices: &Notices) -> Result<Report> {
    let stack = start(options, settings.instances).await?;
    let plan = Plan::new(settings.seed, settings.kinds, stack.instances());
    let ran = under_load(&stack, &settings, plan, notices).await;
    stack.stop().await;
    ran
}

/// Breaks one thing after the other, each under a load of its own, and tells what each has done.
///
/// # Errors
/// As [`run`].
pub async fn each(options: Options, settings: &Settings, notices: &Notices) -> Result<Vec<(String, Report)>> {
    let stack = start(options, settings.instances).await?;
    let mut reports = Vec::new();
    for step in plan::each(&stack.instances()) {
        let name = step.breakage.to_string();
        let lasts = EACH_BEFORE + step.lasts + EACH_AFTER;
        let settings = Settings { lasts, ..settings.clone() };
        let round = Round { pause: EACH_BEFORE, steps: vec![step] };
        match under_load(&stack, &settings, [round], notices).await {
            Ok(report) => reports.push((name, report)),
            Err(error) => {
                stack.stop().await;
                return Err(error.context(name));
            }
        }
    }
    stack.stop().await;
    Ok(reports)
}

async fn start(mut options: Options, instances: u16) -> Result<Stack> {
    options.proxied = true;
    let set: Vec<String> = options.caller.names().map(str::to_owned).collect();
    for (name, value) in SERVICE_SETTINGS.into_iter().filter(|(name, _)| !set.iter().any(|other| other == name)) {
        options.caller.set(name, value);
    }
    let mut stack = Stack::start(options).await?;
    for part in Part::SERVICES {
        for _ in 1..instances {
            stack.add(part, &[]).await?;
        }
    }
    Ok(stack)
}

async fn under_load(
    stack: &Stack,
    settings: &Settings,
    rounds: impl IntoIterator<Item = Round>,
    notices: &Notices,
) -> Result<Report> {
    stack.inbox_tally().start();
    let follower = Follower::start(&stack.file()).await?;
    let promises = Arc::new(Promises::default());
    let stop = CancellationToken::new();
    let target = Arc::new(target(stack, settings.rate)?);
    let load = tokio::spawn(load::run(target, Arc::clone(&promises), settings.rate, stop.clone()));
    // However this ends, the load does not go on without it.
    let stop = stop.drop_guard();
    let began = Instant::now();
    let mut memory = Memory::default();
    let broken = tokio::select! {
        broken = break_things(stack, settings, rounds, began, notices) => broken?,
        () = watch(stack, &mut memory, began, &promises, notices) => Broken::default(),
    };
    drop(stop);
    let loaded = began.elapsed();
    notices.say("the load has ended; waiting until all is settled");
    let deadline = Instant::now() + SETTLE;
    load.await?;
    settled(&promises, &follower, deadline).await;
    memory.look(stack);
    let (made, counts, violations) = promises.content();
    let mut verdict = verdict::judge(
        &made,
        &follower.timelines(),
        &mails(stack.inbox_tally()),
        &broken.troubles,
        broken.gateways_died,
    );
    verdict.fault_count += usize::try_from(counts.violations).unwrap_or(usize::MAX);
    verdict.faults.extend(violations);
    Ok(Report { settings: settings.clone(), loaded, breakages: broken.count, verdict, counts, memory })
}

/// Clients reach the first of each service over a wire and the others directly.
fn target(stack: &Stack, rate: f64) -> Result<Target> {
    let of = |part, link, scheme: &str, path: &str| {
        let wire = stack.link(link)?.addresses().next();
        let others = stack.instances().into_iter().filter(|instance| instance.part == part && instance.number > 1);
        let direct = others.map(|instance| stack.address(instance)).collect::<Result<Vec<_>>>()?;
        Ok::<_, anyhow::Error>(wire.into_iter().chain(direct).map(|at| format!("{scheme}://{at}{path}")).collect())
    };
    Ok(Target {
        gateways: Gateways::new(of(Part::Gateway, Link::ClientGateway, "http", "")?)?,
        events: of(Part::Notifier, Link::ClientNotifier, "ws", "/v1/events")?,
        inbox: Reader::new(stack.file().inbox)?,
        verifies: load::verifies(rate),
        run: rand::random(),
    })
}

/// What was broken.
#[derive(Debug, Default)]
struct Broken {
    count: usize,
    troubles: Vec<Trouble>,
    gateways_died: bool,
}

/// Breaks one thing after the other, or two at once, until the time is over; then nothing is broken any more.
async fn break_things(
    stack: &Stack,
    settings: &Settings,
    rounds: impl IntoIterator<Item = Round>,
    began: Instant,
    notices: &Notices,
) -> Result<Broken> {
    let end = began + settings.lasts;
    let mut broken = Broken::default();
    for round in rounds {
        if round.steps.is_empty() || Instant::now() + round.pause >= end {
            break;
        }
        sleep(round.pause).await;
        if !settings.overlap && round.steps.iter().any(|step| step.breakage.takes_a_node()) {
            whole_again(stack).await?;
        }
        let from = Timestamp::now();
        for step in &round.steps {
            notices.say(&format!("{:6.1} s: {step}", began.elapsed().as_secs_f64()));
        }
        try_join_all(round.steps.iter().map(|step| step.breakage.last(stack, step.lasts))).await?;
        let until = Timestamp::now();
        broken.count += round.steps.len();
        broken.gateways_died |= round.steps.iter().any(|step| step.breakage.kills(Part::Gateway));
        let causes = round.steps.iter().filter_map(|step| step.breakage.can_cause());
        broken.troubles.extend(causes.map(|cause| Trouble { cause, from, until }));
    }
    sleep_until(end).await;
    Ok(broken)
}

/// Waits until every NATS server has caught up with what it missed: until then a cluster of three lacks one already.
async fn whole_again(stack: &Stack) -> Result<()> {
    for instance in stack.instances().into_iter().filter(|instance| instance.part == Part::Nats) {
        stack.ready(instance).await?;
    }
    Ok(())
}

/// Looks at memory, and says every minute how things are.
async fn watch(stack: &Stack, memory: &mut Memory, began: Instant, promises: &Promises, notices: &Notices) {
    let mut ticks = interval(memory::EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for tick in 0_u64.. {
        ticks.tick().await;
        memory.look(stack);
        if tick > 0 && tick.is_multiple_of(6) {
            notices.say(&format!("{:4} s: {} accepted", began.elapsed().as_secs(), promises.len()));
        }
    }
}

/// Waits until every promise has come to an end, as long as that can take.
async fn settled(promises: &Promises, follower: &Follower, deadline: Instant) {
    loop {
        let ids = promises.ids();
        if follower.ended(ids.iter()) == ids.len() || Instant::now() >= deadline {
            return;
        }
        sleep(SETTLE_POLL).await;
    }
}

/// What the relay has, by address.
fn mails(tally: &Tally) -> HashMap<String, Vec<Mail>> {
    let mut mails: HashMap<String, Vec<Mail>> = HashMap::new();
    tally.for_each(|message_id, copies| {
        mails.entry(copies.to.to_string()).or_default().push(Mail {
            message_id: message_id.to_owned(),
            kept: copies.kept,
            acknowledged: copies.acknowledged,
            first_at: copies.first_at,
            last_at: copies.last_at,
        });
    });
    mails
}
