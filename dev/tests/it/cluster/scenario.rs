//! One cluster and all that happens to it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use otp_dev::process::Signal;
use otp_dev::proxy::Fault;
use otp_dev::stack::{Instance, NatsNodes, Part};

use super::anchor::Anchor;
use super::ledger::Ledger;
use super::load::{Load, Outcome, longest_gap};
use super::nodes;
use crate::support::{System, eventually};

const REQUESTS: &str = "OTP_REQUESTS";
/// So many requests are accepted before something breaks, and go through after it is over.
const ENOUGH: usize = 40;
/// A dead leader is noticed after 4 s at the soonest: who succeeds later than that after a fault has a new leader.
const ELECTION_MIN: Duration = Duration::from_secs(4);
/// What is not mailed by then waits for more than its `ack_wait`.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// How long the gateway waits for JetStream before it refuses.
const HOLD: Duration = Duration::from_secs(3);
/// Scheduling and HTTP on a machine that does other things as well.
const MARGIN: Duration = Duration::from_secs(3);
/// The gateway's gap in terms of the bare client's.
const RATIO_MAX: f64 = 1.5;
/// Below this, two gaps differ by what a busy machine does to timers.
const GAP_NOISE: Duration = Duration::from_secs(1);

/// What happens to the node that leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// SIGKILL, and it stays away until the others have gone on.
    Killed,
    /// SIGSTOP, likewise.
    Stopped,
    /// No byte passes between it and the other nodes; clients still reach it.
    CutOff,
    /// It is restarted, and so are the others, each when the one before it is ready again.
    Rolled,
}

/// A stack on three nodes.
pub(super) struct Cluster {
    system: System,
    operator: jetstream::Context,
    ledger: Ledger,
    /// Whether the server is one of those that may not find their way back.
    may_need_help: bool,
}

impl Cluster {
    pub(super) async fn start(server: PathBuf) -> Self {
        let version = std::process::Command::new(&server).arg("--version").output().expect("a version").stdout;
        let version = String::from_utf8_lossy(&version).trim().to_owned();
        println!("== {version}");
        let system = System::with(|options| {
            options.nats_nodes = NatsNodes::Three;
            options.proxied = true;
            options.programs.nats = server;
            for name in ["OTP_LIMIT_IP", "OTP_LIMIT_RECIPIENT", "OTP_DNS_POLICY"] {
                options.caller.set(name, "off");
            }
        })
        .await;
        let operator = nodes::operator(&system, nodes::all()).await;
        Self { system, operator, ledger: Ledger::default(), may_need_help: version.contains("v2.9.") }
    }

    /// The node that leads the requests' stream and that the gateway is connected to is taken away and comes back.
    pub(super) async fn suffer(mut self, blow: Blow) {
        let node = nodes::serves_gateway(&self.system).await;
        nodes::whole(&self.operator, REQUESTS).await;
        nodes::lead(&self.operator, REQUESTS, node).await;
        nodes::whole(&self.operator, REQUESTS).await;
        let (load, anchor) = self.load(node, &format!("{blow:?}.test").to_lowercase()).await;
        let broken = Instant::now();
        self.strike(node, blow).await;
        let since = if blow == Blow::Rolled { Instant::now() } else { broken + ELECTION_MIN };
        eventually("the bare client to publish again", async || (anchor.since(since) >= ENOUGH).then_some(())).await;
        eventually("requests to be accepted again", async || {
            let accepted = |outcome: &&Outcome| outcome.began > since && outcome.answer.status == 202;
            load.look(|outcomes| outcomes.iter().filter(accepted).count() >= ENOUGH).then_some(())
        })
        .await;
        self.relieve(node, blow).await;
        let refused = self.judge(&format!("{blow:?}"), load, anchor, broken).await;
        assert!(refused > 0 || blow == Blow::Rolled, "an election takes longer than a request is held");
        if !self.ledger.mailed_within(&self.system, STUCK_AFTER).await {
            self.remedy(node, "requests wait in the stream and no mailer gets them").await;
        }
        self.ledger.settle(&self.system).await;
        self.system.stack.stop().await;
    }

