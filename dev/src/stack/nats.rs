//! The NATS servers of a stack: one, or a cluster of three.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Stack;
use super::members::{Plan, Planner, SERVER_PATIENCE};
use super::part::{Instance, Part};
use super::ports::{NodePorts, Ports, local};
use super::probe::Probe;
use crate::private;
use crate::proxy::{Fault, Proxy};
use crate::workspace;

/// Told to the others as the address of a node's routes when these lead over proxies: nobody listens there, so that
/// each node keeps to the routes it was given.
const NOWHERE: &str = "127.0.0.1:1";

/// What is included where TLS is switched on.
const TLS: &str = "tls.conf";

/// How many NATS servers a stack has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NatsNodes {
    /// One server.
    #[default]
    One,
    /// A cluster of three; every stream has three replicas.
    Three,
}

impl NatsNodes {
    /// The numbers of the servers' instances.
    pub fn numbers(self) -> std::ops::RangeInclusive<u16> {
        match self {
            Self::One => 1..=1,
            Self::Three => 1..=3,
        }
    }

    /// The servers' instances.
    pub fn instances(self) -> impl Iterator<Item = Instance> {
        self.numbers().map(|number| Instance { part: Part::Nats, number })
    }
}

/// The wires between the nodes of a cluster, by who has made the connection and to whom; none when not asked for.
#[derive(Debug, Default)]
pub(super) struct Routes(BTreeMap<(u16, u16), Proxy>);

impl Routes {
    /// Lays a wire for each node to each other.
    pub(super) async fn lay(ports: &Ports) -> Result<Self> {
        let mut laid = BTreeMap::new();
        for (from, _) in numbered(ports) {
            for (to, node) in numbered(ports).filter(|(to, _)| *to != from) {
                laid.insert((from, to), Proxy::bind(local(super::ports::free()?), local(node.route)).await?);
            }
        }
        Ok(Self(laid))
    }
}

impl Planner {
    /// A nats-server with the configuration that production has, but for the address, the store, and where passwords and certificates are. The server takes
    /// the store's directory from the file or the command line, never both, so that line of the file is written anew.
    pub(super) fn nats(&self, instance: Instance) -> Result<Plan> {
        let node = self.ports.node(instance.number);
        // One server's data are of no use to a cluster, nor the other way round: each kind has its own.
        let store = if node.is_some() { format!("nats-cluster/{}", instance.number) } else { "nats".to_owned() };
        let mut text = with_store(&production("nats-server.conf")?, &self.data(&store)?)?;
        let (users, passwords) = (production("users.conf")?, self.access.nats_passwords());
        let users = replaced(&users, "include secrets/passwords.conf", &self.included(&passwords)?)?;
        std::fs::write(self.dir.join("users.conf"), users)?;
        if let Some(folder) = self.access.tls() {
            let tls = replaced(&production(TLS)?, "/etc/nats/tls", &folder.display().to_string())?;
            std::fs::write(self.dir.join(TLS), tls)?;
            text = replaced(&text, &format!("\n# include {TLS}\n"), &format!("\ninclude {TLS}\n"))?;
        }
        if node.is_some() {
            text.push_str(&self.clustered(instance)?);
        }
        let configuration = self.dir.join(format!("{instance}-server.conf"));
        // A node's has the password of all nodes in it.
        private::write(&configuration, &text)?;
        let port = node.map_or(self.ports.nats, |node| node.client);
        let arguments: [OsString; 6] = [
            "-c".into(),
            configuration.into_os_string(),
            "-a".into(),
            "127.0.0.1".into(),
            "-p".into(),
            port.to_string().into(),
        ];
        let launch = self.launch(instance, &self.programs.nats, arguments.into(), SERVER_PATIENCE);
        let probe = match node {
            // It has a leader and is current with it: what production waits for before the next node is restarted.
            Some(node) => Probe::Http(format!("http://127.0.0.1:{}/healthz", node.monitor)),
            None => Probe::Nats(port),
        };
        Ok(Plan { launch, probe, port: Some(port), admin: None })
    }

