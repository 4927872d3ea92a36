//! `cargo dev bench`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::Usage;
use super::arguments::Arguments;
use crate::bench::{self, Settings};
use crate::{console, workspace};

/// Runs of each benchmark unless said otherwise: a median and a spread.
const RUNS: usize = 3;

pub(super) fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let runs = match arguments.value("--runs") {
        None => RUNS,
        Some(text) => text.parse().ok().filter(|runs| *runs > 0).ok_or(Usage::Excess(format!("--runs {text}")))?,
    };
    let quick = arguments.flag("--quick");
    let json = arguments.value("--json");
    let json = json.map_or_else(|| workspace::target().join("bench.json"), Into::into);
    let names: Vec<String> = std::iter::from_fn(|| arguments.word()).collect();
    arguments.end()?;
    // What is compiled for tests is slower by more than what is looked for.
    if cfg!(debug_assertions) && !quick {
        return with_optimisation();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let holds = runtime.block_on(bench::run(&Settings { names, runs, quick, json }))?;
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same command of a tool that is built as releases are.
fn with_optimisation() -> Result<ExitCode> {
    console::say("building as for a release");
    let mut command = workspace::cargo();
    command.args(["run", "--release", "--quiet", "--package", "otp-dev", "--"]).args(std::env::args_os().skip(1));
    // The caller's folder counts: `--json` may be a relative path.
    command.current_dir(std::env::current_dir()?);
    let status = command.status().context("cargo can't be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `cargo dev bench-anchor NAME DIRECTORY`: what a benchmark starts, and nobody else.
pub(super) fn anchor(mut arguments: Arguments) -> Result<ExitCode> {
    let name = arguments.word().unwrap_or_default();
    let directory = arguments.word().unwrap_or_default();
    arguments.end()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(bench::serve_anchor(&name, Path::new(&directory)))?;
    Ok(ExitCode::SUCCESS)
}
