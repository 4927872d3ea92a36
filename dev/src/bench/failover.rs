//! How long nobody is promised anything when the leader of three NATS nodes is killed.
//!
//! What the cluster itself makes of it is seen by a bare client that publishes at the same pace at the same time. It
//! publishes into the same stream, because each stream elects a leader in a time of its own that chance decides; how
//! another stream fared, with the same leader and as many replicas, is told beside it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::TryStreamExt as _;
use otp_nats::{EventKind, VerificationId, stream, subject};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Bench;
use super::accept::{forget, requests};
use super::figures::{Round, Row, Sample, Target, float};
use super::http::{Answer, Heard, Load};
use super::requests::id;
use crate::accepted::Accepted;
use crate::process::Signal;
use crate::stack::{NatsNodes, Part, Stack};
use bare::Bare;
use nodes::{Nodes, Wait};

mod bare;
mod nodes;

/// Requests, and publishes of each bare client, in a second: two successes are hardly further apart than this allows.
const RATE: f64 = 50.0;
/// Clients of the gateway, enough that the rate is kept up while each is held for some seconds.
const CONNECTIONS: u64 = 400;
/// Leaders that are killed in a run.
const KILLS: usize = 3;
/// So many successes are seen before the blow, and after it is over.
const ENOUGH: usize = 50;
/// A dead leader is noticed after 4 s at the soonest: who succeeds later than that after the blow has a new one.
const ELECTION_MIN: Duration = Duration::from_secs(4);
/// Load goes on so long at most.
const LASTS: Duration = Duration::from_secs(90);
/// The stream of the bare client that has its own.
const OWN: &str = "BENCH_FAILOVER";
const OWN_SUBJECT: &str = "bench.failover";

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "failover",
        figure: "longest time without a 202 when the leader of three nodes is killed, which the gateway is connected to",
        anchor: "without an acknowledgement, a bare client of the other nodes, same stream",
        unit: "s",
        target: Target::TimesAtMost(1.5),
    },
    Row {
        name: "failover-own",
        figure: "the same",
        anchor: "the bare client on a stream of its own with the same leader",
        unit: "s",
        target: Target::Told,
    },
];

pub(super) async fn run(bench: &Bench) -> Result<Vec<Round>> {
    let mut server = None;
    let stack = bench.stack(|options| {
        options.nats_nodes = NatsNodes::Three;
        server = Some(options.programs.nats.clone());
    });
    let stack = stack.await?;
    let server = std::process::Command::new(server.context("no server")?).arg("--version").output()?;
    let server = String::from_utf8_lossy(&server.stdout).trim().to_owned();
    // What is promised stays in the stream, to be counted.
    for part in [Part::Mailer, Part::Notifier] {
        stack.hold(part, Signal::Terminate).await?;
    }
    let nodes = Nodes::new(&stack).await?;
    nodes.make(OWN, &format!("{OWN_SUBJECT}.*")).await?;
    let mut rounds = Vec::new();
    for _ in 0..bench.runs {
        let mut notes = vec![server.clone()];
        let (mut gateway, mut same, mut own) = (0.0, 0.0, 0.0);
        for _ in 0..if bench.quick { 1 } else { KILLS } {
            let gaps = blow(&stack, &nodes).await?;
            gateway += gaps.gateway;
            same += gaps.same;
            own += gaps.own;
            notes.push(gaps.told);
        }
        let kills = float(notes.len() - 1);
        rounds.push(Round {
            samples: vec![
                Sample::new("failover", gateway / kills, same / kills),
                Sample::new("failover-own", gateway / kills, own / kills),
            ],
            notes,
        });
    }
    nodes.jetstream.delete_stream(OWN).await?;
    stack.stop().await;
    Ok(rounds)
}

/// Seconds without a success.
struct Gaps {
    gateway: f64,
    same: f64,
    own: f64,
    told: String,
}

