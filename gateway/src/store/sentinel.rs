//! Redis Sentinel: who is master now.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{ConnectionInfo, RedisError, Value};

use super::address::{Address, moved};
use super::metrics::RedisMetrics;
use super::node::{away, open};

/// A Sentinel answers from memory; one that takes longer is left out of the count.
const ANSWERS_WITHIN: Duration = Duration::from_millis(300);

/// The Sentinels of one master.
pub(super) struct Sentinel {
    sentinels: Vec<ConnectionInfo>,
    master: String,
    server: ConnectionInfo,
    last: Mutex<Option<Address>>,
}

impl std::fmt::Debug for Sentinel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sentinel")
    }
}

impl Sentinel {
    pub(super) const fn new(sentinels: Vec<ConnectionInfo>, master: String, server: ConnectionInfo) -> Self {
        Self { sentinels, master, server, last: Mutex::new(None) }
    }

    /// Connects to the server that most Sentinels name and that says itself that it is master. A Sentinel that was cut
    /// off may name the last one, which may not know yet that it is master no more.
    pub(super) async fn connect(&self, metrics: &RedisMetrics) -> Result<MultiplexedConnection, RedisError> {
        let candidates = self.named().await;
        if candidates.is_empty() {
            return Err(away("no Sentinel names a master"));
        }
        for address in candidates {
            let server = moved(&self.server, &address.0, address.1);
            if let Ok(mut connection) = open(&server).await
                && is_master(&mut connection).await
                // One that hung while this was asked may have woken up just now and not know that it was replaced.
                && self.named().await.first() == Some(&address)
            {
                self.note(address, metrics);
                return Ok(connection);
            }
        }
        Err(away("what the Sentinels name is no master"))
    }

    /// The servers that Sentinels call master now, first the one that most do.
    async fn named(&self) -> Vec<Address> {
        let asked = self.sentinels.iter().map(|sentinel| tokio::time::timeout(ANSWERS_WITHIN, self.ask(sentinel)));
        let named: Vec<Address> = join_all(asked).await.into_iter().flatten().flatten().collect();
        let votes = |address: &Address| named.iter().filter(|other| *other == address).count();
        let mut candidates = named.clone();
        candidates.sort_by_key(|address| std::cmp::Reverse(votes(address)));
        candidates.dedup();
        candidates
    }

    async fn ask(&self, sentinel: &ConnectionInfo) -> Option<Address> {
        let mut connection = open(sentinel).await.ok()?;
        let mut command = redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master);
        let (host, port): (String, u16) = command.query_async(&mut connection).await.ok()?;
        Some((host, port))
    }

    fn note(&self, address: Address, metrics: &RedisMetrics) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_some_and(|last| *last != address) {
            metrics.failovers.inc();
            tracing::warn!("the Sentinels name another master of Redis");
        }
        *last = Some(address);
    }
}

async fn is_master(connection: &mut MultiplexedConnection) -> bool {
    match redis::cmd("ROLE").query_async::<Vec<Value>>(connection).await.as_deref() {
        Ok([Value::BulkString(role), ..]) => role == b"master",
        Ok(_) | Err(_) => false,
    }
}