    async fn strike(&self, node: Instance, blow: Blow) {
        let stack = &self.system.stack;
        match blow {
            Blow::Killed => stack.hold(node, Signal::Kill).await.expect("held"),
            Blow::Stopped => stack.kill(node, Signal::Stop).await.expect("stopped"),
            Blow::CutOff => stack.cut_off(node, Fault::Stall).expect("cut off"),
            Blow::Rolled => {
                for node in [node].into_iter().chain(nodes::others(node)) {
                    stack.restart(node).await.expect("restarted");
                }
            }
        }
    }

    async fn relieve(&self, node: Instance, blow: Blow) {
        let stack = &self.system.stack;
        match blow {
            Blow::Killed => stack.release(node).await.expect("released"),
            Blow::Stopped => stack.kill(node, Signal::Continue).await.expect("goes on"),
            Blow::CutOff => stack.cut_off(node, Fault::None).expect("connected again"),
            Blow::Rolled => {}
        }
        if let Err(error) = stack.ready(node).await {
            self.remedy(node, &format!("{error:#}")).await;
        }
        for part in Part::SERVICES {
            stack.ready(part).await.expect("ready by itself");
        }
    }

    /// Restarts a node that does not find its way back by itself: nats-server 2.9 has been seen to leave one behind the
    /// others for good, or to leave it in charge of a consumer that gives nothing, after it had hung. What was acknowledged
    /// is there all the same. A newer server gets no such help.
    async fn remedy(&self, node: Instance, why: &str) {
        assert!(self.may_need_help, "{why}");
        println!("{node} is restarted, as docs/OPERATIONS.md has it: {}", why.lines().next().unwrap_or_default());
        self.system.stack.restart(node).await.expect("restarted");
        self.system.stack.ready(node).await.expect("ready after a restart");
    }

    /// Load, and beside it the bare client, which keeps away from this node.
    async fn load(&mut self, node: Instance, domain: &str) -> (Load, Anchor) {
        let api = self.system.api();
        let asked = eventually("a first request", async || {
            let answer = api.ask(&serde_json::json!({"email": format!("first@{domain}")})).await;
            (answer.status == 202).then(|| answer.accepted())
        })
        .await;
        self.ledger.promise(format!("first@{domain}"), asked.clone());
        let anchor = Anchor::start(nodes::operator(&self.system, nodes::others(node)).await, &asked);
        let start = Instant::now();
        let load = Load::start(&api, &format!("load.{domain}"));
        eventually("load", async || {
            let enough = load.look(|outcomes| outcomes.len() >= ENOUGH);
            (enough && anchor.since(start) >= ENOUGH).then_some(())
        })
        .await;
        (load, anchor)
    }

    /// Compares the gaps and looks at each answer. How many requests were refused.
    async fn judge(&mut self, what: &str, load: Load, anchor: Anchor, broken: Instant) -> usize {
        let (outcomes, acknowledged) = (load.end().await, anchor.end().await);
        let accepted = outcomes.iter().filter(|outcome| outcome.answer.status == 202);
        let gap = longest_gap(accepted.map(|outcome| outcome.ended), broken);
        let bare = longest_gap(acknowledged.into_iter(), broken);
        let refused: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.answer.status != 202).collect();
        let ratio = gap.as_secs_f64() / bare.as_secs_f64();
        println!(
            "{what}: gap {:.2} s, a bare client's {:.2} s, ratio {ratio:.2}; {} accepted, {} refused, held {:.2} to {:.2} s",
            gap.as_secs_f64(),
            bare.as_secs_f64(),
            outcomes.len() - refused.len(),
            refused.len(),
            refused.iter().map(|outcome| outcome.took()).min().unwrap_or_default().as_secs_f64(),
            refused.iter().map(|outcome| outcome.took()).max().unwrap_or_default().as_secs_f64(),
        );
        for outcome in &refused {
            outcome.answer.problem(503, "unavailable");
            let took = outcome.took();
            assert!(took > HOLD.mul_f64(0.8), "refused after {took:?} already");
            assert!(took < HOLD + MARGIN, "refused after {took:?} only");
        }
        assert!(gap <= bare.mul_f64(RATIO_MAX) || gap <= bare + GAP_NOISE, "{what}: {gap:?} against {bare:?}");
        self.ledger.note(&outcomes);
        refused.len()
    }
}
