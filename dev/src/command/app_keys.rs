//! `cargo dev app-keys`: fresh keys of an application, as `otp-gateway app-keys` prints them.

use std::process::ExitCode;

use anyhow::Result;
use otp_gateway::apps::key;

use super::arguments::Arguments;
use crate::console;

pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    arguments.end()?;
    console::say(format_args!("{}", key::fresh_pair()?.trim_end()));
    Ok(ExitCode::SUCCESS)
}
