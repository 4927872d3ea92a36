//! `cargo dev attack`: the tests that attack the system, for longer than among the tests.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::Usage;
use super::arguments::Arguments;
use crate::workspace;

/// The flags that make an attack longer or another one, with the variables that the tests read.
const NUMBERS: [(&str, &str); 3] =
    [("--samples", "OTP_TEST_SAMPLES"), ("--rounds", "OTP_TEST_ROUNDS"), ("--seed", "OTP_TEST_SEED")];

pub(super) fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let mut command = workspace::cargo();
    command.args(["test", "--package", "otp-dev", "--test", "it"]).args(workspace::profile());
    for (flag, variable) in NUMBERS {
        if let Some(text) = arguments.value(flag) {
            let number: u32 = text.parse().map_err(|_| Usage::Excess(format!("{flag} {text}")))?;
            command.env(variable, number.to_string());
        }
    }
    // Figures are what it is run for; one attack after the other, so that none times what another does.
    let name = arguments.word().map_or_else(|| "attack::".to_owned(), |name| format!("attack::{name}"));
    arguments.end()?;
    let status = command.args(["--", "--nocapture", "--test-threads", "1", &name]).status();
    let status = status.context("cargo can't be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
