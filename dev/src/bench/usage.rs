//! What processes use: CPU and memory, from `/proc`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::figures::float;
use crate::process;

/// `/proc` counts CPU in hundredths of a second, on every Linux there is.
const TICKS: f64 = 100.0;

/// CPU of some processes from one moment on.
#[derive(Debug)]
pub(super) struct Usage {
    since: Instant,
    /// Process ids and CPU seconds at the start, by name.
    before: BTreeMap<String, (u32, f64)>,
}

/// What they used.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) took: Duration,
    /// Seconds, by name.
    pub(super) cpu: BTreeMap<String, f64>,
}

impl Usage {
    /// Begins to count.
    pub(super) fn start(processes: impl IntoIterator<Item = (String, u32)>) -> Result<Self> {
        let before = processes.into_iter().map(|(name, pid)| Ok((name, (pid, cpu_seconds(pid)?))));
        Ok(Self { before: before.collect::<Result<_>>()?, since: Instant::now() })
    }

    /// What was used since the start.
    pub(super) fn end(self) -> Result<Used> {
        let took = self.since.elapsed();
        let cpu = self.before.into_iter().map(|(name, (pid, before))| Ok((name, cpu_seconds(pid)? - before)));
        Ok(Used { took, cpu: cpu.collect::<Result<_>>()? })
    }
}

impl Used {
    /// Seconds of one process.
    pub(super) fn of(&self, name: &str) -> f64 {
        self.cpu.get(name).copied().unwrap_or(f64::NAN)
    }
}

/// Microseconds for each of `count`, and the share of a core, by process.
impl Used {
    pub(super) fn told(&self, count: f64) -> String {
        let each = self.cpu.iter().map(|(name, seconds)| {
            let share = seconds / self.took.as_secs_f64() * 100.0;
            format!("{name} {:.0} us ({share:.0} %)", seconds / count.max(1.0) * 1e6)
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

/// CPU seconds that a process has used: in user mode and in the kernel.
pub(super) fn cpu_seconds(pid: u32) -> Result<f64> {
    seconds(pid, [11, 12])
}

/// CPU seconds of all processes that this one has started and that have ended.
pub(super) fn children_seconds() -> Result<f64> {
    seconds(std::process::id(), [13, 14])
}

/// The sum of two fields, counted from the state on.
fn seconds(pid: u32, places: [usize; 2]) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    // The name stands in parentheses and may hold any character.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).context("no CPU time");
    Ok(places.into_iter().map(ticks).sum::<Result<f64>>()? / TICKS)
}

/// A line of `/proc/PID/status` in KiB, as `VmRSS` or `VmHWM`.
pub(super) fn memory_kib(pid: u32, name: &str) -> Result<f64> {
    process::memory_kib(pid, name).map(float).with_context(|| format!("process {pid} has no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_seen() {
        let usage = Usage::start([("this".to_owned(), std::process::id())]).expect("this process");
        let deadline = Instant::now() + Duration::from_secs(60);
        while cpu_seconds(std::process::id()).expect("this process") - usage.before["this"].1 < 0.05 {
            assert!(Instant::now() < deadline, "no CPU time is counted");
            std::hint::black_box((0..100_000_u64).map(std::hint::black_box).sum::<u64>());
        }
        assert!(usage.end().expect("this process").of("this") >= 0.05);
        assert!(memory_kib(std::process::id(), "VmRSS").expect("this process") > 1000.0);
    }
}
