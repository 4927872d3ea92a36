//! What only checks of the web client need: fetched where npm reaches a registry, done without where it does not.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::Outcome;
use super::steps::outcome;
use crate::{console, workspace};

/// Fetches the tools, for the browser tests as well, and checks the declarations beside the modules with them.
pub(super) fn check_declarations(node: &Path) -> Result<Outcome> {
    let scripts = workspace::root().join("web/scripts");
    let fetched = Command::new(node).arg(scripts.join("tools.mjs")).stdin(Stdio::null()).status();
    if !fetched.is_ok_and(|status| status.success()) {
        console::say("without axe-core, React, Vue and the TypeScript compiler: what needs them is left out");
    }
    outcome(Command::new(node).arg(scripts.join("types.mjs")))
}
