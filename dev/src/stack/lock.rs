//! One stack in a directory: a lock that the system gives back when its holder ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::part::Part;
use super::state::StackFile;
use crate::process::{self, Signal};

/// What a left-over process gets to end by itself: a drain takes at most 25 s unless it was told otherwise.
const LEFTOVER_PATIENCE: Duration = Duration::from_secs(30);
/// What a whole stack gets to end in order: the services' drain, then the servers.
const STACK_PATIENCE: Duration = Duration::from_secs(60);
/// So many refusals of the lock in a row say that it is held.
const LOOKS: usize = 3;
/// How long to wait between two looks.
const POLL: Duration = Duration::from_millis(50);

/// The variable by which a process of a stack is recognised; its value is the stack's directory.
const MARKER: &str = "OTP_DEV_STACK";

/// The right to run a stack in a directory.
#[derive(Debug)]
pub(super) struct StackLock {
    // Closing the file gives the lock back.
    _file: File,
}

impl StackLock {
    /// Takes the lock, which also notes this process's id in it.
    ///
    /// # Errors
    /// Another process holds it; the error names its id.
    pub(super) fn take(dir: &Path) -> Result<Self> {
        let path = path(dir);
        let mut file = open(&path).with_context(|| format!("{} can't be opened", path.display()))?;
        // A look at the lock holds it for a moment, so one refusal is no proof.
        let looked = (1..LOOKS).map(|_| file.try_lock()).find(|taken| {
            let taken = taken.is_ok();
            if !taken {
                std::thread::sleep(POLL);
            }
            taken
        });
        match looked.unwrap_or_else(|| file.try_lock()) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = noted(&mut file).map_or_else(String::new, |pid| format!(" (process {pid})"));
                bail!("a stack is already running in {}{pid}; see `cargo dev status`", dir.display());
            }
            Err(TryLockError::Error(error)) => return Err(error).context("the stack's lock"),
        }
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())?;
        file.flush()?;
        Ok(Self { _file: file })
    }
}

/// The process that runs the stack in this directory; `None` when none does.
pub fn holder(dir: &Path) -> Option<u32> {
    let mut file = File::open(path(dir)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => noted(&mut file),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// Stops the stack in this directory and waits until it is gone; what its holder left behind too. Whether one ran.
///
/// # Errors
/// It does not end.
pub fn stop(dir: &Path) -> Result<bool> {
    let running = holder(dir);
    if let Some(pid) = running {
        process::send(pid, Signal::Terminate)?;
        if !released_within(dir, STACK_PATIENCE) {
            process::send(pid, Signal::Kill)?;
            if !released_within(dir, STACK_PATIENCE) {
                bail!("process {pid}, which minds the stack, does not end");
            }
        }
    }
    let left = clear_leftovers(dir);
    Ok(running.is_some() || !left.is_empty())
}

/// Ends processes that an earlier stack in this directory left behind when it was killed, and removes its file. Only
/// what still is the recorded program, started for this very directory, is touched.
pub(super) fn clear_leftovers(dir: &Path) -> Vec<String> {
    let Some(file) = StackFile::read(dir) else { return Vec::new() };
    let is_left = |name: &str, pid: u32| {
        Part::of(name).is_some_and(|part| process::belongs_to(pid, part.program(), &marker(dir), dir))
    };
    let left: Vec<(String, u32)> = file.pids.into_iter().filter(|(name, pid)| is_left(name, *pid)).collect();
    // Services first: they drain into the servers.
    let (services, servers): (Vec<_>, Vec<_>) =
        left.iter().partition(|(name, _)| Part::of(name).is_some_and(|part| Part::SERVICES.contains(&part)));
    for group in [services, servers] {
        std::thread::scope(|scope| {
            for (_, pid) in group {
                scope.spawn(move || process::end(*pid, LEFTOVER_PATIENCE));
            }
        });
    }
    drop(std::fs::remove_file(StackFile::path(dir)));
    left.into_iter().map(|(name, pid)| format!("{name} ({pid})")).collect()
}

/// The environment's entry by which a process of this stack is recognised.
pub(super) fn marker(dir: &Path) -> String {
    format!("{MARKER}={}", dir.display())
}

fn released_within(dir: &Path, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while holder(dir).is_some() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}

fn path(dir: &Path) -> PathBuf {
    dir.join("lock")
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

fn noted(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_named_while_it_holds() {
        let folder = tempfile::tempdir().expect("folder");
        assert_eq!(holder(folder.path()), None);
        let lock = StackLock::take(folder.path()).expect("free");
        assert_eq!(holder(folder.path()), Some(std::process::id()));
        let said = StackLock::take(folder.path()).expect_err("held").to_string();
        assert!(said.contains("already running") && said.contains(&std::process::id().to_string()), "{said}");
        drop(lock);
        assert_eq!(holder(folder.path()), None);
        StackLock::take(folder.path()).expect("free again");
    }
}
