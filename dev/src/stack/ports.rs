//! Which ports the stack has: the known ones, the caller's, or free ones.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use anyhow::{Result, bail};

use super::nats::NatsNodes;

/// Free ports are looked for here: below what systems give to outgoing connections (32768 and up on Linux, 49152 on
/// macOS), so that a server which comes back finds its port as it left it, and a client that keeps trying meanwhile
/// can't be given that very port.
const FREE: std::ops::Range<u16> = 15_000..32_000;
/// The variable of the only port that serves UDP as well.
const DNS: &str = "OTP_DEV_DNS_PORT";
/// Attempts to find a free port; with half of the range taken all of them fail once in 10^19 times.
const FREE_ATTEMPTS_MAX: usize = 64;

/// What is wanted; 0 stands for any free port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WantedPorts {
    /// The gateway: API and page.
    pub gateway: u16,
    /// The notifier's WebSocket.
    pub notifier: u16,
    /// The inbox's page and API.
    pub inbox: u16,
    /// The inbox's SMTP.
    pub smtp: u16,
    /// nats-server, the first one of a cluster.
    pub nats: u16,
    /// redis-server.
    pub redis: u16,
    /// The DNS zone, UDP and TCP.
    pub dns: u16,
    /// The first of three consecutive ports for health, readiness and metrics.
    pub admin: u16,
}

/// The ports, all chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The gateway: API and page.
    pub gateway: u16,
    /// The notifier's WebSocket.
    pub notifier: u16,
    /// The inbox's page and API.
    pub inbox: u16,
    /// The inbox's SMTP.
    pub smtp: u16,
    /// nats-server, the first one of a cluster.
    pub nats: u16,
    /// The nodes of a cluster; none where there is a single server.
    pub cluster: Option<[NodePorts; 3]>,
    /// redis-server.
    pub redis: u16,
    /// The DNS zone, UDP and TCP.
    pub dns: u16,
    /// The gateway's admin port.
    pub gateway_admin: u16,
    /// The mailer's admin port.
    pub mailer_admin: u16,
    /// The notifier's admin port.
    pub notifier_admin: u16,
}

/// The ports of one node of a NATS cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodePorts {
    /// Clients.
    pub client: u16,
    /// The other nodes.
    pub route: u16,
    /// Monitoring: `/healthz`.
    pub monitor: u16,
}

impl Ports {
    /// How many NATS servers there are.
    pub const fn nats_nodes(&self) -> NatsNodes {
        if self.cluster.is_some() { NatsNodes::Three } else { NatsNodes::One }
    }

    /// Where clients reach NATS: a port for each server.
    pub fn nats_clients(&self) -> Vec<u16> {
        self.cluster.map_or_else(|| vec![self.nats], |nodes| nodes.map(|node| node.client).to_vec())
    }

    /// The node of a cluster with this number; they are counted from 1.
    pub(super) fn node(&self, number: u16) -> Option<NodePorts> {
        self.cluster?.get(usize::from(number.checked_sub(1)?)).copied()
    }
}

impl WantedPorts {
    /// Chooses all ports. They are free now; nothing holds them until their servers start.
    ///
    /// # Errors
    /// Some are taken: all of them are named, each with the variable that moves it.
    pub fn choose(&self, nodes: NatsNodes) -> Result<Ports> {
        let mut choice = Choice::default();
        let admin = |offset: u16| if self.admin == 0 { 0 } else { self.admin.saturating_add(offset) };
        let nats = choice.take("nats-server", "OTP_DEV_NATS_PORT", self.nats);
        let mut another = |what| choice.take(what, "OTP_DEV_NATS_PORT", 0);
        let mut node = |client: Option<u16>| NodePorts {
            client: client.unwrap_or_else(|| another("a NATS node")),
            route: another("a NATS node's routes"),
            monitor: another("a NATS node's monitoring"),
        };
        let cluster = match nodes {
            NatsNodes::One => None,
            NatsNodes::Three => Some([node(Some(nats)), node(None), node(None)]),
        };
        let ports = Ports {
            gateway: choice.take("the gateway", "OTP_DEV_GATEWAY_PORT", self.gateway),
            notifier: choice.take("the notifier", "OTP_DEV_NOTIFIER_PORT", self.notifier),
            inbox: choice.take("the inbox's page", "OTP_DEV_INBOX_PORT", self.inbox),
            smtp: choice.take("the inbox's SMTP", "OTP_DEV_SMTP_PORT", self.smtp),
            nats,
            cluster,
            redis: choice.take("redis-server", "OTP_DEV_REDIS_PORT", self.redis),
            dns: choice.take("the DNS zone", DNS, self.dns),
            gateway_admin: choice.take("the gateway's admin port", "OTP_DEV_ADMIN_PORT", admin(0)),
            mailer_admin: choice.take("the mailer's admin port", "OTP_DEV_ADMIN_PORT", admin(1)),
            notifier_admin: choice.take("the notifier's admin port", "OTP_DEV_ADMIN_PORT", admin(2)),
        };
        if choice.faults.is_empty() {
            return Ok(ports);
        }
        bail!("{}", choice.faults.join("\n"))
    }
}

