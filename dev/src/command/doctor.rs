//! `cargo dev doctor`.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::arguments::Arguments;
use super::{EXIT_USAGE, Usage, settings};
use crate::console;
use crate::doctor::{self, Service, Surroundings, Wishes};
use crate::settings::ToolSettings;
use crate::stack::{StackFile, holder};

const NOTHING_TO_CHECK: &str = "cargo dev doctor: no OTP_ variable is set, and no local stack runs.\n\
    Set what the services have, as in an environment file: set -a; . ./otp.env; set +a; cargo dev doctor\n\
    or `cargo dev up` in another terminal, to look at that one";

pub(super) fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let json = arguments.flag("--json");
    let rcpt = match arguments.value("--rcpt") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| Usage::Excess(format!("--rcpt {text}")))?),
    };
    let services = match arguments.value("--service") {
        None => BTreeSet::new(),
        Some(list) => list.split(',').map(service).collect::<Result<_, _>>()?,
    };
    arguments.end()?;
    let Some(surroundings) = surroundings(settings()?) else {
        console::warn(NOTHING_TO_CHECK);
        return Ok(ExitCode::from(EXIT_USAGE));
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(doctor::examine(&surroundings, &Wishes { rcpt, services }));
    if json {
        console::say(serde_json::to_string_pretty(&report).context("the report")?);
    } else {
        console::say(&report);
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn service(name: &str) -> Result<Service, Usage> {
    let named = Service::ALL.into_iter().find(|service| service.name() == name.trim());
    named.ok_or_else(|| Usage::Excess(format!("--service {name}")))
}

/// The process's own variables if there are any, else a local stack's.
fn surroundings(settings: ToolSettings) -> Option<Surroundings> {
    if settings.caller.names().next().is_some() {
        let mut own = Surroundings::of_process();
        own.nats_operator = settings.nats_operator;
        own.redis_operator = settings.redis_operator;
        return Some(own);
    }
    let file = StackFile::read(&settings.dir).filter(|_| holder(&settings.dir).is_some())?;
    console::warn(format_args!("no OTP_ variable is set: looking at the stack in {}", settings.dir.display()));
    Surroundings::of_stack(&file)
}
