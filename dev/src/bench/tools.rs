//! Programs of postfix that mails are measured with.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::program::Program;

/// Where SMTP ends: takes everything and forgets it.
pub(super) fn smtp_sink() -> Result<PathBuf> {
    found(Program::SmtpSink)
}

/// What SMTP is sent with for comparison.
#[expect(dead_code, reason = "the benchmark of mails is to come")]
pub(super) fn smtp_source() -> Result<PathBuf> {
    found(Program::SmtpSource)
}

/// Not installed when lacking: with the package comes a mail server that starts at once.
fn found(program: Program) -> Result<PathBuf> {
    program.find().context("smtp-sink and smtp-source are missing: they come with postfix")
}

/// `None` where postfix does not say.
pub(super) fn postfix_version() -> Option<String> {
    let output = Command::new("dpkg-query").args(["--show", "postfix"]).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().replace('\t', " ")).filter(|text| !text.is_empty())
}

/// A sink on a port of its own. It ends when dropped.
#[derive(Debug)]
pub(super) struct Sink {
    child: tokio::process::Child,
    pub(super) address: std::net::SocketAddr,
}

impl Sink {
    /// Starts one and waits until it takes connections.
    pub(super) async fn start() -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = tokio::process::Command::new(smtp_sink()?);
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "nobody"]);
        }
        let child = command
            .args([&address.to_string(), "1000"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("smtp-sink can't be started")?;
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        while tokio::net::TcpStream::connect(address).await.is_err() {
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "smtp-sink takes no connections");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(Self { child, address })
    }

    /// Its URL as a relay.
    pub(super) fn url(&self) -> String {
        format!("smtp://{}?tls=none", self.address)
    }

    pub(super) fn pid(&self) -> Result<u32> {
        self.child.id().context("smtp-sink has ended")
    }
}
