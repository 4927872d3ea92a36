//! The nodes of a cluster as an operator sees them: who leads, who serves whom.

use std::time::{Duration, Instant};

use async_nats::jetstream;
use otp_dev::stack::{Instance, NatsNodes};
use serde_json::Value;

use crate::support::{System, eventually};

/// A leader that was asked to hand over has done so within this time.
const HAND_OVER: Duration = Duration::from_secs(1);

/// An operator's connection to these nodes.
pub(super) async fn operator(system: &System, nodes: impl Iterator<Item = Instance>) -> jetstream::Context {
    let file = system.stack.file();
    let urls = nodes.map(|node| &file.nats_nodes[&node.to_string()]);
    jetstream::new(file.connect_nats_at(urls, async_nats::ConnectOptions::new()).await.expect("connected"))
}

/// All nodes.
pub(super) fn all() -> impl Iterator<Item = Instance> {
    NatsNodes::Three.instances()
}

/// All nodes but this one.
pub(super) fn others(node: Instance) -> impl Iterator<Item = Instance> {
    all().filter(move |other| *other != node)
}

/// The node that leads a stream; `None` while none does.
pub(super) async fn leader(jetstream: &jetstream::Context, stream: &str) -> Option<Instance> {
    let info = jetstream.get_stream(stream).await.ok()?;
    Instance::of(info.cached_info().cluster.as_ref()?.leader.as_ref()?)
}

/// Waits until every node has all of a stream: who hands over before that hands over to one that lags.
pub(super) async fn whole(jetstream: &jetstream::Context, stream: &str) {
    eventually(&format!("three whole copies of {stream}"), async || {
        let info = jetstream.get_stream(stream).await.ok()?;
        let cluster = info.cached_info().cluster.as_ref()?;
        let current = cluster.replicas.iter().filter(|replica| replica.current && !replica.offline).count();
        (cluster.leader.is_some() && current == 2).then_some(())
    })
    .await;
}

/// Has the leader of a stream hand over until this node leads.
pub(super) async fn lead(jetstream: &jetstream::Context, stream: &str, node: Instance) {
    let mut asked = None;
    eventually(&format!("{node} to lead {stream}"), async || {
        let now = leader(jetstream, stream).await?;
        // It may be elected again, and is asked again then.
        let again = asked.is_none_or(|(whom, at): (Instance, Instant)| whom != now || at.elapsed() > HAND_OVER);
        if now != node && again {
            let subject = format!("$JS.API.STREAM.LEADER.STEPDOWN.{stream}");
            jetstream.client().request(subject, "".into()).await.ok()?;
            asked = Some((now, Instant::now()));
        }
        (now == node).then_some(())
    })
    .await;
}

/// The node that the first gateway is connected to.
pub(super) async fn serves_gateway(system: &System) -> Instance {
    eventually("the gateway's connection", async || {
        for node in all() {
            if clients(system, node).await?.iter().any(|name| name == "otp-gateway") {
                return Some(node);
            }
        }
        None
    })
    .await
}

/// The names of a node's clients.
async fn clients(system: &System, node: Instance) -> Option<Vec<String>> {
    let url = format!("http://{}/connz", system.stack.monitor(node).expect("a node"));
    let answer: Value = system.client.get(url).timeout(Duration::from_secs(5)).send().await.ok()?.json().await.ok()?;
    let names = answer["connections"].as_array()?.iter().filter_map(|connection| connection["name"].as_str());
    Some(names.map(str::to_owned).collect())
}