/// Kills the node that leads both streams and serves the gateway, and brings it back.
async fn blow(stack: &Stack, nodes: &Nodes<'_>) -> Result<Gaps> {
    let node = nodes.serves_gateway().await?;
    for name in [stream::REQUESTS, OWN] {
        nodes.whole(name).await?;
        nodes.lead(name, node).await?;
    }
    for name in [stream::REQUESTS, OWN] {
        nodes.whole(name).await?;
        ensure!(nodes.leader(name).await == Some(node), "{node} does not lead {name} any more");
    }
    let clients = Clients::start(stack)?;
    let run = rand::random();
    let others = nodes.operator_besides(node).await?;
    let same = Bare::start(others.clone(), move |number| format!("otp.requested.{}", id(run, number)));
    let own = Bare::start(others, move |number| format!("{OWN_SUBJECT}.{run}-{number}"));
    let started = Instant::now();
    let succeed = |moment: Instant| {
        [clients.since(moment), same.since(moment), own.since(moment)].iter().all(|seen| *seen >= ENOUGH)
    };
    let wait = Wait::new("all to succeed");
    while !succeed(started) {
        wait.a_moment().await?;
    }
    let killed = Instant::now();
    stack.hold(node, Signal::Kill).await?;
    let wait = Wait::new("all to succeed again");
    while !succeed(killed + ELECTION_MIN) {
        wait.a_moment().await?;
    }
    let (seen, same, own) = (clients.end()?, same.end(), own.end());
    stack.release(node).await?;
    nodes.whole(stream::REQUESTS).await?;
    let kept = kept(nodes).await?;
    let lost = seen.promised.iter().filter(|(_, id)| !kept.contains(&subject::event(EventKind::Requested, id))).count();
    ensure!(lost == 0, "{lost} of {} promised requests are lost", seen.promised.len());
    let bare_lost = same.iter().filter(|(_, number)| !kept.contains(&format!("otp.requested.{}", id(run, *number))));
    let bare_lost = bare_lost.count();
    forget(stack).await?;
    nodes.jetstream.get_stream(OWN).await?.purge().await?;
    let gateway = longest_gap(seen.promised.iter().map(|(at, _)| *at), killed);
    let bare = longest_gap(same.iter().map(|(at, _)| *at), killed);
    let own = longest_gap(own.iter().map(|(at, _)| *at), killed);
    let told = format!(
        "{node}: gap {gateway:.2} s, bare {bare:.2} s ({:.2}x), on a stream of its own {own:.2} s; {} promised and all \
         there, {} refused; of {} bare ones {bare_lost} lost",
        gateway / bare,
        seen.promised.len(),
        seen.refused,
        same.len()
    );
    Ok(Gaps { gateway, same: bare, own, told })
}

/// The subjects of all requests that the stream has.
async fn kept(nodes: &Nodes<'_>) -> Result<HashSet<String>> {
    let requests = nodes.jetstream.get_stream(stream::REQUESTS).await?;
    let found = requests.info_with_subjects(subject::all_of(EventKind::Requested)).await?;
    Ok(found.map_ok(|(subject, _count)| subject).try_collect().await?)
}

/// Seconds.
fn longest_gap(moments: impl Iterator<Item = Instant>, since: Instant) -> f64 {
    let mut moments: Vec<Instant> = moments.filter(|moment| *moment > since).chain([since]).collect();
    moments.sort_unstable();
    let gaps = moments.iter().zip(moments.iter().skip(1)).map(|(earlier, later)| *later - *earlier);
    gaps.max().unwrap_or_default().as_secs_f64()
}

/// Clients of the gateway that ask at a steady rate, whatever becomes of what they asked before.
struct Clients {
    promised: Arc<Mutex<Vec<(Instant, VerificationId)>>>,
    refused: Arc<AtomicU64>,
    strange: Arc<AtomicU64>,
    task: JoinHandle<Result<Heard>>,
}

/// What they were told.
struct Seen {
    promised: Vec<(Instant, VerificationId)>,
    refused: u64,
}

impl Clients {
    fn start(stack: &Stack) -> Result<Self> {
        let (promised, refused, strange) = (Arc::<Mutex<Vec<_>>>::default(), Arc::default(), Arc::default());
        let (noting, refusals, others) = (Arc::clone(&promised), Arc::clone(&refused), Arc::clone(&strange));
        let answered = move |_number: u64, answer: &Answer<'_>, _due: Instant| {
            let now = Instant::now();
            let accepted = (answer.status == 202).then(|| serde_json::from_slice::<Accepted>(answer.body));
            match (answer.status, accepted) {
                (_, Some(Ok(Accepted { id, .. }))) => {
                    noting.lock().unwrap_or_else(PoisonError::into_inner).push((now, id));
                }
                (503, _) => drop(AtomicU64::fetch_add(&refusals, 1, Ordering::Relaxed)),
                _ => drop(AtomicU64::fetch_add(&others, 1, Ordering::Relaxed)),
            }
        };
        let load = Load {
            connections: CONNECTIONS,
            answered: Some(Arc::new(answered)),
            ..requests(stack.address(Part::Gateway)?)
        };
        let task = tokio::spawn(async move { load.paced(RATE, LASTS).await });
        Ok(Self { promised, refused, strange, task })
    }

    /// How many were promised something after this moment.
    fn since(&self, moment: Instant) -> usize {
        let promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner);
        promised.iter().filter(|(at, _)| *at > moment).count()
    }

    /// Ends at once: who is not answered yet was promised nothing.
    fn end(self) -> Result<Seen> {
        if self.task.is_finished() {
            bail!("the load has ended before its time");
        }
        self.task.abort();
        let strange = self.strange.load(Ordering::Relaxed);
        ensure!(strange == 0, "{strange} answers were neither 202 nor 503");
        let promised = std::mem::take(&mut *self.promised.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Seen { promised, refused: self.refused.load(Ordering::Relaxed) })
    }
}
