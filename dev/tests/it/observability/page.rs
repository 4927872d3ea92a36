//! `docs/METRICS.md` says exactly what the three admin ports tell.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use otp_dev::stack::Part;
use reqwest::header::ACCEPT;
use tokio::io::AsyncWriteExt as _;

use super::exposition::{self, Told};
use super::traffic;
use crate::support::{System, eventually};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/METRICS.md");

/// One line of the page.
#[derive(Debug)]
struct Line {
    name: String,
    kind: String,
    labels: BTreeSet<String>,
    who: String,
    /// Its series appear when it first happens.
    is_late: bool,
}

fn lines() -> Vec<Line> {
    let page = std::fs::read_to_string(PAGE).expect("the page");
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let line = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, _unit, who, _meaning] = cells[..] else { panic!("not six cells: {line}") };
        Line {
            name: quoted(name)[0].clone(),
            kind: kind.to_owned(),
            labels: quoted(labels).into_iter().collect(),
            who: who.to_owned(),
            is_late: name.ends_with('*'),
        }
    };
    page.lines().filter(|text| text.starts_with("| `")).map(line).collect()
}

async fn scraped(system: &System, part: Part) -> String {
    let file = system.stack.file();
    let url = format!("{}/metrics", file.admin.get(part.name()).expect("an admin port"));
    let answer = system.client.get(url).send().await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    answer.text().await.expect("text")
}

#[tokio::test]
async fn the_page_tells_all_metrics_and_no_others() {
    let system = System::with(traffic::limits).await;
    traffic::all(&system, 1).await;
    eventually("the levels of streams", async || {
        scraped(&system, Part::Gateway).await.contains("otp_stream_messages{").then_some(())
    })
    .await;
    let lines = lines();
    assert!(lines.len() > 60, "{}", lines.len());
    let mut faults = Vec::new();
    let mut ever = BTreeSet::new();
    for (part, letter) in Part::SERVICES.into_iter().zip(["G", "M", "N"]) {
        assert!(part.name().to_uppercase().starts_with(letter));
        let text = scraped(&system, part).await;
        check_with_promtool(&text).await;
        let told = exposition::read(&text);
        for value in told.values().flat_map(|told| &told.values) {
            assert!(!value.contains('@') && !value.contains("metrics.test"), "{value}");
        }
        let expected: BTreeMap<&str, &Line> =
            lines.iter().filter(|line| line.who.contains(letter)).map(|line| (line.name.as_str(), line)).collect();
        for (name, told) in &told {
            ever.insert(name.clone());
            match expected.get(name.as_str()) {
                None => faults.push(format!("{name} of {part:?} is on no page")),
                Some(line) => faults.extend(different(line, told)),
            }
        }
        let missing = expected.iter().filter(|(name, line)| !line.is_late && !told.contains_key(**name));
        faults.extend(missing.map(|(name, _)| format!("{name} is on the page, and {part:?} does not tell it")));
    }
    assert!(faults.is_empty(), "{faults:#?}");
    // What may be missing for long was seen all the same, but for what takes a fault of Redis or a file's change.
    let unseen: Vec<_> = lines.iter().map(|line| &line.name).filter(|name| !ever.contains(*name)).collect();
    assert!(
        unseen.iter().all(|name| [
            "otp_redis_again_total",
            "otp_file_reloads_total",
            "otp_file_faulty",
            "otp_gateway_reports_total"
        ]
        .contains(&name.as_str())),
        "{unseen:?}"
    );
    system.stack.stop().await;
}

fn different(line: &Line, told: &Told) -> Option<String> {
    let same = line.kind == told.kind && line.labels == told.labels;
    (!same).then(|| format!("{} is {} {:?}, not {} {:?}", line.name, told.kind, told.labels, line.kind, line.labels))
}

#[tokio::test]
async fn whoever_asks_for_open_metrics_gets_them() {
    let system = System::start().await;
    for part in Part::SERVICES {
        let file = system.stack.file();
        let url = format!("{}/metrics", file.admin.get(part.name()).expect("an admin port"));
        let asked = system.client.get(url).header(ACCEPT, "application/openmetrics-text; version=1.0.0");
        let answer = asked.send().await.expect("an answer");
        let kind = answer.headers()["content-type"].to_str().expect("ASCII").to_owned();
        assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
        assert!(answer.text().await.expect("text").ends_with("# EOF\n"));
    }
    system.stack.stop().await;
}

/// Prometheus's own opinion of what is told, names included.
async fn check_with_promtool(text: &str) {
    let mut command = tokio::process::Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut promtool) = command.spawn() else {
        println!("skipped: promtool is not installed (Debian: prometheus)");
        return;
    };
    let mut input = promtool.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).await.expect("written");
    drop(input);
    let output = promtool.wait_with_output().await.expect("its end");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}
