//! How much memory each process has, over the time of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::process;
use crate::stack::Stack;

/// Between two looks.
pub(super) const EVERY: Duration = Duration::from_secs(10);

/// Resident memory of one process as it was seen.
/// `VmRSS` in KiB at each look, by instance; a process that died is followed by the next one of its kind.
#[derive(Debug, Default, Clone)]
pub struct Memory(BTreeMap<String, Vec<u64>>);

impl Memory {
    /// Looks at all processes of the stack. Where there is no `/proc` there is nothing to see.
    pub(super) fn look(&mut self, stack: &Stack) {
        for (name, pid) in stack.file().pids {
            if let Some(kib) = resident_kib(pid) {
                self.0.entry(name).or_default().push(kib);
            }
        }
    }

    /// A row for each process: first, some on the way, last, most; in MiB.
    pub(super) fn rows(&self, columns: usize) -> Vec<(String, Vec<u64>, u64)> {
        let row = |(name, samples): (&String, &Vec<u64>)| {
            let last = samples.len().saturating_sub(1);
            let chosen = (0..columns).map(|column| column * last / columns.saturating_sub(1).max(1));
            let shown = chosen.filter_map(|at| samples.get(at)).map(|kib| mib(*kib)).collect();
            (name.clone(), shown, samples.iter().map(|kib| mib(*kib)).max().unwrap_or_default())
        };
        self.0.iter().map(row).collect()
    }
}

const fn mib(kib: u64) -> u64 {
    (kib + 512) / 1024
}

fn resident_kib(pid: u32) -> Option<u64> {
    process::memory_kib(pid, "VmRSS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory() {
        if std::path::Path::new("/proc/self/status").exists() {
            assert!(resident_kib(std::process::id()).expect("its own") > 1000);
        }
        assert_eq!(resident_kib(0), None);
    }

    #[test]
    fn a_row_runs_from_the_first_to_the_last() {
        let samples = [10, 30, 20, 25].map(|mib: u64| mib * 1024).to_vec();
        let memory = Memory(BTreeMap::from([("mailer".to_owned(), samples)]));
        assert_eq!(memory.rows(2), [("mailer".to_owned(), vec![10, 25], 30)]);
        assert_eq!(memory.rows(4), [("mailer".to_owned(), vec![10, 30, 20, 25], 30)]);
        assert!(Memory::default().rows(3).is_empty());
    }
}