/// Where a part of the stack with this port listens.
pub(super) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A port that is free now, for one more instance of a service.
///
/// # Errors
/// None was found.
pub(super) fn free() -> Result<u16> {
    let mut choice = Choice::default();
    match choice.take("one more service", "OTP_DEV_ADMIN_PORT", 0) {
        0 => bail!("no free port was found between {} and {}", FREE.start, FREE.end),
        port => Ok(port),
    }
}

/// The ports found so far. They stay bound until all are, so that none is given twice.
#[derive(Default)]
struct Choice {
    held: Vec<(TcpListener, Option<UdpSocket>)>,
    faults: Vec<String>,
}

impl Choice {
    /// Takes the port, or a free one for 0. A fault is noted and the answer then means nothing.
    fn take(&mut self, who: &str, variable: &str, wanted: u16) -> u16 {
        if wanted != 0 {
            match bind(wanted, variable == DNS) {
                Ok(sockets) => self.held.push(sockets),
                Err(error) => self.faults.push(taken(who, variable, wanted, &error)),
            }
            return wanted;
        }
        for _ in 0..FREE_ATTEMPTS_MAX {
            let port = rand::random_range(FREE);
            if let Ok(sockets) = bind(port, true) {
                self.held.push(sockets);
                return port;
            }
        }
        self.faults.push(format!("no free port was found for {who}; set {variable}"));
        0
    }
}

fn taken(who: &str, variable: &str, port: u16, error: &std::io::Error) -> String {
    let why = match error.kind() {
        std::io::ErrorKind::AddrInUse => "is taken by another program".to_owned(),
        std::io::ErrorKind::PermissionDenied => "may not be used by this user".to_owned(),
        _ => format!("can't be used ({error})"),
    };
    format!("port {port} for {who} {why}: stop that program, or set {variable} to another port (0 takes any free one)")
}

fn bind(port: u16, udp: bool) -> std::io::Result<(TcpListener, Option<UdpSocket>)> {
    let address = local(port);
    let datagrams = if udp { Some(UdpSocket::bind(address)?) } else { None };
    Ok((TcpListener::bind(address)?, datagrams))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ() {
        let ports = WantedPorts::default().choose(NatsNodes::Three).expect("free ports");
        let mut all = vec![ports.gateway, ports.notifier, ports.inbox, ports.smtp, ports.nats, ports.redis, ports.dns];
        all.extend([ports.gateway_admin, ports.mailer_admin, ports.notifier_admin]);
        let nodes = ports.cluster.expect("a cluster");
        all.extend(nodes.iter().flat_map(|node| [node.client, node.route, node.monitor]).skip(1));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(all.iter().all(|port| FREE.contains(port)));
    }

    #[test]
    fn every_taken_port_is_named_with_its_variable() {
        let (first, second) = (free().expect("free"), free().expect("free"));
        let _holding = (bind(first, false).expect("bind"), bind(second, false).expect("bind"));
        let wanted = WantedPorts { gateway: first, smtp: second, ..WantedPorts::default() };
        let said = wanted.choose(NatsNodes::One).expect_err("taken").to_string();
        assert!(said.contains(&format!("port {first} for the gateway is taken")), "{said}");
        assert!(said.contains("OTP_DEV_GATEWAY_PORT"), "{said}");
        assert!(said.contains(&format!("port {second} for the inbox's SMTP is taken")), "{said}");
        assert!(said.contains("OTP_DEV_SMTP_PORT"), "{said}");
    }

    #[test]
    fn the_same_port_for_two_is_a_fault() {
        let port = free().expect("free");
        let wanted = WantedPorts { gateway: port, notifier: port, ..WantedPorts::default() };
        assert!(wanted.choose(NatsNodes::One).expect_err("twice").to_string().contains("OTP_DEV_NOTIFIER_PORT"));
    }
}
