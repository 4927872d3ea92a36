//! `cargo dev status`.

use std::process::ExitCode;

use anyhow::Result;

use super::arguments::Arguments;
use super::settings;
use crate::console;
use crate::stack::Status;

pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    arguments.end()?;
    let dir = settings()?.dir;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(Status::of(&dir))?;
    match status.holder {
        None => console::say(format_args!("nothing is running in {}; `cargo dev up` starts it", dir.display())),
        Some(_) if status.lines.is_empty() => console::say("the stack is about to start"),
        Some(_) => {
            let rows = status.lines.iter().map(|line| {
                let state = line.fault.as_ref().map_or("ready".to_owned(), |fault| format!("not ready: {fault}"));
                let process = line.pid.or(status.holder.filter(|_| ["inbox", "dns"].contains(&line.name.as_str())));
                let process = process.map_or("-".to_owned(), |pid| pid.to_string());
                [line.name.clone(), process, line.place.clone(), state]
            });
            console::say(console::table(&rows.collect::<Vec<_>>()));
        }
    }
    Ok(if status.all_ready() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
