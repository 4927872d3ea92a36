//! The way to Redis, whatever its topology: where a call goes, and when it is sent again.
//!
//! A call is sent again when the server said that it has not run it (it is loading, read-only, or not the owner of the
//! slot), and once when the connection broke: every script gives the same answer to a second run and counts nothing. An
//! answer that does not come in time is not waited for any longer; the caller takes back what may have been done.

use std::sync::Arc;
use std::time::Duration;

use otp_nats::bus::jittered;
use redis::{ErrorKind, RedisError, ServerErrorKind, Value};
use tokio::time::Instant;

use super::address::Topology;
use super::call::{Call, Sending};
use super::cluster::{Cluster, slot};
use super::metrics::RedisMetrics;
use super::node::{Failure, Node, Source, away};
use super::sentinel::Sentinel;

/// Redirections and pauses of one call; its deadline nearly always ends it first.
const MAX_STEPS: u32 = 32;
/// The first pause before a server is asked again that could not serve the call; they double up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// A slot moves within milliseconds, a server that loads or is promoted takes seconds.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// `/ready` writes this key: a server that takes no writes is not ready. It ends by itself.
const PROBE: (&str, u64) = ("otp:{ready}", 10_000);

/// Why a call has no answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    /// The last error.
    pub(super) error: RedisError,
    /// Whether it may have been run.
    pub(super) may_have_run: bool,
}

/// The servers.
pub(super) enum Link {
    /// One at a time.
    Node(Arc<Node>, RedisMetrics),
    /// Several, each with its slots.
    Cluster(Box<Cluster>, RedisMetrics),
}

/// Where a call goes next.
struct Target {
    node: Arc<Node>,
    asking: bool,
}

/// What to do after a server refused a call.
enum Advice {
    Redirected(Target),
    /// The same server, with the script's text.
    WithText,
    Wait(&'static str),
    GiveUp,
}

impl Link {
    pub(super) fn new(topology: &Topology, metrics: &RedisMetrics) -> Self {
        let node = |source| Self::Node(Arc::new(Node::new(source, metrics.clone())), metrics.clone());
        match topology {
            Topology::Single(server) => node(Source::Fixed(Box::new(server.clone()))),
            Topology::Sentinel { sentinels, master, server } => {
                let sentinel = Sentinel::new(sentinels.clone(), master.clone(), server.clone());
                node(Source::Sentinel(Box::new(sentinel)))
            }
            Topology::Cluster { seeds, server } => {
                let cluster = Cluster::new(seeds.clone(), server.clone(), metrics.clone());
                Self::Cluster(Box::new(cluster), metrics.clone())
            }
        }
    }

    /// The answer to a call.
    pub(super) async fn call(
        &self,
        call: &Call,
        not_after: Option<i64>,
        deadline: Instant,
    ) -> Result<Value, Unanswered> {
        let slot = slot(call.first_key());
        let mut sending = Sending { not_after, again: false, with_text: false };
        let (mut pause, mut target) = (SHORTEST_PAUSE, None);
        let mut last = away("too many redirections");
        for _ in 0..MAX_STEPS {
            let here = match target.take() {
                Some(target) => target,
                None => self.owner(slot).await.map_err(|error| unanswered(error, sending.again))?,
            };
            match here.node.send(&call.command(sending), here.asking, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::NotRun(error)) => {
                    match self.advice(&error, slot) {
                        Advice::Redirected(there) => target = Some(there),
                        Advice::WithText if sending.with_text => return Err(unanswered(error, sending.again)),
                        Advice::WithText => {
                            sending.with_text = true;
                            target = Some(here);
                        }
                        Advice::Wait(why) => {
                            let wait = jittered(pause);
                            if Instant::now() + wait >= deadline {
                                return Err(unanswered(error, sending.again));
                            }
                            self.metrics().again(why);
                            tokio::time::sleep(wait).await;
                            pause = (pause * 2).min(LONGEST_PAUSE);
                        }
                        Advice::GiveUp => return Err(unanswered(error, sending.again)),
                    }
                    last = error;
                }
                Err(Failure::Broken(error)) => {
                    self.doubt();
                    if sending.again || !error.is_connection_dropped() {
                        return Err(unanswered(error, true));
                    }
                    self.metrics().again("broken");
                    sending.again = true;
                    last = error;
                }
                Err(Failure::Silent) => {
                    self.doubt();
                    return Err(unanswered(away("no answer in time"), true));
                }
            }
        }
        Err(unanswered(last, sending.again))
    }

    /// What keeps Redis from taking calls, one phrase each.
    pub(super) async fn faults(&self, deadline: Instant) -> Vec<&'static str> {
        match self {
            Self::Node(node, _) => {
                let (key, life) = PROBE;
                let mut command = redis::cmd("SET");
                command.arg(key).arg(1).arg("PX").arg(life);
                match node.send(&command, false, deadline).await {
                    Ok(_) => Vec::new(),
                    Err(Failure::NotRun(error)) if error.kind() != ErrorKind::Io => vec!["Redis takes no writes"],
                    Err(Failure::NotRun(_) | Failure::Broken(_) | Failure::Silent) => vec!["Redis does not answer"],
                }
            }
            Self::Cluster(cluster, _) => cluster.faults(deadline).await,
        }
    }

    async fn owner(&self, slot: u16) -> Result<Target, RedisError> {
        let node = match self {
            Self::Node(node, _) => Arc::clone(node),
            Self::Cluster(cluster, _) => cluster.owner(slot).await?,
        };
        Ok(Target { node, asking: false })
    }

    fn advice(&self, error: &RedisError, slot: u16) -> Advice {
        let ErrorKind::Server(kind) = error.kind() else {
            self.doubt();
            return Advice::GiveUp;
        };
        match kind {
            ServerErrorKind::NoScript => Advice::WithText,
            ServerErrorKind::Moved | ServerErrorKind::Ask => {
                let Self::Cluster(cluster, metrics) = self else { return Advice::GiveUp };
                let asking = kind == ServerErrorKind::Ask;
                metrics.again(if asking { "ask" } else { "moved" });
                if !asking {
                    cluster.doubt();
                }
                let named = error.redirect_node().and_then(|(address, _)| cluster.named(address, slot));
                named.map_or(Advice::GiveUp, |node| Advice::Redirected(Target { node, asking }))
            }
            ServerErrorKind::TryAgain => Advice::Wait("try-again"),
            ServerErrorKind::BusyLoading => Advice::Wait("loading"),
            ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::ClusterDown => {
                self.doubt();
                Advice::Wait("no-master")
            }
            _ => Advice::GiveUp,
        }
    }

    /// Notes that the servers may have changed their parts.
    fn doubt(&self) {
        match self {
            Self::Node(..) => {}
            Self::Cluster(cluster, _) => cluster.doubt(),
        }
    }

    const fn metrics(&self) -> &RedisMetrics {
        match self {
            Self::Node(_, metrics) | Self::Cluster(_, metrics) => metrics,
        }
    }
}

const fn unanswered(error: RedisError, may_have_run: bool) -> Unanswered {
    Unanswered { error, may_have_run }
}
