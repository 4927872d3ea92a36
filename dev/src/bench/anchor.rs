//! Anchors: the least that could do the same. Each is a process of its own, as what it is compared with is.

mod accept;
mod json;
mod socket;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::workspace;

/// The hidden command of the tool that runs one.
pub const COMMAND: &str = "bench-anchor";

/// A running anchor. It ends when dropped.
#[derive(Debug)]
pub(super) struct Anchor {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Anchor {
    /// Starts the anchor of this name next to the stack in this directory.
    pub(super) async fn start(name: &str, stack: &Path) -> Result<Self> {
        let mut command = Command::new(workspace::this_program()?);
        command.arg(COMMAND).arg(name).arg(stack).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("the anchor can't be started")?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let line = lines.next_line().await?.with_context(|| format!("the anchor {name:?} has ended"))?;
        Ok(Self { child, address: line.parse().with_context(|| format!("no address: {line:?}"))? })
    }

    pub(super) fn pid(&self) -> Result<u32> {
        self.child.id().context("the anchor has ended")
    }
}

/// Runs an anchor until it is killed.
///
/// # Errors
/// There is none of that name, or it can't reach the stack.
pub async fn serve(name: &str, stack: &Path) -> Result<()> {
    let listener = socket::bind()?;
    match name {
        "accept" => accept::serve(listener, stack).await,
        "json" => json::serve(listener).await,
        "socket" => socket::serve(listener).await,
        "send" => socket::send(listener).await,
        _ => bail!("there is no anchor {name:?}"),
    }
}

/// Tells the parent where it listens.
fn ready(listener: &TcpListener) -> Result<()> {
    crate::console::say(listener.local_addr()?);
    Ok(())
}
