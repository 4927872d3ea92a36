//! Processes by their id: signals, and whether an id still names the program that it named before.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::process::{Pid, kill_process, test_kill_process};

/// How often a process that shall end is looked at.
const POLL: Duration = Duration::from_millis(50);

/// The signals that the stack and its tests send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// `SIGTERM`: drain and end.
    Terminate,
    /// `SIGINT`.
    Interrupt,
    /// `SIGKILL`: end at once, without a chance to tidy up.
    Kill,
    /// `SIGSTOP`: stand still, as a machine that hangs.
    Stop,
    /// `SIGCONT`: go on after a stop.
    Continue,
}

impl From<Signal> for rustix::process::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Terminate => Self::TERM,
            Signal::Interrupt => Self::INT,
            Signal::Kill => Self::KILL,
            Signal::Stop => Self::STOP,
            Signal::Continue => Self::CONT,
        }
    }
}

/// Sends a signal.
///
/// # Errors
/// There is no such process, or it is another user's.
pub fn send(pid: u32, signal: Signal) -> Result<()> {
    kill_process(id(pid)?, signal.into()).with_context(|| format!("process {pid} can't be sent {signal:?}"))
}

/// Whether the process exists and is no zombie.
pub fn alive(pid: u32) -> bool {
    let Ok(id) = id(pid) else { return false };
    let exists = matches!(test_kill_process(id), Ok(()) | Err(Errno::PERM));
    exists && !is_zombie(pid)
}

/// Whether the process is this program, started for the stack in this directory: an id may name another one by now.
///
/// Its environment tells, or where it works: redis-server writes its title over its environment. Where there is no
/// `/proc`, `ps` tells the program and the directory goes unchecked.
pub fn belongs_to(pid: u32, program: &str, marker: &str, dir: &Path) -> bool {
    if !alive(pid) {
        return false;
    }
    if Path::new("/proc/self/comm").exists() {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let marked = environment.split(|byte| *byte == 0).any(|entry| entry == marker.as_bytes());
        let works_there = || std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|place| place.starts_with(dir));
        return name.trim() == program && (marked || works_there());
    }
    let listed = std::process::Command::new("ps").args(["-o", "comm=", "-p", &pid.to_string()]).output();
    listed.is_ok_and(|output| {
        let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Path::new(&name).file_name().is_some_and(|file| file == program)
    })
}

/// A line of `/proc/PID/status` in KiB, as `VmRSS` or `VmHWM`; `None` where there is no `/proc` or no such process.
pub(crate) fn memory_kib(pid: u32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The environment that a process was started with; `None` where there is no `/proc`, or it is another user's.
pub fn variables(pid: u32) -> Option<Vec<(String, String)>> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let entry = |entry: &[u8]| {
        let (name, value) = std::str::from_utf8(entry).ok()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    Some(environment.split(|byte| *byte == 0).filter_map(entry).collect())
}

/// Asks a process to end and waits; after the deadline it is killed. For processes that are no children of this one.
pub fn end(pid: u32, patience: Duration) {
    if send(pid, Signal::Terminate).is_err() {
        return;
    }
    if !gone_within(pid, patience) && send(pid, Signal::Kill).is_ok() {
        gone_within(pid, patience);
    }
}

fn gone_within(pid: u32, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if !alive(pid) {
            return true;
        }
        std::thread::sleep(POLL);
    }
    !alive(pid)
}

fn id(pid: u32) -> Result<Pid> {
    let raw = i32::try_from(pid).ok().filter(|raw| *raw > 0).context("no process id")?;
    Pid::from_raw(raw).context("no process id")
}

/// A zombie has ended; only its parent has not asked yet, which in a container may never happen.
fn is_zombie(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name stands in parentheses and may hold anything; the state is the first field after the last one.
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_name_and_marker() {
        let mut child =
            std::process::Command::new("sleep").arg("60").env("OTP_DEV_STACK", "/here").spawn().expect("sleep");
        let pid = child.id();
        let deadline = Instant::now() + Duration::from_secs(5);
        // Between fork and exec the child still has its parent's name.
        let is = |name, marker| belongs_to(pid, name, marker, Path::new("/nowhere"));
        while !is("sleep", "OTP_DEV_STACK=/here") && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        assert!(is("sleep", "OTP_DEV_STACK=/here"));
        assert!(!is("nats-server", "OTP_DEV_STACK=/here"));
        if cfg!(target_os = "linux") {
            assert!(!is("sleep", "OTP_DEV_STACK=/elsewhere"));
        }
        end(pid, Duration::from_secs(5));
        assert!(!alive(pid), "a zombie does not count as alive");
        child.wait().expect("wait");
    }

    #[test]
    fn no_id_is_no_process() {
        assert!(!alive(0));
        assert!(!alive(u32::MAX));
        assert!(send(0, Signal::Terminate).is_err());
    }
}
