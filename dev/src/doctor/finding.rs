//! What was found.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::console;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and somebody should know; or it could not be found out.
    Warning,
    /// Mails do not go out or arrive, or secrets are at risk.
    Fault,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// One thing that was looked at. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing, the same for ever: `spf`, `nats.streams`.
    pub check: &'static str,
    /// Which one.
    pub about: String,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub said: String,
    /// What to mend; empty when all is well.
    pub mend: String,
}

impl Finding {
    /// All is well.
    pub fn ok(check: &'static str, about: &str, said: &str) -> Self {
        Self { check, about: about.to_owned(), level: Level::Ok, said: said.to_owned(), mend: String::new() }
    }

    /// Somebody should know.
    pub fn warning(check: &'static str, about: &str, said: &str, mend: &str) -> Self {
        Self { level: Level::Warning, mend: mend.to_owned(), ..Self::ok(check, about, said) }
    }

    /// It has to be mended.
    pub fn fault(check: &'static str, about: &str, said: &str, mend: &str) -> Self {
        Self { level: Level::Fault, mend: mend.to_owned(), ..Self::ok(check, about, said) }
    }
}

/// All findings.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How many there are of each level.
    pub counts: BTreeMap<&'static str, usize>,
    /// The findings, in the order of their checks.
    pub findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        let levels = [Level::Ok, Level::Warning, Level::Fault];
        let of = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
        Self { counts: levels.map(|level| (level.as_str(), of(level))).into(), findings }
    }

    /// Whether nothing has to be mended.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.level != Level::Fault)
    }
}

/// A line for each finding, below it what to mend.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.findings.iter().flat_map(|finding| {
            let Finding { check, about, level, said, mend } = finding;
            let row = [level.as_str().to_owned(), (*check).to_owned(), format!("{about}: {said}")];
            let mend = [String::new(), String::new(), format!("  mend: {mend}")];
            std::iter::once(row).chain((*level != Level::Ok).then_some(mend))
        });
        writeln!(f, "{}", console::table(&rows.collect::<Vec<_>>()))?;
        let count = |level: Level| self.counts.get(level.as_str()).copied().unwrap_or(0);
        write!(f, "\n{} ok, {} warnings, {} faults", count(Level::Ok), count(Level::Warning), count(Level::Fault))
    }
}
