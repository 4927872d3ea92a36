//! What the process uses, under the names that all Prometheus clients have for it; read from `/proc` with each scrape,
//! and absent on systems that have none.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use crate::timestamp::Timestamp;

/// Registers what every service tells of its process and of its build.
pub(super) fn register(registry: &mut Registry) {
    let build: Family<[(&'static str, &'static str); 1], Gauge> = Family::default();
    build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
    registry.register("otp_build_info", "1, with the version of the program", build);
    registry.register_collector(Box::new(ProcessCollector { started_at: Timestamp::now() }));
}

#[derive(Debug)]
struct ProcessCollector {
    started_at: Timestamp,
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut gauge = |name, help, value: Option<u64>| match value {
            Some(value) => {
                let gauge = ConstGauge::new(value);
                gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
            }
            None => Ok(()),
        };
        let started_at = u64::try_from(self.started_at.as_secs()).ok();
        gauge("process_start_time_seconds", "When the process started, in Unix time", started_at)?;
        gauge("process_open_fds", "File descriptors open", open_files())?;
        gauge("process_max_fds", "File descriptors that may be open", most_files())?;
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kilobytes = |name| status_field(&status, name).map(|kilobytes| kilobytes * 1024);
        gauge("process_resident_memory_bytes", "Memory in use", kilobytes("VmRSS"))?;
        gauge("process_virtual_memory_bytes", "Address space in use", kilobytes("VmSize"))?;
        gauge("process_threads", "Threads", status_field(&status, "Threads"))?;
        if let Some(seconds) = processor_seconds() {
            let counter = ConstCounter::new(seconds);
            let kind = counter.metric_type();
            let help = "Processor time used, in user mode and in the system";
            counter.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, kind)?)?;
        }
        Ok(())
    }
}

fn open_files() -> Option<u64> {
    // One of them is open for this very look.
    u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()?.checked_sub(1)
}

fn most_files() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn status_field(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

/// Fields 14 and 15 of `/proc/self/stat` (proc(5)), counted behind the name, which may hold spaces.
#[expect(clippy::cast_precision_loss, reason = "ticks that lose precision are of a process that ran for ages")]
fn processor_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_system_says_of_this_process() {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        assert!(status_field(&status, "VmRSS").unwrap() > 100);
        assert!(status_field(&status, "Threads").unwrap() >= 1);
        let files = open_files().unwrap();
        let open = fs::File::open("/proc/self/stat").unwrap();
        assert!(open_files().unwrap() > files.saturating_sub(1));
        assert!(most_files().unwrap() > files);
        drop(open);
        let before = processor_seconds().unwrap();
        let mut sum = 0_u64;
        while processor_seconds().unwrap() - before < 0.02 {
            sum = (0..100_000_u64).fold(sum, u64::wrapping_add);
        }
        assert!(sum > 0);
    }
}
