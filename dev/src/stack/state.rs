//! `stack.json`: what runs where, for people, scripts and the next call of the tool.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::certificates::Identity;
use crate::private;

/// How far the stack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not everything was ready yet.
    Starting,
    /// Everything has been ready once.
    Ready,
    /// It is told to end.
    Stopping,
}

/// The content of `stack.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackFile {
    /// How far the stack is.
    pub phase: Phase,
    /// `http://127.0.0.1:5000`: API and page.
    pub gateway: String,
    /// `ws://127.0.0.1:5001`.
    pub notifier: String,
    /// `ws://127.0.0.1:5001/v1/events`: where clients watch.
    pub events: String,
    /// `http://127.0.0.1:8025`: the inbox's page and API.
    pub inbox: String,
    /// `smtp://127.0.0.1:1025`: where the inbox takes mail.
    pub smtp: String,
    /// `nats://operator:PASSWORD@127.0.0.1:PORT`, or `tls://`; of a cluster, the first node.
    pub nats: String,
    /// All NATS servers by instance.
    pub nats_nodes: BTreeMap<String, String>,
    /// `redis://operator:PASSWORD@127.0.0.1:PORT`, or `rediss://`.
    pub redis: String,
    /// What to show to NATS and Redis, and whom to believe there, when they are reached by TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Identity>,
    /// `dns://127.0.0.1:PORT` (RFC 4501): the DNS zone, UDP and TCP.
    pub dns: String,
    /// Where each instance of a service serves `/health`, `/ready` and `/metrics`.
    pub admin: BTreeMap<String, String>,
    /// Process ids by instance, `dev` for the tool that minds them. What is down has none.
    pub pids: BTreeMap<String, u32>,
    /// Where logs are.
    pub logs: PathBuf,
}

impl StackFile {
    /// Where the file of the stack in this directory is.
    pub fn path(dir: &Path) -> PathBuf {
        dir.join("stack.json")
    }

    /// The file of the stack in this directory; `None` when there is none, or it is not whole.
    pub fn read(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::path(dir)).ok()?).ok()
    }
}

/// The file as it is kept up to date: written again on each change, removed when dropped.
#[derive(Debug)]
pub(super) struct Roster {
    path: PathBuf,
    file: Mutex<StackFile>,
}

impl Roster {
    /// Starts to keep the file.
    pub(super) fn keep(dir: &Path, file: StackFile) -> Result<Self> {
        let path = StackFile::path(dir);
        write(&path, &file).with_context(|| format!("{} can't be written", path.display()))?;
        Ok(Self { path, file: Mutex::new(file) })
    }

    /// Changes the content and writes it.
    pub(super) fn update(&self, change: impl FnOnce(&mut StackFile)) {
        // Whoever panicked while it held the lock left whole values behind: each change is a single assignment.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut file);
        if let Err(error) = write(&self.path, &file) {
            tracing::warn!(%error, "stack.json can't be written");
        }
    }

    /// The content as it is now.
    pub(super) fn content(&self) -> StackFile {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Roster {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// There are passwords in it.
fn write(path: &Path, file: &StackFile) -> Result<()> {
    let mut text = serde_json::to_string_pretty(file)?;
    text.push('\n');
    private::write(path, &text)?;
    Ok(())
}
