//! One look at Redis, for who examines a deployment.

use std::time::Duration;

use prometheus_client::registry::Registry;
use redis::aio::MultiplexedConnection;
use redis::{ConnectionAddr, ConnectionInfo, RedisError};

use super::address::{RedisUrl, Topology, moved};
use super::metrics::RedisMetrics;
use super::node::{away, open};
use super::sentinel::Sentinel;

impl RedisUrl {
    /// Connects to each server that the URL names, or to the master that the Sentinels name, and says where it is.
    pub async fn dial(&self, within: Duration) -> Vec<(String, Result<MultiplexedConnection, RedisError>)> {
        let once = async |server: &ConnectionInfo| {
            let dialed = tokio::time::timeout(within, open(server)).await;
            (place(server.addr()), dialed.unwrap_or_else(|_elapsed| Err(away("connecting takes too long"))))
        };
        match &self.0 {
            Topology::Single(server) => vec![once(server).await],
            Topology::Sentinel { sentinels, master, server } => {
                let metrics = RedisMetrics::new(&mut Registry::default());
                let sentinel = Sentinel::new(sentinels.clone(), master.clone(), server.clone());
                let dialed = tokio::time::timeout(within, sentinel.connect(&metrics)).await;
                vec![(format!("master {master}"), dialed.unwrap_or_else(|_| Err(away("connecting takes too long"))))]
            }
            Topology::Cluster { seeds, server } => {
                let servers: Vec<_> = seeds.iter().map(|(host, port)| moved(server, host, *port)).collect();
                futures_util::future::join_all(servers.iter().map(once)).await
            }
        }
    }

    /// Who the gateway is there; `None` when it logs in without a name.
    pub fn user(&self) -> Option<&str> {
        self.server().redis_settings().username()
    }

    /// Whether it is reached by TLS; `None` for a socket on this machine.
    pub fn is_encrypted(&self) -> Option<bool> {
        match self.server().addr() {
            ConnectionAddr::TcpTls { .. } => Some(true),
            ConnectionAddr::Unix(_) => None,
            _ => Some(false),
        }
    }

    /// The hosts that the URL names.
    pub fn hosts(&self) -> Vec<String> {
        let host = |server: &ConnectionInfo| match server.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => Some(host.clone()),
            _ => None,
        };
        match &self.0 {
            Topology::Single(server) => host(server).into_iter().collect(),
            Topology::Sentinel { sentinels, .. } => sentinels.iter().filter_map(host).collect(),
            Topology::Cluster { seeds, .. } => seeds.iter().map(|(host, _)| host.clone()).collect(),
        }
    }

    const fn server(&self) -> &ConnectionInfo {
        match &self.0 {
            Topology::Single(server) | Topology::Sentinel { server, .. } | Topology::Cluster { server, .. } => server,
        }
    }
}

fn place(address: &ConnectionAddr) -> String {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => format!("{host}:{port}"),
        _ => "its socket".to_owned(),
    }
}
