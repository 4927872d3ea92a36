//! The inputs that fuzzers have left, and that reach all they ever reached, run on every machine.

use std::fs;
use std::path::Path;

use otp_dev::fuzz::{TARGETS, run};
use otp_dev::workspace::root;

/// Octets of all inputs together: the corpus is for replaying, not for keeping all that was ever tried.
const CORPUS_MAX: u64 = 1_000_000;
/// Fewer are the seeds alone, of a target that has never run.
const INPUTS_MIN: usize = 10;

fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = root().join("dev/fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| fs::read(entry.expect("an entry").path()).expect("an input")).collect()
}

#[test]
fn every_target_holds_over_its_corpus() {
    let mut total = 0;
    for (target, _) in TARGETS {
        let inputs = inputs(target);
        assert!(inputs.len() >= INPUTS_MIN, "{target} has {} inputs", inputs.len());
        for input in &inputs {
            total += input.len() as u64;
            run(target, input);
            // What a client sends may break off anywhere.
            run(target, input.get(..input.len() / 2).unwrap_or_default());
        }
    }
    assert!(total <= CORPUS_MAX, "{total} octets");
}

#[test]
fn the_frozen_payloads_hold_as_well() {
    let golden = fs::read(root().join("nats/golden/events.json")).expect("the golden file");
    let golden: serde_json::Value = serde_json::from_slice(&golden).expect("JSON");
    for event in golden["events"].as_array().expect("events") {
        run("event", event.to_string().as_bytes());
    }
}

#[test]
fn every_target_has_a_program() {
    let manifest = fs::read_to_string(root().join("dev/fuzz/Cargo.toml")).expect("the manifest");
    for (target, _) in TARGETS {
        let program = format!("fuzz_targets/{target}.rs");
        assert!(manifest.contains(&format!("path = \"{program}\"")), "{target} is not in the manifest");
        let text = fs::read_to_string(Path::new(root()).join("dev/fuzz").join(&program)).expect("a program");
        assert!(text.contains(&format!("\"{target}\"")), "{program} runs another target");
    }
}
