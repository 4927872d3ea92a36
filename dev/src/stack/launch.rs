//! How a process of the stack is started: program, arguments, environment, log.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::{Child, Command};

use super::part::Instance;

/// So much of a log's end is shown when something fails to start.
const TAIL_LINES: usize = 25;
/// A log is read back so far for that.
const TAIL_OCTETS: u64 = 64 * 1024;

/// Everything that a start needs, so that a second one is as the first.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) instance: Instance,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    /// All `OTP_` and `OTEL_` variables of the process; those of the tool itself are not passed on.
    pub(super) environment: BTreeMap<String, String>,
    /// `NAME=directory`, by which the process is recognised later.
    pub(super) marker: String,
    pub(super) directory: PathBuf,
    pub(super) log: PathBuf,
    /// How long it may take to end after SIGTERM.
    pub(super) patience: Duration,
}

impl Launch {
    /// Starts the process. It ends with this one: when dropped, and where the system can see to it also when this one
    /// is killed.
    pub(super) fn spawn(&self) -> Result<Child> {
        let log = self.open_log().with_context(|| format!("{} can't be written", self.log.display()))?;
        let mut command = bound_to_parent(&self.program);
        for (name, _) in std::env::vars_os() {
            if ["OTP_", "OTEL_"].iter().any(|start| name.to_string_lossy().starts_with(start)) {
                command.env_remove(name);
            }
        }
        let (name, value) = self.marker.split_once('=').unwrap_or((&self.marker, ""));
        command
            .args(&self.arguments)
            .envs(&self.environment)
            .env(name, value)
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A group of its own: Ctrl-C reaches the tool alone, which then ends all in order.
            .process_group(0)
            .kill_on_drop(true);
        command.spawn().with_context(|| format!("{} can't be started", self.program.display()))
    }

    /// The end of the log, for whoever has to find out why it does not start.
    pub(super) fn tail(&self) -> String {
        tail(&self.log, TAIL_LINES)
    }

    fn open_log(&self) -> std::io::Result<File> {
        OpenOptions::new().create(true).append(true).open(&self.log)
    }
}

/// The last lines of a log.
pub fn tail(log: &Path, lines: usize) -> String {
    let text = end_of(log).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    let last = all.iter().skip(all.len().saturating_sub(lines));
    last.flat_map(|line| ["    ", line, "\n"]).collect()
}

fn end_of(log: &Path) -> std::io::Result<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_OCTETS)))?;
    let mut octets = Vec::new();
    file.take(TAIL_OCTETS).read_to_end(&mut octets)?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

/// On Linux `setpriv` asks the kernel for a SIGTERM when the parent ends, and then becomes the program. Elsewhere a
/// stack that was killed leaves its processes to the next `up`, which ends them.
fn bound_to_parent(program: &Path) -> Command {
    static SETPRIV: OnceLock<bool> = OnceLock::new();
    let usable = *SETPRIV.get_or_init(|| {
        let tried = std::process::Command::new("setpriv").args(["--pdeathsig", "TERM", "true"]).output();
        tried.is_ok_and(|output| output.status.success())
    });
    if !usable {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_last_lines() {
        let folder = tempfile::tempdir().expect("folder");
        let log = folder.path().join("some.log");
        assert_eq!(tail(&log, 2), "");
        std::fs::write(&log, "one\ntwo\nthree\n").expect("written");
        assert_eq!(tail(&log, 2), "    two\n    three\n");
    }
}
