//! `OTP_REDIS_URL`, read once into a topology.

use otp_nats::settings::Setting;
use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// Port of a Sentinel that is named without one.
const SENTINEL_PORT: u16 = 26379;
/// Most servers in one URL: look-ups ask all of them at once.
const MAX_HOSTS: usize = 16;

/// Where Redis is. Its `Debug` shows the form alone: the rest holds passwords.
#[derive(Clone)]
pub struct RedisUrl(pub(super) Topology);

impl std::fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Topology::Single(_) => "RedisUrl(single server)",
            Topology::Sentinel { .. } => "RedisUrl(Sentinel)",
            Topology::Cluster { .. } => "RedisUrl(Cluster)",
        })
    }
}

/// Host and port.
pub(super) type Address = (String, u16);

/// How the servers that hold the data are found.
#[derive(Clone)]
pub(super) enum Topology {
    /// One server, always the same.
    Single(ConnectionInfo),
    /// The server that the Sentinels name.
    Sentinel {
        /// The Sentinels.
        sentinels: Vec<ConnectionInfo>,
        /// What they call the master.
        master: String,
        /// How a server that they name is spoken to; its address stands for none.
        server: ConnectionInfo,
    },
    /// The servers that own the slots.
    Cluster {
        /// Any of these tells which they are.
        seeds: Vec<Address>,
        /// How a server is spoken to; its address is that of the first seed.
        server: ConnectionInfo,
    },
}

impl Setting for RedisUrl {
    const FORM: &'static str = "redis://[user:password@]host:port/db, unix:///path, \
        redis-sentinel://[user:password@]host:port,host:port/master[/db][?sentinel=user:password] or \
        redis-cluster://[user:password@]host:port,host:port; rediss for TLS";

    fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| "no scheme".to_owned())?;
        if rest.contains('#') {
            return Err("a fragment (encode a # as %23)".to_owned());
        }
        match scheme {
            "redis" | "rediss" | "unix" | "redis+unix" => server(text, None).map(Topology::Single),
            "redis-sentinel" => sentinel("redis", rest),
            "rediss-sentinel" => sentinel("rediss", rest),
            "redis-cluster" => cluster("redis", rest),
            "rediss-cluster" => cluster("rediss", rest),
            _ => Err("an unknown scheme".to_owned()),
        }
        .map(Self)
    }
}

fn sentinel(scheme: &str, rest: &str) -> Result<Topology, String> {
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let own_login = match query.map(|query| query.split_once('=')) {
        None => "",
        Some(Some(("sentinel", login))) if !login.is_empty() && !login.contains('&') => login,
        Some(_) => return Err("only sentinel=user:password may follow the question mark".to_owned()),
    };
    let (login, rest) = login(rest);
    let mut parts = rest.split('/');
    let hosts = parts.next().unwrap_or_default();
    let master = parts.next().filter(|name| !name.is_empty()).ok_or_else(|| "no name of a master".to_owned())?;
    let db = parts.next().unwrap_or_default();
    if parts.next().is_some() {
        return Err("more than a master and a database behind the hosts".to_owned());
    }
    Ok(Topology::Sentinel {
        sentinels: servers(scheme, own_login, hosts, Some(SENTINEL_PORT))?,
        master: master.to_owned(),
        server: server(&format!("{scheme}://{}any.invalid/{db}", at(login)), None)?,
    })
}

fn cluster(scheme: &str, rest: &str) -> Result<Topology, String> {
    let (login, hosts) = login(rest);
    if hosts.contains(['/', '?']) {
        return Err("a cluster has one database and no options".to_owned());
    }
    let servers = servers(scheme, login, hosts, None)?;
    let seeds = servers.iter().filter_map(address_of).collect();
    servers.into_iter().next().map(|server| Topology::Cluster { seeds, server }).ok_or_else(|| "no host".to_owned())
}

/// Splits `user:password@` off.
fn login(rest: &str) -> (&str, &str) {
    rest.rsplit_once('@').unwrap_or(("", rest))
}

fn at(login: &str) -> String {
    if login.is_empty() { String::new() } else { format!("{login}@") }
}

fn servers(scheme: &str, login: &str, hosts: &str, port: Option<u16>) -> Result<Vec<ConnectionInfo>, String> {
    let hosts: Vec<&str> = hosts.split(',').collect();
    if hosts.len() > MAX_HOSTS {
        return Err(format!("more than {MAX_HOSTS} hosts"));
    }
    let one = |(number, host): (usize, &&str)| {
        server(&format!("{scheme}://{}{host}", at(login)), port).map_err(|why| format!("host {number}: {why}"))
    };
    (1..).zip(&hosts).map(one).collect()
}

/// One server; `port` is that of a host without one.
fn server(url: &str, port: Option<u16>) -> Result<ConnectionInfo, String> {
    // The crate's own words may repeat parts of the URL.
    let information = url.into_connection_info().map_err(|_| "not a host, port, login or database".to_owned())?;
    let named = url.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let address = match (information.addr().clone(), port) {
        (ConnectionAddr::Tcp(host, _), Some(port)) if !named => ConnectionAddr::Tcp(host, port),
        (ConnectionAddr::TcpTls { host, insecure, tls_params, .. }, Some(port)) if !named => {
            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
        }
        (address, _) => address,
    };
    let local = matches!(address, ConnectionAddr::Unix(_));
    let information = information.set_addr(address);
    // Not what a gateway may do there (see keys/users.acl), and nobody looks at it.
    let silent = information.redis_settings().clone().set_skip_set_lib_name();
    let information = information.set_redis_settings(silent);
    // Off by default in the crate: every script would wait for the acknowledgement of the last.
    let nodelay = TcpSettings::default().set_nodelay(true);
    Ok(if local { information } else { information.set_tcp_settings(nodelay) })
}

fn address_of(server: &ConnectionInfo) -> Option<Address> {
    match server.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => Some((host.clone(), *port)),
        _ => None,
    }
}

/// The same server's settings for another address, as Sentinels and clusters name servers.
pub(super) fn moved(like: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let host = host.to_owned();
    let address = match like.addr().clone() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    like.clone().set_addr(address)
}

#[cfg(test)]
mod tests;
