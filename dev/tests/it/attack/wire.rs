//! The gateway's port, spoken to by hand: every answer is one that the contract knows, and the gateway lives on.

mod cases;
mod hearing;
mod mutants;
mod slow;

use std::time::Duration;

use otp_dev::stack::Part;

use super::fleet::UNLIMITED;
use crate::support::System;
use hearing::{Heard, hear};

/// What an attack may add to a part's memory: thousands of connections with a head each, and what allocators keep.
const MEMORY_MAX_KB: u64 = 64 * 1024;
/// Requests that nobody is kept waiting for are answered within this time, on a busy machine too.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// A part under attack: the same process afterwards, of about the same size, and without a panic.
pub(super) struct Target {
    pub(super) system: System,
    part: Part,
    pid: u32,
    memory_kb: u64,
}

impl Target {
    pub(super) async fn start(part: Part) -> Self {
        let system = System::with(|options| {
            for (name, value) in UNLIMITED {
                options.caller.set(name, value);
            }
        })
        .await;
        let pid = system.stack.pid(part).expect("it runs");
        Self { memory_kb: memory_kb(pid), system, part, pid }
    }

    /// It is still there, and as well as before.
    pub(super) async fn unharmed(self) {
        let started = std::time::Instant::now();
        let address = self.system.stack.admin(self.part).expect("an address");
        assert_eq!(crate::support::Api::at(&format!("http://{address}")).get("/health").await.status, 200);
        assert!(started.elapsed() < ANSWERED_WITHIN, "it took {:?}", started.elapsed());
        assert_eq!(self.system.stack.pid(self.part), Some(self.pid), "it was started again");
        let grown = memory_kb(self.pid).saturating_sub(self.memory_kb);
        println!("{:?}: {} KB more than before", self.part, grown);
        assert!(grown < MEMORY_MAX_KB, "{grown} KB more");
        let log = std::fs::read_to_string(self.system.stack.log(self.part)).expect("a log");
        assert!(!log.contains("panicked"), "{log}");
        self.system.stack.stop().await;
    }
}

/// What a process has in memory (`VmRSS`).
fn memory_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its size");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}
