//! What a stack is started with, and the right to start it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use super::caller::CallerVariables;
use super::lock::{self, StackLock};
use super::members::Programs;
use super::nats::NatsNodes;
use super::notices::Notices;
use super::ports::{Ports, WantedPorts};
use crate::program::{self, Program};
use crate::settings::ToolSettings;
use crate::workspace;

/// What a stack is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where data, logs and `stack.json` are.
    pub dir: PathBuf,
    /// Which ports; 0 takes free ones.
    pub ports: WantedPorts,
    /// How many NATS servers.
    pub nats_nodes: NatsNodes,
    /// Settings for the services beside the stack's own.
    pub caller: CallerVariables,
    /// What to run.
    pub programs: Programs,
    /// Whether NATS and Redis are reached by TLS, with certificates on both ends.
    pub tls: bool,
    /// Whether there is a wire between any two parts that can be made to fail: see [`super::Stack::link`].
    pub proxied: bool,
    /// Who is told what happens.
    pub notices: Notices,
}

impl Options {
    /// For a test or a benchmark: free ports, nothing from the caller, nobody told. The services are built first,
    /// unless `OTP_DEV_BINARIES` names a directory that has them.
    ///
    /// # Errors
    /// The settings are faulty, the services don't build, or a server is missing; the error says how to get it.
    pub fn isolated(dir: &Path) -> Result<Self> {
        static SERVICES: Mutex<Option<PathBuf>> = Mutex::new(None);
        let mut known = SERVICES.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = ToolSettings::read()?;
        let services = match (known.take(), settings.binaries) {
            (Some(built), _) | (None, Some(built)) => built,
            (None, None) => workspace::build_services()?,
        };
        *known = Some(services.clone());
        drop(known);
        let programs = Programs {
            services,
            nats: settings.nats_server.map_or_else(|| program::find_or_install(Program::NatsServer), Ok)?,
            redis: program::find_or_install(Program::RedisServer)?,
        };
        Ok(Self {
            dir: dir.to_owned(),
            ports: WantedPorts::default(),
            nats_nodes: NatsNodes::One,
            caller: CallerVariables::default(),
            programs,
            tls: false,
            proxied: false,
            notices: Notices::silent(),
        })
    }
}

/// The right to run a stack in a directory, with its ports chosen and what an earlier one left behind cleared away.
#[derive(Debug)]
pub struct Claim {
    pub(super) dir: PathBuf,
    pub(super) ports: Ports,
    pub(super) lock: StackLock,
}

impl Claim {
    /// Takes the right. Processes that a killed stack left behind here are ended first.
    ///
    /// # Errors
    /// A stack is running in the directory, or ports are taken: all of them are named, with what to set.
    pub fn take(dir: &Path, wanted: &WantedPorts, nodes: NatsNodes, notices: &Notices) -> Result<Self> {
        std::fs::create_dir_all(dir.join("logs")).with_context(|| format!("{} can't be made", dir.display()))?;
        let dir = dir.canonicalize().with_context(|| format!("{} can't be found", dir.display()))?;
        let lock = StackLock::take(&dir)?;
        let left = lock::clear_leftovers(&dir);
        if !left.is_empty() {
            notices.say(&format!("ended what an earlier stack left behind: {}", left.join(", ")));
        }
        Ok(Self { ports: wanted.choose(nodes)?, dir, lock })
    }
}
