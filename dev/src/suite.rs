//! `cargo dev test`: every check there is, in steps, with a table at the end.

mod chances;
mod sbom;
mod steps;
mod tools;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::console;
use steps::{STEPS, Step};

/// What to check.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Without what starts servers and browsers.
    pub quick: bool,
    /// These steps only; all when empty.
    pub names: Vec<String>,
}

/// How a step ended.
#[derive(Debug)]
enum Outcome {
    Passed,
    /// What failed beside others has passed alone.
    Unsteady(String),
    Failed(String),
    Skipped(String),
}

/// What steps share.
#[derive(Debug, Default)]
struct Context {
    quick: bool,
    /// Where the step that builds has put the services.
    services: Option<PathBuf>,
    build_failed: bool,
}

#[derive(Debug)]
struct Report {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// Runs the selected steps, all of them even when one fails, and says how each went. Whether none failed.
///
/// # Errors
/// There is no step of such a name.
pub fn run(selection: &Selection) -> Result<bool> {
    if let Some(unknown) = selection.names.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        bail!("there is no step {unknown:?}; there are: {}", names.join(", "));
    }
    let mut context = Context { quick: selection.quick, ..Context::default() };
    let chosen = |step: &&Step| selection.names.is_empty() || selection.names.iter().any(|name| name == step.name);
    let reports: Vec<Report> = STEPS.iter().filter(chosen).map(|step| report(step, &mut context)).collect();
    Ok(summarise(&reports))
}

fn report(step: &Step, context: &mut Context) -> Report {
    console::say(format_args!("\n== {}: {}", step.name, step.about));
    let started = Instant::now();
    let outcome = if context.build_failed && step.needs_build {
        Outcome::Skipped("it does not build".to_owned())
    } else {
        (step.run)(context).unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")))
    };
    if let Outcome::Failed(why) | Outcome::Skipped(why) | Outcome::Unsteady(why) = &outcome {
        console::say(format_args!("{}: {why}", step.name));
    }
    Report { name: step.name, outcome, took: started.elapsed() }
}

fn summarise(reports: &[Report]) -> bool {
    let rows: Vec<[String; 4]> = reports
        .iter()
        .map(|report| {
            let (state, why) = match &report.outcome {
                Outcome::Passed => ("passed", ""),
                Outcome::Unsteady(why) => ("unsteady", why.as_str()),
                Outcome::Failed(why) => ("FAILED", why.as_str()),
                Outcome::Skipped(why) => ("skipped", why.as_str()),
            };
            let took = format!("{:7.1} s", report.took.as_secs_f64());
            [report.name.to_owned(), state.to_owned(), took, why.lines().next().unwrap_or("").to_owned()]
        })
        .collect();
    let count = |wanted: fn(&Outcome) -> bool| reports.iter().filter(|report| wanted(&report.outcome)).count();
    let passed = count(|outcome| matches!(outcome, Outcome::Passed));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    let unsteady = count(|outcome| matches!(outcome, Outcome::Unsteady(_)));
    let took: Duration = reports.iter().map(|report| report.took).sum();
    console::say(format_args!("\nSteps, {:.0} s:\n{}", took.as_secs_f64(), console::table(&rows)));
    let more = |count, state| if count == 0 { String::new() } else { format!(", {count} {state}") };
    let (unsteady, skipped) = (more(unsteady, "unsteady"), more(skipped, "skipped"));
    console::say(format_args!("\n{passed} passed, {failed} failed{unsteady}{skipped}"));
    failed == 0
}
