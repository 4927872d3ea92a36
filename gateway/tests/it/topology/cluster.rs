//! Three masters and a replica: slots move, a master dies.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures_util::future::join_all;
use redis::Value;
use reqwest::{Method, StatusCode};

use super::load::{Load, SETTINGS};
use super::servers::{Server, becomes, until};
use crate::support::{Gateway, World};

/// The last slot of each of three masters.
const LAST: [u16; 3] = [5460, 10922, 16383];

/// Three masters and a replica of the first.
struct Members {
    servers: Vec<Server>,
    ids: Vec<String>,
}

impl Members {
    fn new() -> Self {
        let servers: Vec<Server> = (0..4).map(|_| Server::member()).collect();
        let ids: Vec<String> = servers.iter().map(|server| server.ask(&["CLUSTER", "MYID"]).unwrap()).collect();
        for (index, last) in LAST.into_iter().enumerate() {
            let first = if index == 0 { 0 } else { LAST[index - 1] + 1 };
            let range = [first.to_string(), last.to_string()];
            servers[index].ask::<()>(&["CLUSTER", "ADDSLOTSRANGE", &range[0], &range[1]]).unwrap();
            // Different epochs from the start, so that nobody has to sort out a collision later.
            servers[index].ask::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]).unwrap();
        }
        for server in &servers[1..] {
            let bus = bus_port(server);
            let (port, bus) = (server.port.to_string(), bus.to_string());
            servers[0].ask::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).unwrap();
        }
        let this = Self { servers, ids };
        until("all know the whole cluster", || {
            this.servers
                .iter()
                .all(|server| info(server).contains("cluster_state:ok") && nodes(server) == 4)
                .then_some(())
        });
        this.servers[3].ask::<()>(&["CLUSTER", "REPLICATE", &this.ids[0]]).unwrap();
        until("the replica follows", || {
            let role: Vec<Value> = this.servers[3].ask(&["ROLE"]).ok()?;
            (role.get(3)? == &Value::BulkString(b"connected".to_vec())).then_some(())
        });
        this
    }

    fn url(&self) -> String {
        format!("redis-cluster://{},{}", self.servers[1].address(), self.servers[2].address())
    }

    /// Moves a slot with all its keys, as the documentation of `CLUSTER SETSLOT` says.
    fn move_slot(&self, slot: u16, from: usize, to: usize) -> usize {
        self.begin(slot, from, to);
        let mut moved = 0;
        loop {
            let keys: Vec<String> =
                self.servers[from].ask(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "3"]).unwrap();
            if keys.is_empty() {
                break;
            }
            moved += keys.len();
            self.carry(&keys, from, to);
        }
        self.finish(slot, from, to);
        moved
    }

    fn begin(&self, slot: u16, from: usize, to: usize) {
        self.set_slot(to, slot, &["IMPORTING", &self.ids[from]]);
        self.set_slot(from, slot, &["MIGRATING", &self.ids[to]]);
    }

    fn carry(&self, keys: &[String], from: usize, to: usize) {
        let port = self.servers[to].port.to_string();
        let mut words = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
        words.extend(keys.iter().map(String::as_str));
        self.servers[from].ask::<()>(&words).unwrap();
    }

    fn finish(&self, slot: u16, from: usize, to: usize) {
        for server in [to, from, 3 - to - from] {
            self.set_slot(server, slot, &["NODE", &self.ids[to]]);
        }
    }

    fn set_slot(&self, server: usize, slot: u16, words: &[&str]) {
        self.servers[server].ask::<()>(&[&["CLUSTER", "SETSLOT", &slot.to_string()], words].concat()).unwrap();
    }

    /// The first key of this kind, its slot, and which master has it.
    fn find(&self, pattern: &str) -> (String, u16, usize) {
        let here = |server: usize| self.servers[server].keys(pattern).into_iter().next().map(|key| (key, server));
        let (key, server) = (0..3).find_map(here).unwrap();
        let slot = self.servers[server].ask(&["CLUSTER", "KEYSLOT", &key]).unwrap();
        (key, slot, server)
    }
}

