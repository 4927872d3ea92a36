//! Who logs in where, with what: the stack's NATS and Redis let nobody in without a password, as in production.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use otp_gateway::keys::passwords;

use super::part::Part;
use crate::certificates::{Authority, Identity};

/// People and tests, who may do everything.
pub(super) const OPERATOR: &str = "operator";
/// What the nodes of a cluster call each other.
const ROUTE: &str = "route";

/// Passwords, and certificates where the stack speaks TLS.
#[derive(Debug)]
pub(super) struct Access {
    secrets: PathBuf,
    tls: Option<PathBuf>,
}

impl Access {
    /// The passwords are kept in the stack's directory for the next start; certificates are made anew each time.
    pub(super) fn kept_in(dir: &Path, tls: bool) -> Result<Self> {
        let secrets = dir.join("secrets");
        passwords::write_missing(&secrets)?;
        let tls = if tls { Some(certificates(&dir.join("tls"))?) } else { None };
        Ok(Self { secrets, tls })
    }

    /// `nats://user:password@address`, or `tls://`.
    pub(super) fn nats_url(&self, user: &str, address: SocketAddr) -> Result<String> {
        let scheme = if self.tls.is_some() { "tls" } else { "nats" };
        Ok(format!("{scheme}://{user}:{}@{address}", self.password(&format!("nats-{user}/password"))?))
    }

    /// `redis://user:password@address`, or `rediss://`.
    pub(super) fn redis_url(&self, user: &str, address: SocketAddr) -> Result<String> {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        Ok(format!("{scheme}://{user}:{}@{address}", self.password(&format!("redis-{user}/password"))?))
    }

    /// The way from one node of a cluster to another.
    pub(super) fn route_url(&self, address: SocketAddr) -> Result<String> {
        Ok(format!("nats://{ROUTE}:{}@{address}", self.password("nats-server/route")?))
    }

    /// What lets other nodes in, as a line of a node's configuration.
    pub(super) fn route_users(&self) -> Result<String> {
        let password = self.password("nats-server/route")?;
        Ok(format!("authorization {{ user: {ROUTE}, password: \"{password}\", timeout: 3 }}"))
    }

    /// What nats-server includes.
    pub(super) fn nats_passwords(&self) -> PathBuf {
        self.secrets.join("nats-server/passwords.conf")
    }

    /// Redis's users.
    pub(super) fn redis_users(&self) -> PathBuf {
        self.secrets.join("redis-server/users.acl")
    }

    /// Where `server.pem`, `server.key` and `ca.pem` are; `None` without TLS.
    pub(super) fn tls(&self) -> Option<&Path> {
        self.tls.as_deref()
    }

    /// What this user shows to the servers; `None` without TLS.
    pub(super) fn identity(&self, user: &str) -> Option<Identity> {
        let folder = self.tls.as_ref()?;
        Some(Identity {
            ca: folder.join("ca.pem"),
            certificate: folder.join(format!("{user}.pem")),
            key: folder.join(format!("{user}.key")),
        })
    }

    fn password(&self, path: &str) -> Result<String> {
        let path = self.secrets.join(path);
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))?;
        Ok(text.trim().to_owned())
    }
}

fn certificates(folder: &Path) -> Result<PathBuf> {
    let authority = Authority::in_folder(folder)?;
    authority.issue("server", &["127.0.0.1", "localhost"])?;
    for user in Part::SERVICES.map(Part::name).into_iter().chain([OPERATOR]) {
        authority.issue(user, &[])?;
    }
    Ok(folder.to_owned())
}
