//! The table and the JSON.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use super::figures::{Round, Row, Spread};
use super::machine::Machine;
use crate::console;

/// All rows of one benchmark.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    name: &'static str,
    rows: Vec<Line>,
    /// Of each run.
    notes: Vec<Vec<String>>,
}

/// A row with its figures.
#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    figure: &'static str,
    anchor: &'static str,
    unit: &'static str,
    target: String,
    subject: Option<Spread>,
    anchored: Option<Spread>,
    ratio: Option<Spread>,
    /// `None` when nothing is asked of it.
    met: Option<bool>,
}

impl Line {
    fn new(row: &Row, rounds: &[Round]) -> Self {
        let samples = || rounds.iter().flat_map(|round| &round.samples).filter(|sample| sample.row == row.name);
        let subject = Spread::of(samples().map(|sample| sample.subject));
        let anchored = Spread::of(samples().filter_map(|sample| sample.anchor));
        let ratio = Spread::of(samples().filter_map(|sample| Some(sample.subject / sample.anchor?)));
        // What has no figure has not met its target.
        let met =
            subject.map_or(Some(false), |subject| row.target.is_met(subject.median, ratio.map(|ratio| ratio.median)));
        let Row { name, figure, anchor, unit, target } = *row;
        Self { name, figure, anchor, unit, target: target.to_string(), subject, anchored, ratio, met }
    }

    fn cells(&self) -> [String; 7] {
        let spread = |spread: Option<Spread>, digits: usize| {
            spread.map_or_else(String::new, |Spread { median, least, most }| {
                format!("{} ({}-{})", number(median, digits), number(least, digits), number(most, digits))
            })
        };
        let verdict = match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        [
            self.name.to_owned(),
            self.unit.to_owned(),
            spread(self.subject, 0),
            spread(self.anchored, 0),
            spread(self.ratio, 2),
            self.target.clone(),
            verdict.to_owned(),
        ]
    }
}

/// With so many digits, or more when little is left of it.
fn number(value: f64, digits: usize) -> String {
    let digits = if value.abs() < 10.0 {
        digits.max(2)
    } else if value.abs() < 100.0 {
        digits.max(1)
    } else {
        digits
    };
    format!("{value:.digits$}")
}

impl Measured {
    pub(super) fn new(name: &'static str, rows: &[Row], rounds: &[Round]) -> Self {
        let notes = rounds.iter().map(|round| round.notes.clone()).collect();
        Self { name, rows: rows.iter().map(|row| Line::new(row, rounds)).collect(), notes }
    }
}

fn heading() -> [String; 7] {
    ["name", "unit", "here", "anchor", "ratio", "target", ""].map(str::to_owned)
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (run, notes) in self.notes.iter().enumerate() {
            for note in notes {
                writeln!(f, "  run {}: {note}", run + 1)?;
            }
        }
        let rows: Vec<_> = std::iter::once(heading()).chain(self.rows.iter().map(Line::cells)).collect();
        f.write_str(&console::table(&rows))
    }
}

/// Everything.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    /// Too short to be figures.
    quick: bool,
    benchmarks: Vec<Measured>,
}

impl Report {
    pub(super) const fn new(machine: Machine, quick: bool) -> Self {
        Self { machine, quick, benchmarks: Vec::new() }
    }

    /// What is known before the first figure.
    pub(super) fn head(&self) -> String {
        let Machine { cpu, cores, memory_gib, kernel, servers, profile, commit } = &self.machine;
        let servers = servers.join("; ");
        format!("{cpu}, {cores} cores, {memory_gib} GiB, Linux {kernel}\n{servers}\n{profile} of {commit}")
    }

    pub(super) fn add(&mut self, measured: Measured) {
        self.benchmarks.push(measured);
    }

    /// Whether no target is missed.
    pub(super) fn holds(&self) -> bool {
        self.benchmarks.iter().flat_map(|measured| &measured.rows).all(|row| row.met != Some(false))
    }

    pub(super) fn to_json(&self) -> Result<String> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self)?))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.benchmarks.iter().flat_map(|measured| &measured.rows).map(Line::cells);
        let rows: Vec<_> = std::iter::once(heading()).chain(rows).collect();
        f.write_str(&console::table(&rows))?;
        if self.quick {
            f.write_str("\nQuick: these are no figures.")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::{Sample, Target};
    use super::*;

    fn row(target: Target) -> Row {
        Row { name: "a", figure: "", anchor: "", unit: "/s", target }
    }

    fn round(subject: f64, anchor: f64) -> Round {
        Round { samples: vec![Sample::new("a", subject, anchor)], notes: Vec::new() }
    }

    #[test]
    fn the_median_of_the_ratios_decides() {
        let rounds = [round(60.0, 100.0), round(75.0, 100.0), round(80.0, 100.0)];
        assert_eq!(Line::new(&row(Target::TimesAtLeast(0.7)), &rounds).met, Some(true));
        assert_eq!(Line::new(&row(Target::TimesAtLeast(0.76)), &rounds).met, Some(false));
    }

    #[test]
    fn without_a_figure_no_target_is_met() {
        assert_eq!(Line::new(&row(Target::TimesAtLeast(0.7)), &[]).met, Some(false));
    }

    #[test]
    fn small_numbers_have_digits() {
        assert_eq!([number(1234.5, 0), number(12.34, 0), number(1.234, 0)], ["1234", "12.3", "1.23"]);
    }
}
