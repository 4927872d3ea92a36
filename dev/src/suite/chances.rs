//! The tests, and another chance for those of the whole system.
//!
//! A system test waits for real processes beside a hundred others on however few cores there are. One that fails there
//! is run once more, alone, and told as unsteady when it passes then: it is a defect to look into, and says nothing of
//! the change that is being tested. Everything else has one chance.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::Outcome;
use crate::{console, workspace};

/// Only these have another chance, as cargo names them.
const SYSTEM_TESTS: &str = "-p otp-dev --test it";
/// With more failures than this it is no accident.
const UNSTEADY_MAX: usize = 2;

/// Tests that failed.
#[derive(Debug, Default, PartialEq)]
struct Failures {
    /// Of the test program that runs.
    current: Vec<String>,
    /// System tests.
    system: Vec<String>,
    /// Any other, or a test program that ended otherwise.
    others: bool,
}

impl Failures {
    /// Notes what a line of cargo or of a test program says.
    fn note(&mut self, line: &str) {
        let failed = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"));
        if let Some(name) = failed {
            self.current.push(name.to_owned());
        } else if line.trim_start().starts_with("Running ") {
            self.others |= !self.current.is_empty();
            self.current.clear();
        } else if let Some((_, rest)) = line.split_once(" failed, to rerun pass `") {
            let failed = std::mem::take(&mut self.current);
            if rest.starts_with(&format!("{SYSTEM_TESTS}`")) && !failed.is_empty() {
                self.system.extend(failed);
            } else {
                self.others = true;
            }
        }
    }

    /// What may be tried again.
    fn accidents(&self) -> Option<&[String]> {
        let few = !self.system.is_empty() && self.system.len() <= UNSTEADY_MAX;
        (few && !self.others && self.current.is_empty()).then_some(&self.system)
    }
}

/// Runs `cargo test`, and once more what may have failed by accident; `prepare` sets both up.
pub(super) fn run(arguments: &[&str], prepare: impl Fn(&mut Command)) -> Result<Outcome> {
    let mut command = workspace::cargo();
    command.arg("test").args(arguments).args(workspace::profile());
    prepare(&mut command);
    let (succeeded, failures) = watched(command)?;
    if succeeded {
        return Ok(Outcome::Passed);
    }
    let Some(names) = failures.accidents() else { return Ok(Outcome::Failed("tests failed".to_owned())) };
    console::say(format_args!("\nonce more, alone: {}", names.join(", ")));
    let mut again = workspace::cargo();
    again.arg("test").args(SYSTEM_TESTS.split(' ')).args(workspace::profile());
    again.args(["--", "--exact", "--test-threads", "1"]).args(names);
    prepare(&mut again);
    let (succeeded, _) = watched(again)?;
    Ok(if succeeded {
        Outcome::Unsteady(names.join(", "))
    } else {
        Outcome::Failed(format!("failed twice: {}", names.join(", ")))
    })
}

/// Runs it, shows what it says, and notes what failed.
fn watched(mut command: Command) -> Result<(bool, Failures)> {
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().context("cargo can't be started")?;
    // It holds the pipe's other end, which would never close.
    drop(command);
    let (mut failures, mut reader, mut line) = (Failures::default(), BufReader::new(reader), Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        console::say(text.trim_end());
        failures.note(text.trim_end());
        line.clear();
    }
    Ok((child.wait()?.success(), failures))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(lines: &[&str]) -> Failures {
        let mut failures = Failures::default();
        for line in lines {
            failures.note(line);
        }
        failures
    }

    const RERUN: &str = "error: test failed, to rerun pass `-p otp-dev --test it`";

    #[test]
    fn a_system_test_has_another_chance() {
        let failures = noted(&["     Running tests/it/main.rs (x)", "test a::b ... FAILED", "test c ... ok", RERUN]);
        assert_eq!(failures.accidents(), Some(&["a::b".to_owned()][..]));
    }

    #[test]
    fn nothing_else_has() {
        let other = "error: test failed, to rerun pass `-p otp-nats --lib`";
        assert_eq!(noted(&["test a ... FAILED", other]).accidents(), None);
        assert_eq!(noted(&["test a ... FAILED", RERUN, "test b ... FAILED", other]).accidents(), None);
        let doctest = "error: doctest failed, to rerun pass `-p otp-nats --doc`";
        assert_eq!(noted(&["test a ... FAILED", RERUN, doctest]).accidents(), None);
        assert_eq!(noted(&[RERUN]).accidents(), None, "the program ended without a word");
        assert_eq!(noted(&["error: could not compile"]).accidents(), None);
        let many = ["test a ... FAILED", "test b ... FAILED", "test c ... FAILED", RERUN];
        assert_eq!(noted(&many).accidents(), None);
    }
}
