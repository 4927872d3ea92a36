//! The wires between parts, each of which can be made to fail.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result};

use super::Stack;
use super::part::Part;
use super::ports::{Ports, local};
use crate::proxy::{Fault, Proxy};

/// Who talks to whom. All instances of a service share a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// The gateway and NATS.
    GatewayNats,
    /// The gateway and Redis.
    GatewayRedis,
    /// The mailer and NATS.
    MailerNats,
    /// The mailer and its relay, the inbox.
    MailerSmtp,
    /// The notifier and NATS.
    NotifierNats,
    /// Clients and the first gateway. Clients have to choose it: `stack.json` names the gateway itself.
    ClientGateway,
    /// Clients and the first notifier; as above.
    ClientNotifier,
}

impl Link {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::GatewayNats,
        Self::GatewayRedis,
        Self::MailerNats,
        Self::MailerSmtp,
        Self::NotifierNats,
        Self::ClientGateway,
        Self::ClientNotifier,
    ];

    /// Its two ends.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GatewayNats => "gateway to NATS",
            Self::GatewayRedis => "gateway to Redis",
            Self::MailerNats => "mailer to NATS",
            Self::MailerSmtp => "mailer to relay",
            Self::NotifierNats => "notifier to NATS",
            Self::ClientGateway => "client to gateway",
            Self::ClientNotifier => "client to notifier",
        }
    }

    /// The wire between a service and NATS.
    pub(super) const fn to_nats(part: Part) -> Option<Self> {
        match part {
            Part::Gateway => Some(Self::GatewayNats),
            Part::Mailer => Some(Self::MailerNats),
            Part::Notifier => Some(Self::NotifierNats),
            Part::Nats | Part::Redis => None,
        }
    }

    /// The ports at its far end: one for each node of what is there.
    fn far_end(self, ports: &Ports) -> Vec<u16> {
        match self {
            Self::GatewayNats | Self::MailerNats | Self::NotifierNats => ports.nats_clients(),
            Self::GatewayRedis => vec![ports.redis],
            Self::MailerSmtp => vec![ports.smtp],
            Self::ClientGateway => vec![ports.gateway],
            Self::ClientNotifier => vec![ports.notifier],
        }
    }
}

/// A wire: a proxy for each node at its far end.
#[derive(Debug)]
pub struct Wire(Vec<Proxy>);

impl Wire {
    /// Makes this wrong with it.
    pub fn set(&self, fault: Fault) {
        self.0.iter().for_each(|proxy| proxy.set(fault));
    }

    /// Resets the connections that are there now.
    pub fn cut(&self) {
        self.0.iter().for_each(Proxy::cut);
    }

    /// Where it is entered, for each node at the far end.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.iter().map(Proxy::address)
    }

    /// The wire to one node, in the order of [`Wire::addresses`].
    pub fn node(&self, index: usize) -> Option<&Proxy> {
        self.0.get(index)
    }
}

/// The wires of a stack; none when it was not asked for them.
#[derive(Debug, Default)]
pub(super) struct Links(BTreeMap<Link, Wire>);

impl Links {
    /// Lays all wires.
    pub(super) async fn lay(ports: &Ports) -> Result<Self> {
        let mut laid = BTreeMap::new();
        for link in Link::ALL {
            let mut proxies = Vec::new();
            for port in link.far_end(ports) {
                proxies.push(Proxy::bind(local(super::ports::free()?), local(port)).await?);
            }
            laid.insert(link, Wire(proxies));
        }
        Ok(Self(laid))
    }

    /// Where to reach what is at the far end: through the wire, or directly where there is none.
    pub(super) fn reach(&self, link: Link, ports: &Ports) -> Vec<SocketAddr> {
        self.0
            .get(&link)
            .map_or_else(|| link.far_end(ports).into_iter().map(local).collect(), |wire| wire.addresses().collect())
    }
}

impl Stack {
    /// A wire of a stack that was started with [`super::Options::proxied`].
    ///
    /// # Errors
    /// It was started without.
    pub fn link(&self, link: Link) -> Result<&Wire> {
        self.planner.links.0.get(&link).context("the stack was started without wires between its parts")
    }
}
