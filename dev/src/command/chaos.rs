//! `cargo dev chaos`.

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Usage;
use super::arguments::Arguments;
use crate::chaos::{self, Kinds, Settings};
use crate::stack::{NatsNodes, Notices, Options};
use crate::{console, workspace};

/// Requests a second unless said otherwise: a system at work, with room for what a breakage leaves to catch up on.
const RATE: f64 = 50.0;

pub(super) fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let minutes: f64 = number(&mut arguments, "--minutes", 10.0)?;
    let settings = Settings {
        seed: number(&mut arguments, "--seed", rand::random_range(0..1_000_000))?,
        lasts: Duration::try_from_secs_f64(minutes * 60.0).context("--minutes")?,
        rate: number(&mut arguments, "--rate", RATE)?,
        kinds: match arguments.value("--break") {
            None => Kinds::ALL,
            Some(text) => Kinds::parse(&text).ok_or(Usage::Excess(format!("--break {text}")))?,
        },
        instances: number(&mut arguments, "--instances", 2)?,
        overlap: arguments.flag("--overlap"),
    };
    let each = arguments.flag("--each");
    let nats_nodes = if arguments.flag("--cluster") { NatsNodes::Three } else { NatsNodes::One };
    arguments.end()?;
    // Runs with different seeds go side by side.
    let dir = workspace::root().join("target/chaos").join(settings.seed.to_string());
    if dir.exists() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("{} can't be cleared", dir.display()))?;
    }
    let notices = Notices::new(|line| console::say(format_args!("cargo dev: {line}")));
    let options = Options { caller: super::settings()?.caller, nats_nodes, ..Options::isolated(&dir)? };
    console::say(format_args!("seed {}; logs are in {}", settings.seed, dir.join("logs").display()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let holds = if each {
        let reports = runtime.block_on(chaos::each(options, &settings, &notices))?;
        console::say(chaos::survey(&reports));
        reports.iter().all(|(_, report)| report.holds())
    } else {
        let report = runtime.block_on(chaos::run(options, settings, &notices))?;
        console::say(&report);
        report.holds()
    };
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn number<T: FromStr>(arguments: &mut Arguments, name: &str, default: T) -> Result<T, Usage> {
    match arguments.value(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| Usage::Excess(format!("{name} {text}"))),
    }
}
