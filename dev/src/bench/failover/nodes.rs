//! The nodes of a cluster as an operator sees them: who leads, who has what, who serves whom.

use std::time::Duration;

use anyhow::{Result, ensure};
use async_nats::ConnectOptions;
use async_nats::jetstream;
use async_nats::jetstream::stream::Config;
use serde::Deserialize;
use tokio::time::Instant;

use crate::stack::{Instance, NatsNodes, Stack, http_client};

/// What takes longer is broken.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// A leader that was asked to hand over has done so within this time.
const HAND_OVER: Duration = Duration::from_secs(1);

/// An operator of all nodes.
pub(super) struct Nodes<'s> {
    stack: &'s Stack,
    pub(super) jetstream: jetstream::Context,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Clients {
    connections: Vec<Client>,
}

#[derive(Deserialize)]
struct Client {
    #[serde(default)]
    name: String,
}

impl<'s> Nodes<'s> {
    pub(super) async fn new(stack: &'s Stack) -> Result<Self> {
        let jetstream = jetstream::new(stack.file().connect_nats().await?);
        Ok(Self { stack, jetstream, http: http_client()? })
    }

    /// A connection that keeps away from this node.
    pub(super) async fn operator_besides(&self, node: Instance) -> Result<jetstream::Context> {
        let file = self.stack.file();
        let others = file.nats_nodes.iter().filter(|(name, _)| **name != node.to_string()).map(|(_, url)| url);
        Ok(jetstream::new(file.connect_nats_at(others, ConnectOptions::new()).await?))
    }

    /// Makes a stream with a replica on each node.
    pub(super) async fn make(&self, name: &str, subjects: &str) -> Result<()> {
        let config =
            Config { name: name.to_owned(), subjects: vec![subjects.to_owned()], num_replicas: 3, ..Config::default() };
        self.jetstream.create_stream(config).await?;
        Ok(())
    }

    /// The node that leads a stream; `None` while none does.
    pub(super) async fn leader(&self, stream: &str) -> Option<Instance> {
        let info = self.jetstream.get_stream(stream).await.ok()?;
        Instance::of(info.cached_info().cluster.as_ref()?.leader.as_ref()?)
    }

    /// Waits until every node has all of a stream: who hands over before that hands over to one that lags.
    pub(super) async fn whole(&self, stream: &str) -> Result<()> {
        let what = format!("three whole copies of {stream}");
        let wait = Wait::new(&what);
        while !self.is_whole(stream).await {
            wait.a_moment().await?;
        }
        Ok(())
    }

    async fn is_whole(&self, stream: &str) -> bool {
        let Ok(info) = self.jetstream.get_stream(stream).await else { return false };
        info.cached_info().cluster.as_ref().is_some_and(|cluster| {
            let current = cluster.replicas.iter().filter(|replica| replica.current && !replica.offline).count();
            cluster.leader.is_some() && current == 2
        })
    }

    /// Has the leader of a stream hand over until this node leads.
    pub(super) async fn lead(&self, stream: &str, node: Instance) -> Result<()> {
        let what = format!("{node} to lead {stream}");
        let (wait, mut asked) = (Wait::new(&what), None);
        loop {
            let leader = self.leader(stream).await;
            if leader == Some(node) {
                return Ok(());
            }
            // It may be elected again, and is asked again then.
            let again = asked.is_none_or(|(whom, at): (_, Instant)| whom != leader || at.elapsed() > HAND_OVER);
            if leader.is_some() && again {
                let subject = format!("$JS.API.STREAM.LEADER.STEPDOWN.{stream}");
                self.jetstream.client().request(subject, "".into()).await?;
                asked = Some((leader, Instant::now()));
            }
            wait.a_moment().await?;
        }
    }

    /// The node that the gateway is connected to.
    pub(super) async fn serves_gateway(&self) -> Result<Instance> {
        let wait = Wait::new("the gateway's connection");
        loop {
            for node in NatsNodes::Three.instances() {
                let url = format!("http://{}/connz", self.stack.monitor(node)?);
                let Ok(answer) = self.http.get(url).timeout(PATIENCE).send().await else { continue };
                let clients: Clients = answer.json().await?;
                if clients.connections.iter().any(|client| client.name == "otp-gateway") {
                    return Ok(node);
                }
            }
            wait.a_moment().await?;
        }
    }
}

/// Looks again and again whether something is so, for a while.
pub(super) struct Wait<'w> {
    what: &'w str,
    deadline: Instant,
}

impl<'w> Wait<'w> {
    /// For what it is waited.
    pub(super) fn new(what: &'w str) -> Self {
        Self { what, deadline: Instant::now() + PATIENCE }
    }

    /// Until the next look; an error when there were enough of them.
    pub(super) async fn a_moment(&self) -> Result<()> {
        ensure!(Instant::now() < self.deadline, "waited in vain for {}", self.what);
        tokio::time::sleep(LOOK).await;
        Ok(())
    }
}
