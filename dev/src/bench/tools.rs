//! Programs of postfix that mails are measured with.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::program::Program;

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
        let mut command = tokio::process::Command::new(found(Program::SmtpSink)?);
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

/// Connections of smtp-source at once.
pub(super) const SESSIONS: usize = 8;
/// A run that takes longer is stuck.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// postfix's client on a sink, all its connections kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'s> {
    pub(super) sink: &'s Sink,
    /// The mail with line ends of one octet; a few octets of its own without.
    pub(super) mail: Option<&'s std::path::Path>,
}

/// What it did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sourced {
    /// Mails a second.
    pub(super) rate: f64,
    /// The share of a core that it used.
    share: f64,
}

impl Source<'_> {
    /// Sends so many mails. It gives up by itself when one is refused.
    pub(super) async fn run(self, count: usize) -> Result<Sourced> {
        let mut command = tokio::process::Command::new(found(Program::SmtpSource)?);
        command.args(["-d", "-s", &SESSIONS.to_string(), "-m", &count.to_string()]);
        command.args(["-f", "otp@localhost.test", "-t", "person0@bench.test"]);
        if let Some(mail) = self.mail {
            command.arg("-F").arg(mail);
        }
        command.arg(self.sink.address.to_string()).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let (started, before) = (std::time::Instant::now(), super::usage::children_seconds()?);
        let mut child = command.spawn().context("smtp-source can't be started")?;
        let status = tokio::time::timeout(PATIENCE, child.wait()).await.context("smtp-source does not end")??;
        let took = started.elapsed().as_secs_f64();
        anyhow::ensure!(status.success(), "smtp-source ended with {status}");
        let cpu = super::usage::children_seconds()? - before;
        Ok(Sourced { rate: super::figures::float(count) / took, share: cpu / took })
    }
}

impl Sourced {
    pub(super) fn told(&self) -> String {
        format!("{:.0}/s ({:.0} % of a core)", self.rate, self.share * 100.0)
    }
}
