//! The steps, in their order: what is quick to fail comes first.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::{Context, Outcome, chances, sbom, tools};
use crate::program::{self, Program};
use crate::{console, workspace};

/// What the browser and system tests run.
const TEST_PROGRAMS: [Program; 4] =
    [Program::NatsServer, Program::RedisServer, Program::Chromium, Program::ChromeDriver];
/// The web client's tests need its test runner's options.
const NODE_MAJOR_MIN: u32 = 18;
/// What the tests themselves are told, as a newer nats-server to run on as well.
const FOR_TESTS: &str = "OTP_TEST_";
/// The contract crate's promise: none of these without its feature.
const NOT_IN_CONTRACT: [&str; 3] = ["tokio", "async-nats", "axum"];

/// One check.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) needs_build: bool,
    pub(super) run: fn(&mut Context) -> Result<Outcome>,
}

pub(super) const STEPS: [Step; 9] = [
    Step { name: "format", about: "rustfmt leaves all as it is", needs_build: false, run: format },
    Step { name: "web", about: "the web client's unit tests", needs_build: false, run: web },
    Step { name: "licences", about: "licences, sources, duplicate versions", needs_build: false, run: licences },
    Step { name: "sbom", about: "what each program is made of", needs_build: false, run: sbom::write },
    Step { name: "contract", about: "the contract builds alone, without tokio", needs_build: false, run: contract },
    Step { name: "lints", about: "clippy finds nothing", needs_build: false, run: lints },
    Step {
        name: "backends",
        about: "the examples for back ends build with their libraries",
        needs_build: false,
        run: tools::fetch_for_backends,
    },
    Step { name: "build", about: "everything builds, tests included", needs_build: false, run: build },
    Step { name: "test", about: "unit, contract, service, system and browser tests", needs_build: true, run: test },
];

fn format(_: &mut Context) -> Result<Outcome> {
    cargo(&["fmt", "--all", "--check"])
}

fn lints(_: &mut Context) -> Result<Outcome> {
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn contract(_: &mut Context) -> Result<Outcome> {
    let alone = ["--package", "otp-nats", "--no-default-features"];
    if let Outcome::Failed(why) = cargo(&[&["check"], alone.as_slice()].concat())? {
        return Ok(Outcome::Failed(why));
    }
    let listing = ["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let output = workspace::cargo().args(listing).args(alone).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("cargo tree failed ({})", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    console::say(format_args!("{} packages", names.len()));
    match NOT_IN_CONTRACT.iter().find(|name| names.contains(name)) {
        Some(name) => Ok(Outcome::Failed(format!("the contract depends on {name}"))),
        None => Ok(Outcome::Passed),
    }
}

/// The same selection of packages and targets as the tests have, so that nothing is compiled twice.
fn build(context: &mut Context) -> Result<Outcome> {
    if context.quick {
        return Ok(Outcome::Skipped("quick: the next step builds what it needs".to_owned()));
    }
    match workspace::build_for_tests() {
        Ok(services) => {
            context.services = Some(services);
            Ok(Outcome::Passed)
        }
        Err(error) => {
            context.build_failed = true;
            Err(error)
        }
    }
}

fn test(context: &mut Context) -> Result<Outcome> {
    let mut arguments = vec!["--workspace", "--no-fail-fast"];
    if context.quick {
        arguments.push("--lib");
    } else {
        program::install_missing(&TEST_PROGRAMS)?;
    }
    chances::run(&arguments, |command| {
        // Whoever calls has perhaps set the services up for other things: tests have their own settings.
        let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
        for name in names.filter(|name| name.starts_with("OTP_") && !name.starts_with(FOR_TESTS)) {
            command.env_remove(name);
        }
        if let Some(services) = &context.services {
            command.env("OTP_DEV_BINARIES", services);
        }
    })
}

fn web(context: &mut Context) -> Result<Outcome> {
    let node = program::find_or_install(Program::Node)?;
    let version = Command::new(&node).arg("--version").output()?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|text| text.parse().ok());
    if major.is_none_or(|major: u32| major < NODE_MAJOR_MIN) {
        return Ok(Outcome::Failed(format!("node is {version:?}; {NODE_MAJOR_MIN} or later is needed")));
    }
    // Each file by name: whether a folder is searched differs from version to version.
    let mut files = Vec::new();
    collect_tests(&workspace::root().join("web/tests"), &mut files)?;
    if files.is_empty() {
        return Ok(Outcome::Failed("there are no tests in web/tests".to_owned()));
    }
    files.sort();
    if !context.quick {
        tools::fetch_for_web(&node);
    }
    match outcome(Command::new(&node).arg("--test").args(files).current_dir(workspace::root().join("web")))? {
        Outcome::Passed if !context.quick => tools::check_declarations(&node),
        other => Ok(other),
    }
}

fn collect_tests(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() && name != "node_modules" {
            collect_tests(&path, files)?;
        } else if [".test.js", ".test.mjs"].iter().any(|end| name.ends_with(end)) {
            files.push(path);
        }
    }
    Ok(())
}

fn licences(_: &mut Context) -> Result<Outcome> {
    let there = workspace::cargo().args(["deny", "--version"]).output().is_ok_and(|output| output.status.success());
    if !there {
        let how = "cargo-deny is not installed: cargo install cargo-deny --locked";
        return Ok(Outcome::Skipped(how.to_owned()));
    }
    cargo(&["deny", "check", "bans", "licenses", "sources"])
}

fn cargo(arguments: &[&str]) -> Result<Outcome> {
    outcome(workspace::cargo().args(arguments))
}

pub(super) fn outcome(command: &mut Command) -> Result<Outcome> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("{} can't be started", command.get_program().display()))?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed(status.to_string()) })
}
