//! Redis Cluster: which server owns which slot, as far as is known.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::{join_all, select_ok};
use otp_nats::bus::jittered;
use redis::{ConnectionInfo, RedisError, Value};
use tokio::time::Instant;

use super::address::{Address, moved};
use super::metrics::RedisMetrics;
use super::node::{Failure, Node, Source, away};

/// Slots of every cluster, from its specification.
const SLOTS: u16 = 16384;
/// The map is asked for so often at most: while slots move or a master is away, many calls find it wrong at once.
const REFRESH_EVERY: Duration = Duration::from_millis(100);
/// A server answers from memory; all known ones are asked at once, and the first answer counts.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);
/// Most servers that are kept connections to: the specification recommends no more than a thousand.
const MAX_NODES: usize = 1000;

/// Slots from `first` to `last` and their owner.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    first: u16,
    last: u16,
    owner: Address,
}

#[derive(Default)]
struct View {
    ranges: Vec<Range>,
    nodes: HashMap<Address, Arc<Node>>,
}

/// The servers of a cluster.
pub(super) struct Cluster {
    seeds: Vec<Address>,
    server: ConnectionInfo,
    view: RwLock<View>,
    stale: AtomicBool,
    not_before: tokio::sync::Mutex<Option<Instant>>,
    metrics: RedisMetrics,
}

impl Cluster {
    pub(super) fn new(seeds: Vec<Address>, server: ConnectionInfo, metrics: RedisMetrics) -> Self {
        let view = RwLock::new(View::default());
        Self { seeds, server, view, stale: AtomicBool::new(true), not_before: tokio::sync::Mutex::default(), metrics }
    }

    /// The server that owns a slot.
    pub(super) async fn owner(&self, slot: u16) -> Result<Arc<Node>, RedisError> {
        if self.stale.load(Ordering::Relaxed) {
            self.refresh().await;
        }
        let owner = owner_in(&self.read().ranges, slot).cloned();
        owner.map(|address| self.node(&address)).ok_or_else(|| away("no server is known to own the slot"))
    }

    /// The server of a redirection, `host:port`; an empty host stands for the one that answered.
    pub(super) fn named(&self, address: &str, slot: u16) -> Option<Arc<Node>> {
        let (host, port) = address.rsplit_once(':')?;
        let host = if host.is_empty() { owner_in(&self.read().ranges, slot)?.0.clone() } else { host.to_owned() };
        Some(self.node(&(host, port.parse().ok()?)))
    }

    /// Notes that the map was found wrong, or a server away: it is asked for before the next call.
    pub(super) fn doubt(&self) {
        self.stale.store(true, Ordering::Relaxed);
    }

    /// What is missing of a cluster that serves every slot.
    pub(super) async fn faults(&self, deadline: Instant) -> Vec<&'static str> {
        self.doubt();
        self.refresh().await;
        let (covered, owners) = {
            let view = self.read();
            let mut owners: Vec<Address> = view.ranges.iter().map(|range| range.owner.clone()).collect();
            owners.sort();
            owners.dedup();
            (view.ranges.iter().map(|range| u32::from(range.last - range.first) + 1).sum::<u32>(), owners)
        };
        if owners.is_empty() {
            return vec!["Redis does not answer"];
        }
        let ping = redis::cmd("PING");
        let answers = join_all(owners.iter().map(|owner| {
            let (node, ping) = (self.node(owner), &ping);
            async move { node.send(ping, false, deadline).await.is_ok() }
        }));
        let mut faults = Vec::new();
        if !answers.await.into_iter().all(|answered| answered) {
            faults.push("a master of Redis Cluster does not answer");
        }
        if covered < u32::from(SLOTS) {
            faults.push("Redis Cluster does not serve every slot");
        }
        faults
    }

    fn node(&self, address: &Address) -> Arc<Node> {
        if let Some(node) = self.read().nodes.get(address) {
            return Arc::clone(node);
        }
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        if view.nodes.len() >= MAX_NODES {
            view.nodes.clear();
        }
        let node = || Arc::new(self.server(address));
        Arc::clone(view.nodes.entry(address.clone()).or_insert_with(node))
    }

    fn server(&self, (host, port): &Address) -> Node {
        Node::new(Source::Fixed(Box::new(moved(&self.server, host, *port))), self.metrics.clone())
    }

    /// Asks for the map; keeps the old one when nobody answers.
    async fn refresh(&self) {
        let mut not_before = self.not_before.lock().await;
        if !self.stale.load(Ordering::Relaxed) || not_before.is_some_and(|time| Instant::now() < time) {
            return;
        }
        *not_before = Some(Instant::now() + jittered(REFRESH_EVERY));
        let mut addresses: Vec<Address> = self.read().ranges.iter().map(|range| range.owner.clone()).collect();
        addresses.extend(self.seeds.iter().cloned());
        addresses.sort();
        addresses.dedup();
        let asked = addresses.iter().map(|address| Box::pin(self.slots_from(address)));
        let Ok((ranges, _others)) = select_ok(asked).await else { return };
        self.stale.store(false, Ordering::Relaxed);
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        view.nodes.retain(|address, _| addresses.contains(address) || ranges.iter().any(|r| r.owner == *address));
        let taken_over = took_over(&view.ranges, &ranges);
        view.ranges = ranges;
        drop(view);
        if taken_over {
            self.metrics.failovers.inc();
        }
    }

    async fn slots_from(&self, asked: &Address) -> Result<Vec<Range>, Failure> {
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        let answer = self.node(asked).send(&command, false, Instant::now() + ANSWERS_WITHIN).await?;
        let ranges = read_ranges(&answer, &asked.0).filter(|ranges| !ranges.is_empty());
        ranges.ok_or_else(|| Failure::NotRun(away("no slots")))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether all slots of a server went to one that had none: a replica that took its place, not a resharding.
fn took_over(before: &[Range], after: &[Range]) -> bool {
    let gone = |range: &&Range| after.iter().all(|new| new.owner != range.owner);
    let fresh = |owner: &Address| before.iter().all(|old| old.owner != *owner);
    before.iter().filter(gone).any(|range| owner_in(after, range.first).is_some_and(fresh))
}

fn owner_in(ranges: &[Range], slot: u16) -> Option<&Address> {
    ranges.iter().find(|range| (range.first..=range.last).contains(&slot)).map(|range| &range.owner)
}

/// Reads `CLUSTER SLOTS`; a server without a name of its own is where it was asked.
fn read_ranges(answer: &Value, asked: &str) -> Option<Vec<Range>> {
    let Value::Array(entries) = answer else { return None };
    let read = |entry: &Value| {
        let Value::Array(parts) = entry else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(owner), ..] = parts.as_slice() else { return None };
        let [host, Value::Int(port), ..] = owner.as_slice() else { return None };
        let host = match host {
            Value::BulkString(name) if !name.is_empty() => String::from_utf8(name.clone()).ok()?,
            Value::BulkString(_) | Value::Nil => asked.to_owned(),
            _ => return None,
        };
        let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
        (first <= last && last < SLOTS).then_some(())?;
        Some(Range { first, last, owner: (host, u16::try_from(*port).ok()?) })
    };
    entries.iter().map(read).collect()
}

/// The slot of a key: CRC16 (XMODEM) of what stands between the first braces, or of the whole key.
pub(super) fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(key);
    let crc = hashed.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
    });
    crc % SLOTS
}

#[cfg(test)]
mod tests;
