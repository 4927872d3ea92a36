//! On what is measured.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde::Serialize;

use super::tools;
use crate::program::{self, Program};

/// The machine and the servers.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Machine {
    pub(super) cpu: String,
    pub(super) cores: usize,
    pub(super) memory_gib: f64,
    pub(super) kernel: String,
    /// What the servers say of themselves.
    pub(super) servers: Vec<String>,
    /// What it was built as: `release`.
    pub(super) profile: &'static str,
    /// The commit, `+` with changes.
    pub(super) commit: String,
}

pub(super) fn describe() -> Result<Machine> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("", |(_, value)| value).trim().to_owned()
    };
    let memory = value(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse::<f64>().unwrap_or_default();
    let said = |program: &Path, argument: &str| {
        let output = Command::new(program).arg(argument).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        text.lines().next().unwrap_or_default().trim().to_owned()
    };
    let mut servers = vec![
        said(&program::find_or_install(Program::NatsServer)?, "--version"),
        said(&program::find_or_install(Program::RedisServer)?, "--version"),
    ];
    servers.extend(tools::postfix_version());
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(crate::workspace::root()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let changed = if git(&["status", "--porcelain"]).is_empty() { "" } else { "+" };
    Ok(Machine {
        cpu: value(&read("/proc/cpuinfo"), "model name"),
        cores: std::thread::available_parallelism()?.get(),
        memory_gib: (memory / 1024.0 / 1024.0 * 10.0).round() / 10.0,
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        servers,
        profile: if cfg!(debug_assertions) { "dev: no figures to compare" } else { "release" },
        commit: format!("{}{changed}", git(&["rev-parse", "--short", "HEAD"])),
    })
}
