//! Benchmarks: what the system does in a second, and next to it, in the same run, what is possible at best.
//!
//! Each benchmark starts servers and services of its own, from a build with optimisation, and measures the subject and
//! its anchor one after the other, several times. What is compared is the ratio; figures of another machine, or of
//! another day, are not. The load comes from this process; how much CPU each process took is printed, so that one sees
//! who had none left.

mod accept;
mod anchor;
mod backlog;
mod check;
mod events;
mod failover;
mod fan_out;
mod figures;
mod flow;
mod growth;
mod http;
mod machine;
mod mail;
mod overload;
mod reconnect;
mod report;
mod requests;
mod sockets;
mod start;
mod tools;
mod usage;
mod watchers;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::future::BoxFuture;

use crate::stack::{Options, Stack};
use crate::{console, workspace};
use figures::{Round, Row};
pub(crate) use figures::{float, quantile};
use report::{Measured, Report};

pub use anchor::{COMMAND as ANCHOR_COMMAND, serve as serve_anchor};

/// Octets of what the gateway gives to the mailer, with which an anchor's message is as long as one of ours in the stream.
const PAYLOAD_OCTETS: usize = 636;

/// How and what to measure.
#[derive(Debug, Clone)]
pub struct Settings {
    /// These benchmarks; all when empty.
    pub names: Vec<String>,
    /// Runs of each.
    pub runs: usize,
    /// Whether to take seconds for what takes minutes: to see that it works, not to get figures.
    pub quick: bool,
    /// Where to write the JSON.
    pub json: PathBuf,
}

/// One benchmark: its rows are measured together.
struct Benchmark {
    name: &'static str,
    rows: &'static [Row],
    run: for<'b> fn(&'b Bench) -> BoxFuture<'b, Result<Vec<Round>>>,
}

const BENCHMARKS: &[Benchmark] = &[
    Benchmark { name: "start", rows: start::ROWS, run: |bench| Box::pin(start::run(bench)) },
    Benchmark { name: "accept", rows: accept::ROWS, run: |bench| Box::pin(accept::run(bench)) },
    Benchmark { name: "overload", rows: overload::ROWS, run: |bench| Box::pin(overload::run(bench)) },
    Benchmark { name: "check", rows: check::ROWS, run: |bench| Box::pin(check::run(bench)) },
    Benchmark { name: "flow", rows: flow::ROWS, run: |bench| Box::pin(flow::run(bench)) },
    Benchmark { name: "growth", rows: growth::ROWS, run: |bench| Box::pin(growth::run(bench)) },
    Benchmark { name: "sockets", rows: sockets::ROWS, run: |bench| Box::pin(sockets::run(bench)) },
    Benchmark { name: "fan-out", rows: fan_out::ROWS, run: |bench| Box::pin(fan_out::run(bench)) },
    Benchmark { name: "reconnect", rows: reconnect::ROWS, run: |bench| Box::pin(reconnect::run(bench)) },
    Benchmark { name: "mail", rows: mail::ROWS, run: |bench| Box::pin(mail::run(bench)) },
    Benchmark { name: "backlog", rows: backlog::ROWS, run: |bench| Box::pin(backlog::run(bench)) },
    Benchmark { name: "failover", rows: failover::ROWS, run: |bench| Box::pin(failover::run(bench)) },
];

/// What a benchmark works with.
#[derive(Debug)]
pub(crate) struct Bench {
    runs: usize,
    quick: bool,
    dir: tempfile::TempDir,
}

impl Bench {
    /// How long a figure is measured.
    fn lasts(&self) -> Duration {
        if self.quick { Duration::from_millis(500) } else { Duration::from_secs(5) }
    }

    /// How long is warmed up before: connections, scripts, caches.
    fn warms_up(&self) -> Duration {
        if self.quick { Duration::from_millis(200) } else { Duration::from_secs(1) }
    }

    /// So many of something, or a few of them when it has to be quick.
    fn scaled(&self, count: usize) -> usize {
        if self.quick { (count / 50).max(1) } else { count }
    }

    /// A stack without limits and without DNS, with these changes.
    async fn stack(&self, change: impl FnOnce(&mut Options)) -> Result<Stack> {
        let dir = tempfile::tempdir_in(self.dir.path())?.keep();
        let mut options = Options::isolated(&dir)?;
        for name in ["OTP_LIMIT_IP", "OTP_LIMIT_RECIPIENT", "OTP_LIMIT_GUESSES", "OTP_LIMIT_STATUS", "OTP_DNS_POLICY"] {
            options.caller.set(name, "off");
        }
        change(&mut options);
        Stack::start(options).await
    }
}

/// Measures, prints and writes down. Whether every target that was measured is met.
///
/// # Errors
/// There is no such benchmark, or one of them cannot be run.
pub async fn run(settings: &Settings) -> Result<bool> {
    let known = |name: &String| BENCHMARKS.iter().any(|benchmark| benchmark.name == name);
    if let Some(unknown) = settings.names.iter().find(|name| !known(name)) {
        let names: Vec<&str> = BENCHMARKS.iter().map(|benchmark| benchmark.name).collect();
        bail!("there is no benchmark {unknown:?}; there are: {}", names.join(", "));
    }
    let bench = Bench { runs: settings.runs, quick: settings.quick, dir: tempfile::tempdir()? };
    let mut report = Report::new(machine::describe()?, settings.quick);
    console::say(report.head());
    for benchmark in BENCHMARKS {
        if !settings.names.is_empty() && settings.names.iter().all(|name| name != benchmark.name) {
            continue;
        }
        console::say(format_args!("\n== {}", benchmark.name));
        let rounds = (benchmark.run)(&bench).await.with_context(|| format!("the benchmark {:?}", benchmark.name))?;
        let measured = Measured::new(benchmark.name, benchmark.rows, &rounds);
        console::say(&measured);
        report.add(measured);
    }
    console::say(format_args!("\n{report}"));
    if let Some(folder) = settings.json.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&settings.json, report.to_json()?)?;
    console::say(format_args!(
        "written to {}",
        settings.json.strip_prefix(workspace::root()).unwrap_or(&settings.json).display()
    ));
    Ok(report.holds())
}
