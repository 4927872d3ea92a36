//! Core dumps, which would write codes, addresses and keys to a disk.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Sees to it that a crash leaves no memory behind: the limit for core files becomes 0 for good, and on Linux the
/// process is marked as not dumpable. The mark counts also where the kernel pipes dumps into a program, which no limit
/// stops, and keeps other processes of the same user from reading this one's memory and environment.
///
/// # Errors
/// The system refuses.
pub(super) fn forbid() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
