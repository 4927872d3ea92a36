//! `cargo dev fuzz`: the fuzz targets under libFuzzer.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use super::Usage;
use super::arguments::Arguments;
use crate::fuzz::TARGETS;
use crate::{console, workspace};

/// How long a target runs unless told otherwise: long enough to find again what was ever found.
const SECONDS: u64 = 60;
/// No parser takes longer for what fits into a request; one that does is a finding.
const INPUT_WITHIN_S: u64 = 5;
/// The same for memory: the whole of a fuzzer with its corpus stays far below.
const MEMORY_MAX_MB: u64 = 1024;

pub(super) fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let seconds = match arguments.value("--seconds") {
        None => SECONDS,
        Some(text) => text.parse().map_err(|_| Usage::Excess(format!("--seconds {text}")))?,
    };
    let keep = arguments.flag("--keep");
    let named: Vec<String> = std::iter::from_fn(|| arguments.word()).collect();
    arguments.end()?;
    if let Some(unknown) = named.iter().find(|name| TARGETS.iter().all(|(target, _)| target != name)) {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        return Err(Usage::Excess(format!("target {unknown}, which is none of {}", names.join(", "))).into());
    }
    available()?;
    let mut found = Vec::new();
    for (target, _) in TARGETS.iter().filter(|(target, _)| named.is_empty() || named.iter().any(|name| name == target))
    {
        console::say(format_args!("\n== {target}: {seconds} s"));
        let folders = Folders::of(target)?;
        if !folders.fuzz(target, seconds)? {
            found.push(*target);
        } else if keep {
            folders.keep(target)?;
        }
    }
    if found.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    console::warn(format_args!("found something: {}; the inputs are in target/fuzz/findings", found.join(", ")));
    Ok(ExitCode::FAILURE)
}

/// libFuzzer needs a nightly compiler, which the rest of the project does without.
fn cargo_fuzz() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "fuzz"]).current_dir(workspace::root());
    command
}

fn available() -> Result<()> {
    let there = cargo_fuzz().arg("--version").output().is_ok_and(|output| output.status.success());
    if there {
        return Ok(());
    }
    bail!(
        "there is no cargo-fuzz: rustup toolchain install nightly --profile minimal; cargo install cargo-fuzz --locked"
    )
}

/// Where a target's inputs are.
struct Folders {
    /// Those that stay, in the checkout.
    kept: PathBuf,
    /// What this machine's runs have found beyond them.
    work: PathBuf,
    /// What breaks a property.
    findings: PathBuf,
}

impl Folders {
    fn of(target: &str) -> Result<Self> {
        let root = workspace::root();
        let under = |place: &str| root.join(place).join(target);
        let folders = Self {
            kept: under("dev/fuzz/corpus"),
            work: under("target/fuzz/corpus"),
            findings: under("target/fuzz/findings"),
        };
        for folder in [&folders.kept, &folders.work, &folders.findings] {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        Ok(folders)
    }

    /// Runs the target. Whether nothing was found.
    fn fuzz(&self, target: &str, seconds: u64) -> Result<bool> {
        let status = Self::libfuzzer(target, &[&self.work, &self.kept])
            .args([format!("-max_total_time={seconds}"), "-print_final_stats=1".to_owned()])
            .arg(format!("-artifact_prefix={}/", self.findings.display()))
            .status()?;
        Ok(status.success())
    }

    /// Leaves the fewest inputs in the checkout that reach all code that is reached so far, however often.
    fn keep(&self, target: &str) -> Result<()> {
        let fewest = self.work.with_extension("fewest");
        std::fs::create_dir_all(&fewest)?;
        let merge = ["-set_cover_merge=1", "-use_counters=0"];
        let status = Self::libfuzzer(target, &[&fewest, &self.kept, &self.work]).args(merge).status()?;
        if !status.success() {
            bail!("the corpus of {target} can't be merged ({status})");
        }
        std::fs::remove_dir_all(&self.kept)?;
        std::fs::create_dir_all(&self.kept)?;
        for entry in std::fs::read_dir(&fewest)? {
            let entry = entry?;
            std::fs::copy(entry.path(), self.kept.join(entry.file_name()))?;
        }
        std::fs::remove_dir_all(&fewest)?;
        Ok(())
    }

    fn libfuzzer(target: &str, folders: &[&Path]) -> Command {
        let mut command = cargo_fuzz();
        command.args(["run", "--fuzz-dir", "dev/fuzz", "--target-dir", "target/fuzz/build"]);
        // Quicker to build, which is most of the time of a short run.
        command.args(["--codegen-units", "16"]);
        // The code is free of `unsafe`; an address sanitizer would halve the speed to watch its dependencies.
        command.args(["--sanitizer", "none", target]).args(folders).arg("--");
        command.args([format!("-timeout={INPUT_WITHIN_S}"), format!("-rss_limit_mb={MEMORY_MAX_MB}")]);
        command
    }
}