    /// What a node's configuration has beyond a single server's.
    fn clustered(&self, instance: Instance) -> Result<String> {
        let own = self.ports.node(instance.number).context("no such node")?;
        let mut text = String::new();
        writeln!(text, "\nserver_name: {instance}\nhttp: 127.0.0.1:{}", own.monitor)?;
        // Clients keep to the addresses that they were given: there may be proxies before the nodes.
        writeln!(text, "cluster {{\n  name: distotp\n  listen: \"127.0.0.1:{}\"\n  no_advertise: true", own.route)?;
        if !self.routes.0.is_empty() {
            writeln!(text, "  advertise: \"{NOWHERE}\"")?;
        }
        if self.access.tls().is_some() {
            writeln!(text, "  include {TLS}")?;
        }
        writeln!(text, "  {}", self.access.route_users()?)?;
        writeln!(text, "  routes: [")?;
        for (to, node) in numbered(&self.ports).filter(|(to, _)| *to != instance.number) {
            let wire = self.routes.0.get(&(instance.number, to));
            let address = wire.map_or_else(|| local(node.route), Proxy::address);
            writeln!(text, "    \"{}\"", self.access.route_url(address)?)?;
        }
        writeln!(text, "  ]\n}}")?;
        Ok(text)
    }

    /// nats-server takes what it includes from the folder of the file that names it.
    fn included(&self, file: &Path) -> Result<String> {
        Ok(format!("include {}", file.strip_prefix(&self.dir)?.display()))
    }
}

impl Stack {
    /// Where a node of the cluster has its monitoring.
    ///
    /// # Errors
    /// There is no such node.
    pub fn monitor(&self, node: Instance) -> Result<SocketAddr> {
        let ports = self.planner.ports.node(node.number).filter(|_| node.part == Part::Nats);
        Ok(local(ports.with_context(|| format!("{node} is no node of a cluster"))?.monitor))
    }

    /// Where a node of the cluster takes connections of the other nodes.
    ///
    /// # Errors
    /// There is no such node.
    pub fn routes(&self, node: Instance) -> Result<SocketAddr> {
        let ports = self.planner.ports.node(node.number).filter(|_| node.part == Part::Nats);
        Ok(local(ports.with_context(|| format!("{node} is no node of a cluster"))?.route))
    }

    /// Makes this wrong with all wires between a node of the cluster and the other nodes; its clients still reach it.
    ///
    /// # Errors
    /// The stack was started without [`super::Options::proxied`], or there is no such node.
    pub fn cut_off(&self, node: Instance, fault: Fault) -> Result<()> {
        let of_node = |(from, to): (u16, u16)| from == node.number || to == node.number;
        let mut wires = self.planner.routes.0.iter().filter(|(ends, _)| of_node(**ends)).peekable();
        wires.peek().with_context(|| format!("no wires lead to {node}"))?;
        wires.for_each(|(_, wire)| wire.set(fault));
        Ok(())
    }
}

fn numbered(ports: &Ports) -> impl Iterator<Item = (u16, NodePorts)> {
    (1..).zip(ports.cluster.into_iter().flatten())
}

/// A file of production's configuration.
fn production(name: &str) -> Result<String> {
    let path = workspace::root().join("nats/server").join(name);
    std::fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))
}

fn replaced(text: &str, what: &str, with: &str) -> Result<String> {
    if text.contains(what) { Ok(text.replace(what, with)) } else { bail!("production's configuration has no {what:?}") }
}

fn with_store(configuration: &str, store: &Path) -> Result<String> {
    let (before, rest) = configuration.split_once("store_dir:").context("nats-server.conf sets no store_dir")?;
    let (_, after) = rest.split_once('\n').context("nats-server.conf ends within store_dir")?;
    Ok(format!("{before}store_dir: {:?}\n{after}", store.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_store_of_the_configuration_changes() {
        let text = "jetstream {\n  # Where.\n  store_dir: \"/var/lib/nats\"\n}\n";
        let expected = "jetstream {\n  # Where.\n  store_dir: \"/here/nats\"\n}\n";
        assert_eq!(with_store(text, Path::new("/here/nats")).expect("has a store"), expected);
        assert!(with_store("jetstream {}", Path::new("/here")).is_err());
    }
}
