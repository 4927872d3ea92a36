//! Looking at a running stack and meddling with its parts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Stack;
use super::part::{Instance, Part};
use super::ports::local;
use super::state::StackFile;
use super::supervisor::Condition;
use crate::process::{self, Signal};

impl Stack {
    /// What `stack.json` says now: URLs and process ids.
    pub fn file(&self) -> StackFile {
        self.roster.content()
    }

    /// The stack's directory.
    pub fn dir(&self) -> &Path {
        &self.planner.dir
    }

    /// The value of a setting that holds keys, as `keys.env` keeps it.
    ///
    /// # Errors
    /// The stack has no such keys.
    pub(crate) fn keys(&self, name: &str) -> Result<&str> {
        let mut keys = self.planner.keys.iter();
        let found = keys.find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        found.with_context(|| format!("the stack has no {name}"))
    }

    /// Where an instance of the gateway or the notifier, or a server, listens.
    ///
    /// # Errors
    /// There is no such instance, or it serves no clients.
    pub fn address(&self, of: impl Into<Instance>) -> Result<SocketAddr> {
        let instance = of.into();
        let port = self.member(instance)?.port.with_context(|| format!("{instance} serves no clients"))?;
        Ok(local(port))
    }

    /// Where an instance of a service serves `/health`, `/ready` and `/metrics`.
    ///
    /// # Errors
    /// There is no such instance, or it is a server.
    pub fn admin(&self, of: impl Into<Instance>) -> Result<SocketAddr> {
        let instance = of.into();
        let port = self.member(instance)?.admin.with_context(|| format!("{instance} has no admin port"))?;
        Ok(local(port))
    }

    /// The log of an instance.
    pub fn log(&self, of: impl Into<Instance>) -> PathBuf {
        self.planner.logs().join(format!("{}.log", of.into()))
    }

    /// The file of a service's program.
    pub fn program(&self, part: Part) -> PathBuf {
        self.planner.programs.services.join(part.program())
    }

    /// The process id of an instance; `None` while it is down.
    pub fn pid(&self, of: impl Into<Instance>) -> Option<u32> {
        self.members.get(&of.into())?.supervised.pid()
    }

    /// What an instance is doing, to look at or to wait on.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn condition(&self, of: impl Into<Instance>) -> Result<tokio::sync::watch::Receiver<Condition>> {
        Ok(self.member(of.into())?.supervised.condition())
    }

    /// Sends a signal. A process that ends by it is started again; after [`Signal::Kill`] this returns once it is gone.
    ///
    /// # Errors
    /// It is not running.
    pub async fn kill(&self, which: impl Into<Instance>, signal: Signal) -> Result<()> {
        let instance = which.into();
        let mut condition = self.member(instance)?.supervised.condition();
        let pid = condition.borrow_and_update().pid.with_context(|| format!("{instance} is down"))?;
        process::send(pid, signal)?;
        if signal == Signal::Kill {
            condition.wait_for(|condition| condition.pid != Some(pid)).await?;
        }
        Ok(())
    }

    /// Ends a process with this signal and leaves it down until [`Stack::release`].
    ///
    /// # Errors
    /// There is no such instance.
    pub async fn hold(&self, which: impl Into<Instance>, signal: Signal) -> Result<()> {
        self.member(which.into())?.supervised.hold(signal).await
    }

    /// Starts a process after [`Stack::hold`] and waits until it is ready.
    ///
    /// # Errors
    /// There is no such instance, or it does not become ready.
    pub async fn release(&self, which: impl Into<Instance>) -> Result<()> {
        let instance = which.into();
        self.member(instance)?.supervised.release().await?;
        self.ready(instance).await
    }

    /// Ends a process as a drain, starts it again and waits until it is ready.
    ///
    /// # Errors
    /// There is no such instance, or it does not become ready.
    pub async fn restart(&self, which: impl Into<Instance>) -> Result<()> {
        let instance = which.into();
        self.member(instance)?.supervised.restart().await?;
        self.ready(instance).await
    }

    /// As [`Stack::release`], without waiting until it is ready: what it needs may be down just now.
    ///
    /// # Errors
    /// There is no such instance.
    pub async fn unhold(&self, which: impl Into<Instance>) -> Result<()> {
        self.member(which.into())?.supervised.release().await
    }

    /// As [`Stack::restart`], without waiting until it is ready.
    ///
    /// # Errors
    /// There is no such instance.
    pub async fn bounce(&self, which: impl Into<Instance>) -> Result<()> {
        self.member(which.into())?.supervised.restart().await
    }

    /// The instances that run or are to run.
    pub fn instances(&self) -> Vec<Instance> {
        self.members.keys().copied().collect()
    }

    /// Waits until an instance is ready, however often it is started meanwhile.
    ///
    /// # Errors
    /// It is not within a minute; the error says why, and shows the end of its log.
    pub async fn ready(&self, which: impl Into<Instance>) -> Result<()> {
        self.await_ready(which.into(), u32::MAX).await
    }
}
