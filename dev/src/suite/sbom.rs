//! What each program is made of, as a `CycloneDX` document: for whoever passes the programs on, and whoever has to know
//! within the hour whether a library with a hole is in them.

use std::process::Stdio;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Context, Outcome};
use crate::stack::Part;
use crate::{console, workspace};

/// The newest that cargo-sbom writes.
const FORMAT: &str = "cyclone_dx_json_1_6";
/// A service has hundreds of libraries: a document with fewer is none of it.
const COMPONENTS_MIN: usize = 100;

/// Writes `target/sbom/<program>.cdx.json` for each service.
pub(super) fn write(_: &mut Context) -> Result<Outcome> {
    let there = workspace::cargo().args(["sbom", "--version"]).output().is_ok_and(|output| output.status.success());
    if !there {
        return Ok(Outcome::Skipped("cargo-sbom is not installed: cargo install cargo-sbom --locked".to_owned()));
    }
    let folder = workspace::root().join("target/sbom");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for part in Part::SERVICES {
        let arguments = ["sbom", "--cargo-package", part.program(), "--output-format", FORMAT];
        let output = workspace::cargo().args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Ok(Outcome::Failed(format!("{}: {}", part.program(), output.status)));
        }
        let document: Value = serde_json::from_slice(&output.stdout).context("cargo-sbom wrote no JSON")?;
        let components = document["components"].as_array().map_or(0, Vec::len);
        if document["bomFormat"] != "CycloneDX" || components < COMPONENTS_MIN {
            return Ok(Outcome::Failed(format!("{}: {components} components are not all", part.program())));
        }
        let path = folder.join(format!("{}.cdx.json", part.program()));
        std::fs::write(&path, &output.stdout).with_context(|| path.display().to_string())?;
        console::say(format_args!("{}: {components} components", path.display()));
    }
    Ok(Outcome::Passed)
}
