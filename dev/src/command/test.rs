//! `cargo dev test`.

use std::process::ExitCode;

use anyhow::Result;

use super::arguments::Arguments;
use crate::suite::{self, Selection};

pub(super) fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let quick = arguments.flag("--quick");
    let names = std::iter::from_fn(|| arguments.word()).collect();
    arguments.end()?;
    let passed = suite::run(&Selection { quick, names })?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