/// Slots that are held half moved: what is single is asked for at the new owner, what belongs together waits.
async fn half_moved(redis: &Members, gateway: &Gateway) {
    gateway.accepted("alice@example.com").await;
    let (network, slot, from) = redis.find("otp:{ip-*");
    let to = (from + 1) % 3;
    redis.begin(slot, from, to);
    redis.carry(&[network], from, to);
    gateway.accepted("bob@example.com").await;
    redis.finish(slot, from, to);

    let (_, slot, from) = redis.find("otp:*:s");
    let to = (from + 1) % 3;
    redis.begin(slot, from, to);
    let both = ["alice@example.com", "bob@example.com"];
    let asked = join_all(both.iter().map(|email| gateway.create(email)));
    let finished = async {
        becomes("a request waits for the slot", async || waited(gateway).await.then_some(())).await;
        let keys: Vec<String> =
            redis.servers[from].ask(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "100"]).unwrap();
        redis.carry(&keys, from, to);
        redis.finish(slot, from, to);
    };
    let (answers, ()) = tokio::join!(asked, finished);
    for answer in answers {
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    }
    for email in both {
        assert_eq!(gateway.create(email).await.status.as_u16(), 429, "the limits went with the slot");
    }
}

async fn waited(gateway: &Gateway) -> bool {
    let metrics = reqwest::get(format!("http://{}/metrics", gateway.admin)).await.unwrap().text().await.unwrap();
    metrics.contains("otp_redis_again_total{why=\"try-again\"}")
        && metrics.contains("otp_redis_again_total{why=\"ask\"}")
}

fn bus_port(server: &Server) -> u16 {
    let nodes: String = server.ask(&["CLUSTER", "NODES"]).unwrap();
    let (_, rest) = nodes.split_once('@').unwrap();
    rest.split([' ', ',']).next().unwrap().parse().unwrap()
}

fn info(server: &Server) -> String {
    server.ask(&["CLUSTER", "INFO"]).unwrap_or_default()
}

fn nodes(server: &Server) -> usize {
    server.ask::<String>(&["CLUSTER", "NODES"]).map(|nodes| nodes.lines().count()).unwrap_or_default()
}

async fn ready(gateway: &Gateway) -> (u16, String) {
    let answer = gateway.send(gateway.request(Method::GET, "/ready")).await;
    (answer.status.as_u16(), answer.body.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_move_and_a_master_dies_under_load() {
    let world = World::new();
    let redis = Members::new();
    let url = redis.url();
    let settings = [&SETTINGS, [("OTP_REDIS_URL", url.as_str())].as_slice()].concat();
    let gateways = [Arc::new(world.gateway(&settings).await), Arc::new(world.gateway(&settings).await)];
    let limited = world.gateway(&[&settings, [("OTP_LIMIT_IP", "100/1h")].as_slice()].concat()).await;
    half_moved(&redis, &limited).await;
    let load = Load::start("r", &gateways);
    let seen = Arc::clone(&load.seen);
    let more = async |by: u32| {
        let before = seen.verified.load(Ordering::Relaxed);
        becomes("the load runs", async || (seen.verified.load(Ordering::Relaxed) > before + by).then_some(())).await;
    };
    more(20).await;
    let moving = Instant::now();
    // Slots of the second master in which something is, so that the move meets the load, and some that are empty.
    let (moved, keys, redis) = tokio::task::spawn_blocking(move || {
        let (mut moved, mut keys) = (0, 0);
        for slot in LAST[0] + 1..=LAST[0] + 1500 {
            keys += redis.move_slot(slot, 1, 2);
            moved += 1;
        }
        (moved, keys, redis)
    })
    .await
    .unwrap();
    let away = seen.unavailable.load(Ordering::Relaxed);
    println!("{moved} slots with {keys} keys moved in {:?}, meanwhile {away} times 503", moving.elapsed());
    assert!(keys > 0, "the move met no key");
    more(20).await;
    load.end("a resharding").await;

    let mut redis = redis;
    let load = Load::start("f", &gateways);
    let seen = Arc::clone(&load.seen);
    becomes("the load runs", async || (seen.verified.load(Ordering::Relaxed) > 20).then_some(())).await;
    redis.servers[0].stop();
    let died = Instant::now();
    let unready =
        becomes("it is noticed", async || Some(ready(&gateways[0]).await).filter(|(status, _)| *status == 503)).await;
    assert!(unready.1.contains("a master of Redis Cluster does not answer"), "{unready:?}");
    becomes("the replica takes over", async || (ready(&gateways[0]).await.0 == 200).then_some(())).await;
    println!("a dead master of three: ready again after {:?}", died.elapsed());
    let before = seen.verified.load(Ordering::Relaxed);
    becomes("the load runs", async || (seen.verified.load(Ordering::Relaxed) > before + 20).then_some(())).await;
    load.end("failover in a cluster").await;
    assert_eq!(redis.servers[3].role(), "master");
    gateways[0].accepted("last@example.com").await;
    assert_eq!(ready(&gateways[1]).await.0, StatusCode::OK.as_u16());
}
