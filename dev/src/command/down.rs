//! `cargo dev down`.

use std::process::ExitCode;

use anyhow::Result;

use super::arguments::Arguments;
use super::settings;
use crate::{console, stack};

pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    arguments.end()?;
    let dir = settings()?.dir;
    // A stack is known by its directory's real path.
    let dir = dir.canonicalize().unwrap_or(dir);
    console::say(if stack::stop(&dir)? { "stopped" } else { "nothing is running" });
    Ok(ExitCode::SUCCESS)
}
