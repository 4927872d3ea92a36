//! A master, two replicas and three Sentinels: the master dies, hangs, and comes back as a replica.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use redis::Value;
use reqwest::StatusCode;

use super::load::{Load, SETTINGS};
use super::servers::{Server, becomes, until};
use crate::support::{Gateway, World, wrong};

/// Servers that watch each other.
struct Watched {
    servers: Vec<Server>,
    sentinels: Vec<Server>,
}

impl Watched {
    fn new() -> Self {
        let master = Server::new(&["--appendonly", "yes"]);
        let replicas = [Server::replica_of(&master), Server::replica_of(&master)];
        let online = || {
            let role: Vec<Value> = master.ask(&["ROLE"]).ok()?;
            matches!(role.get(2)?, Value::Array(replicas) if replicas.len() == 2).then_some(())
        };
        until("both replicas follow", online);
        let sentinels: Vec<Server> = (0..3).map(|_| Server::sentinel(master.port)).collect();
        let knows = |sentinel: &Server, what: &str| {
            sentinel.ask::<Vec<Value>>(&["SENTINEL", what, "otp"]).is_ok_and(|known| known.len() == 2)
        };
        let all = || sentinels.iter().all(|one| knows(one, "SENTINELS") && knows(one, "REPLICAS")).then_some(());
        until("the Sentinels know all", all);
        let servers = [master].into_iter().chain(replicas).collect();
        Self { servers, sentinels }
    }

    fn url(&self) -> String {
        let hosts: Vec<String> = self.sentinels.iter().map(|sentinel| sentinel.address().to_string()).collect();
        format!("redis-sentinel://{}/otp", hosts.join(","))
    }

    /// The place of the only master among the servers that run.
    fn master(&self, not: usize) -> usize {
        let others = || (0..self.servers.len()).filter(|index| *index != not);
        until("another is master", || others().find(|index| self.servers[*index].role() == "master"))
    }
}

async fn served(what: &str, gateway: &Gateway, since: Instant) {
    becomes("it is served again", async || {
        (gateway.create("probe@example.com").await.status != StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    println!("{what}: served again after {:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_opens_no_limit_and_uses_no_code_twice() {
    let world = World::new();
    let mut redis = Watched::new();
    let url = redis.url();
    let settings = [&SETTINGS, [("OTP_REDIS_URL", url.as_str())].as_slice()].concat();
    let gateways = [Arc::new(world.gateway(&settings).await), Arc::new(world.gateway(&settings).await)];
    let kept = gateways[0].accepted("kept@example.com").await;
    let (id, code) = (kept.text("id"), gateways[0].code(kept.text("id")).await);
    for left in [4, 3] {
        assert_eq!(gateways[1].check(id, &wrong(&code)).await.body["attempts_left"], left);
    }
    let load = Load::start("f", &gateways);
    let seen = Arc::clone(&load.seen);
    let more = async |by: u32| {
        let before = seen.verified.load(Ordering::Relaxed);
        becomes("the load runs", async || (seen.verified.load(Ordering::Relaxed) > before + by).then_some(())).await;
    };
    more(20).await;

    redis.servers[0].stop();
    served("a dead master", &gateways[0], Instant::now()).await;
    let second = redis.master(0);
    more(20).await;

    // It comes back with its old data and takes itself for the master, until the Sentinels tell it otherwise.
    redis.servers[0].start();
    // With its old data it could still be promoted: the next failure waits until it has caught up.
    until("the old master follows", || {
        let role: Vec<Value> = redis.servers[0].ask(&["ROLE"]).ok()?;
        (role.get(3)? == &Value::BulkString(b"connected".to_vec())).then_some(())
    });
    let clients: String = redis.servers[0].ask(&["CLIENT", "LIST", "TYPE", "NORMAL"]).unwrap();
    let own = clients.lines().filter(|line| line.contains("cmd=evalsha") || line.contains("cmd=eval")).count();
    assert_eq!(own, 0, "no gateway speaks to the old master: {clients}");

    // One that hangs is the same to clients, and believes to be master when it wakes up.
    redis.servers[second].freeze(true);
    served("a hanging master", &gateways[1], Instant::now()).await;
    let third = redis.master(second);
    assert_ne!(third, second);
    redis.servers[second].freeze(false);
    more(20).await;
    load.end("failover with Sentinel").await;
    for left in [2, 1] {
        assert_eq!(gateways[0].check(id, &wrong(&code)).await.body["attempts_left"], left, "guesses go on from there");
    }
    assert_eq!(gateways[1].check(id, &code).await.status, StatusCode::OK);
    assert_eq!(gateways[0].check(id, &code).await.problem(), "already-used");
}
