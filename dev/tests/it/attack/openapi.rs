//! Schemathesis, which makes requests of what the description allows and forbids, and holds the answers against it.

use std::process::Stdio;

use tokio::process::Command;

use super::setting;
use crate::support::System;

/// Long enough for every operation to be tried with the edges of its schemas.
const SECONDS: usize = 20;
/// Where it is looked for: this variable, else the path.
const PROGRAM: &str = "OTP_TEST_SCHEMATHESIS";

/// What is wrong with a valid request is often not a matter of schemas: a guess is wrong, a code is over, a domain takes
/// no mail. All else is held against.
const NOT_CHECKED: &str = "positive_data_acceptance";

#[tokio::test]
async fn requests_made_of_the_description_are_answered_as_it_says() {
    let program = std::env::var_os(PROGRAM).unwrap_or_else(|| "schemathesis".into());
    let there = Command::new(&program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    if !there.is_ok_and(|status| status.success()) {
        println!("schemathesis skipped: `pip install schemathesis`, or name it in {PROGRAM}");
        return;
    }
    let system = System::with(|options| {
        for (name, value) in [("OTP_LIMIT_IP", "off"), ("OTP_LIMIT_RECIPIENT", "off"), ("OTP_RESEND_COOLDOWN", "0")] {
            options.caller.set(name, value);
        }
    })
    .await;
    let seconds = setting("OTP_TEST_SAMPLES", SECONDS).to_string();
    let seed = setting("OTP_TEST_SEED", 1).to_string();
    let url = format!("{}/openapi.json", system.stack.file().gateway);
    let arguments =
        ["run", &url, "--max-time", &seconds, "--seed", &seed, "--exclude-checks", NOT_CHECKED, "--no-color"];
    let folder = tempfile::tempdir().expect("a directory");
    let mut run = Command::new(&program);
    run.args(arguments).args(["--suppress-health-check", "all"]).current_dir(folder.path()).kill_on_drop(true);
    let run = run.output().await.expect("schemathesis runs");
    let said = String::from_utf8_lossy(&run.stdout);
    println!("{}", said.split_once("SUMMARY").map_or("", |(_, summary)| summary));
    assert!(run.status.success(), "{said}");
    system.stack.stop().await;
}
