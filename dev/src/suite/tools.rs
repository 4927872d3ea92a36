//! What only checks need: fetched where a registry can be reached, done without where it cannot.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::steps::outcome;
use super::{Context, Outcome};
use crate::backends::{Backend, Network};
use crate::{console, workspace};

/// Fetches what the web client's tests and the browser tests hold it against.
pub(super) fn fetch_for_web(node: &Path) {
    let script = workspace::root().join("web/scripts/tools.mjs");
    let fetched = Command::new(node).arg(script).stdin(Stdio::null()).status();
    if !fetched.is_ok_and(|status| status.success()) {
        console::say(
            "without altcha-lib, axe-core, React, Vue and the TypeScript compiler: what needs them is left out",
        );
    }
}

/// Checks the declarations beside the modules, where the compiler was fetched.
pub(super) fn check_declarations(node: &Path) -> Result<Outcome> {
    outcome(Command::new(node).arg(workspace::root().join("web/scripts/types.mjs")))
}

/// Fetches what back ends verify proofs with, for the system tests. Not every machine has all the languages.
#[expect(clippy::unnecessary_wraps, reason = "the form that all steps have")]
pub(super) fn fetch_for_backends(context: &mut Context) -> Result<Outcome> {
    if context.quick {
        return Ok(Outcome::Skipped("quick: the tests that run them are left out".to_owned()));
    }
    let mut lacking = Vec::new();
    for backend in Backend::ALL {
        match backend.ready(Network::On) {
            Ok(_command) => console::say(format_args!("{} is ready", backend.name())),
            Err(error) => {
                console::say(format_args!("{}: {error:#}", backend.name()));
                lacking.push(backend.name());
            }
        }
    }
    if lacking.len() == Backend::ALL.len() {
        return Ok(Outcome::Skipped("no language's library can be had here".to_owned()));
    }
    Ok(Outcome::Passed)
}
