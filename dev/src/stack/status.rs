//! How a stack that some process runs is doing, from its `stack.json` and by asking each part.

use std::path::Path;

use futures_util::future::join_all;

use super::lock;
use super::operator::shown;
use super::part::Part;
use super::probe::{Probe, http_client};
use super::state::StackFile;

/// One part.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its process, if it runs as one and is up.
    pub pid: Option<u32>,
    /// What stands in the way; `None` when ready.
    pub fault: Option<String>,
    /// Where it is.
    pub place: String,
}

/// All parts.
#[derive(Debug, Clone)]
pub struct Status {
    /// The process that minds the stack; `None` when there is none.
    pub holder: Option<u32>,
    /// One line for each part; empty when no stack was started.
    pub lines: Vec<Line>,
}

impl Status {
    /// Asks all parts of the stack in this directory at once.
    ///
    /// # Errors
    /// No HTTP client can be set up.
    pub async fn of(dir: &Path) -> anyhow::Result<Self> {
        let holder = lock::holder(dir);
        let Some(file) = StackFile::read(dir).filter(|_| holder.is_some()) else {
            return Ok(Self { holder, lines: Vec::new() });
        };
        let client = http_client()?;
        let asked = parts(&file).into_iter().map(async |(mut line, probe)| {
            line.fault = probe.ask(&client).await.err().map(|fault| format!("{fault:#}"));
            line
        });
        Ok(Self { holder, lines: join_all(asked).await })
    }

    /// Whether a stack runs and every part of it is ready.
    pub fn all_ready(&self) -> bool {
        self.holder.is_some() && !self.lines.is_empty() && self.lines.iter().all(|line| line.fault.is_none())
    }
}

fn parts(file: &StackFile) -> Vec<(Line, Probe)> {
    let line = |name: &str, place: &str| Line {
        name: name.to_owned(),
        pid: file.pids.get(name).copied(),
        fault: None,
        place: place.to_owned(),
    };
    let services = file.admin.iter().map(|(name, admin)| {
        let place = match Part::of(name) {
            Some(part) if name == part.name() && part == Part::Gateway => &file.gateway,
            Some(part) if name == part.name() && part == Part::Notifier => &file.notifier,
            Some(_) | None => admin,
        };
        (line(name, place), Probe::Http(format!("{admin}/ready")))
    });
    let nodes = file.nats_nodes.iter().map(|(name, url)| (line(name, &shown(url)), Probe::Nats(port(url))));
    let servers = [
        (line("redis", &shown(&file.redis)), Probe::Redis { url: file.redis.clone(), tls: file.tls.clone() }),
        (line("inbox", &file.inbox), Probe::Http(format!("{}/readyz", file.inbox))),
        (line("dns", &file.dns), Probe::Dns(port(&file.dns))),
    ];
    services.chain(nodes).chain(servers).collect()
}

/// The port at the end of an address; 0, where nobody answers, for an address without one.
fn port(address: &str) -> u16 {
    address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(0)
}
