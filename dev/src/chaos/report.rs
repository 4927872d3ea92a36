//! What a run has shown, for people.

use std::fmt;
use std::time::Duration;

use super::Settings;
use super::memory::Memory;
use super::promises::Counts;
use super::verdict::Verdict;
use crate::console;

/// Moments of the run at which memory is shown.
const COLUMNS: usize = 7;

/// The outcome of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was asked for.
    pub settings: Settings,
    /// How long there was load.
    pub loaded: Duration,
    /// How many things were broken.
    pub breakages: usize,
    /// What was promised next to what happened.
    pub verdict: Verdict,
    /// What clients have met.
    pub counts: Counts,
    /// Memory of all processes.
    pub memory: Memory,
}

impl Report {
    /// Whether every promise was kept and every second mail has its reason.
    pub const fn holds(&self) -> bool {
        self.verdict.holds()
    }

    fn ledger(&self) -> Vec<[String; 2]> {
        let Verdict { accepted, mailed, failed, expired, mailed_and_failed, lost, .. } = &self.verdict;
        let Verdict { mailed_unpromised, watched, reconnects, verified, untold, twice, twice_unexplained, .. } =
            &self.verdict;
        let Counts { wanted, refused, unavailable, unanswered, longest_accept, .. } = &self.counts;
        let row = |name: &str, value: String| [name.to_owned(), value];
        let mut rows = vec![
            row("wanted", wanted.to_string()),
            row("accepted (202)", accepted.to_string()),
            row("mailed", mailed.to_string()),
            row("failed with an event", failed.to_string()),
            row("expired with an event", expired.to_string()),
            row("lost", lost.to_string()),
            row("mailed twice", (twice.values().sum::<usize>() + twice_unexplained).to_string()),
        ];
        rows.extend(twice.iter().map(|(cause, count)| row(&format!("  {}", cause.words()), count.to_string())));
        rows.extend([
            row("  unexplained", twice_unexplained.to_string()),
            row("mailed, and told `failed`", mailed_and_failed.to_string()),
            row("mailed without a 202", mailed_unpromised.to_string()),
            row("timelines watched to the end", format!("{watched}, {reconnects} reconnects")),
            row("codes verified", verified.to_string()),
            row("  and nobody told, a gateway died", untold.to_string()),
            row("answers 503", unavailable.to_string()),
            row("requests without an answer", unanswered.to_string()),
            row("given up by the client", refused.to_string()),
            row("longest wait for a 202", format!("{:.1} s", longest_accept.as_secs_f64())),
            row("longest from 202 to `sent`", format!("{:.1} s", self.verdict.longest_to_sent.as_secs_f64())),
            row("faults", self.verdict.fault_count.to_string()),
        ]);
        rows
    }

    fn memory(&self) -> Vec<[String; 3]> {
        let rows = self.memory.rows(COLUMNS);
        let row = |(name, shown, most): (String, Vec<u64>, u64)| {
            let shown: Vec<String> = shown.iter().map(|mib| format!("{mib:4}")).collect();
            [name, shown.join(" "), format!("most {most}")]
        };
        rows.into_iter().map(row).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { seed, rate, instances, .. } = &self.settings;
        let seconds = self.loaded.as_secs();
        writeln!(
            f,
            "\nseed {seed}: {seconds} s of load at {rate}/s, {instances} of each service, {} things broken\n",
            self.breakages
        )?;
        writeln!(f, "{}", console::table(&self.ledger()))?;
        writeln!(f, "\nmemory (MiB), from the begin to the end\n\n{}", console::table(&self.memory()))?;
        for fault in &self.verdict.faults {
            writeln!(f, "\nfault: {fault}")?;
        }
        Ok(())
    }
}

/// One line for each breakage.
pub fn survey(reports: &[(String, Report)]) -> String {
    let head = ["what breaks", "accepted", "lost", "twice", "503", "202 after", "`sent` after"].map(str::to_owned);
    let row = |(name, report): &(String, Report)| {
        let (verdict, counts) = (&report.verdict, &report.counts);
        [
            name.clone(),
            verdict.accepted.to_string(),
            verdict.lost.to_string(),
            (verdict.twice.values().sum::<usize>() + verdict.twice_unexplained).to_string(),
            counts.unavailable.to_string(),
            format!("{:.1} s", counts.longest_accept.as_secs_f64()),
            format!("{:.1} s", verdict.longest_to_sent.as_secs_f64()),
        ]
    };
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(reports.iter().map(row)).collect();
    let faults = reports.iter().flat_map(|(name, report)| {
        report.verdict.faults.iter().map(move |fault| format!("\n\nfault while {name}: {fault}"))
    });
    console::table(&rows) + &faults.collect::<String>()
}
