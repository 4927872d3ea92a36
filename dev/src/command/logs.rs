//! `cargo dev logs`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::arguments::Arguments;
use super::settings;
use crate::{console, stack};

/// Lines shown of each log unless told otherwise.
const LINES_DEFAULT: usize = 20;

pub(super) fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let lines = arguments.value("--lines").map(|text| text.parse().context("--lines takes a number")).transpose()?;
    let name = arguments.word();
    arguments.end()?;
    let logs = settings()?.dir.join("logs");
    let mut names: Vec<String> = std::fs::read_dir(&logs)
        .into_iter()
        .flatten()
        .filter_map(|file| file.ok()?.file_name().to_str()?.strip_suffix(".log").map(str::to_owned))
        .collect();
    names.sort();
    if let Some(name) = name {
        if !names.contains(&name) {
            bail!("there is no log {name:?}; there are: {}", names.join(", "));
        }
        names = vec![name];
    }
    for name in names {
        let log = logs.join(format!("{name}.log"));
        console::say(format_args!("{}\n{}", log.display(), stack::tail(&log, lines.unwrap_or(LINES_DEFAULT))));
    }
    Ok(ExitCode::SUCCESS)
}
