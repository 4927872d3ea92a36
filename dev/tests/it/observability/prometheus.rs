//! The shipped configuration, rules and dashboard, in a real Prometheus that scrapes a running system.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use otp_dev::process::Signal;
use otp_dev::stack::Part;
use reqwest::{Client, Url};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Child;

use super::traffic;
use crate::support::{System, eventually, eventually_or};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/observability");
const RUNBOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/RUNBOOK.md");
/// What stands for a range in a panel, until Grafana puts one there.
const RANGE: &str = "$__rate_interval";
/// What is there with a fault alone that this test does not make.
const RARE: [&str; 2] = ["otp_redis_again_total", "otp_file_faulty"];

/// Debian's, or another that is on the path; `None` is said.
fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    if found.is_none() {
        println!("skipped: {program} is not installed (Debian: prometheus)");
    }
    found
}

fn shipped(name: &str) -> String {
    std::fs::read_to_string(Path::new(FOLDER).join(name)).expect(name)
}

#[test]
fn the_rules_fire_when_they_should() {
    let Some(promtool) = installed("promtool") else { return };
    for arguments in
        [["check", "rules", "alerts.yml", "recording.yml"].as_slice(), &["test", "rules", "alerts.test.yml"]]
    {
        let output = Command::new(&promtool).args(arguments).current_dir(FOLDER).output().expect("its end");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
    }
}

#[test]
fn the_containers_of_prometheus_and_grafana_are_well_formed() {
    if Command::new("docker").args(["compose", "version"]).output().is_ok_and(|output| output.status.success()) {
        let files = ["-f", "compose.yaml", "-f", "compose.observe.yaml"];
        let mut command = Command::new("docker");
        command.arg("compose").args(files).args(["config", "--quiet"]).current_dir(format!("{FOLDER}/../.."));
        let output = command.output().expect("its end");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    } else {
        println!("skipped: docker compose is not installed");
    }
}

#[test]
fn every_alert_has_its_page() {
    let alerts = shipped("alerts.yml");
    let names = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect::<Vec<_>>();
    let links = alerts.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")).collect::<Vec<_>>();
    assert!(names.len() > 20 && names.len() == links.len());
    let page = std::fs::read_to_string(RUNBOOK).expect("the runbook");
    let headings: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), headings);
    for (name, link) in names.iter().zip(links) {
        assert_eq!(link, format!("docs/RUNBOOK.md#{}", name.to_lowercase()));
    }
}

/// A Prometheus that ends with this.
struct Prometheus {
    base: String,
    client: Client,
    _process: Child,
    _dir: TempDir,
}

impl Prometheus {
    /// With what is shipped, but for where the services are and how often they are asked.
    async fn start(program: &Path, system: &System) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut configuration = shipped("prometheus.yml").replace("15s", "1s");
        for (part, port) in Part::SERVICES.into_iter().zip([9500, 9501, 9502]) {
            let name = part.name();
            let admin = system.stack.file().admin.get(name).expect("an admin port").replace("http://", "");
            let there = format!("dns_sd_configs:\n      - names: [{name}]\n        type: A\n        port: {port}\n");
            assert!(configuration.contains(&there), "{name} is not scraped");
            configuration = configuration.replace(&there, &format!("static_configs:\n      - targets: ['{admin}']\n"));
        }
        std::fs::write(dir.path().join("prometheus.yml"), configuration).expect("written");
        for name in ["alerts.yml", "recording.yml"] {
            std::fs::write(dir.path().join(name), shipped(name)).expect("written");
        }
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
        let process = tokio::process::Command::new(program)
            .arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--log.level=warn")
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("Prometheus starts");
        let base = format!("http://127.0.0.1:{port}");
        let prometheus = Self { base, client: system.client.clone(), _process: process, _dir: dir };
        eventually("Prometheus to have asked all services", async || {
            let up = prometheus.ask("count(up{job=~\"otp-.*\"} == 1)").await.ok()?;
            (up.first()?["value"][1] == "3").then_some(())
        })
        .await;
        prometheus
    }

    /// The series that an expression comes to, or why it is none.
    async fn ask(&self, expression: &str) -> Result<Vec<Value>, String> {
        let url =
            Url::parse_with_params(&format!("{}/api/v1/query", self.base), [("query", expression)]).expect("a URL");
        let answer = self.client.get(url).send().await.map_err(|error| error.to_string())?;
        let body: Value = answer.json().await.map_err(|error| error.to_string())?;
        if body["status"] != "success" {
            return Err(body["error"].to_string());
        }
        match &body["data"]["result"] {
            Value::Array(series) => Ok(series.clone()),
            other => Err(format!("no series: {other}")),
        }
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}/api/v1/{path}", self.base)).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// Faults of an expression: it is not accepted, or names what nobody has ever told.
    async fn faults(&self, expression: &str) -> Vec<String> {
        let mut faults = Vec::new();
        faults.extend(self.ask(expression).await.err().map(|why| format!("{expression}: {why}")));
        for name in metrics_in(expression) {
            let told = self.ask(&format!("count({{__name__=\"{name}\"}})")).await;
            if !RARE.contains(&name.as_str()) && told.is_ok_and(|series| series.is_empty()) {
                faults.push(format!("{expression}: there is no {name}"));
            }
        }
        faults
    }
}

/// The names of metrics in an expression: they are the words with our prefixes that do not stand in quotes.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let outside: String = expression.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let words = outside.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let ours = |word: &&str| ["otp_", "process_", "otp:", "job:"].iter().any(|start| word.starts_with(start));
    words.filter(ours).map(str::to_owned).collect()
}

/// Titles and expressions of all panels of the dashboard.
fn panels() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&shipped("grafana/dashboard.json")).expect("JSON");
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = panel["title"].as_str().expect("a title");
        for target in panel["targets"].as_array().map(Vec::as_slice).unwrap_or_default() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            found.push((title.to_owned(), target["expr"].as_str().expect("an expression").replace(RANGE, "1m")));
        }
    }
    found
}

#[tokio::test]
async fn rules_and_dashboard_ask_for_what_there_is() {
    let Some(program) = installed("prometheus") else { return };
    let system = System::with(traffic::limits).await;
    let prometheus = Prometheus::start(&program, &system).await;
    // What is counted for the first time has not risen yet: the second round does.
    for round in 1..=2 {
        traffic::all(&system, round).await;
        let accepted = f64::from(round) * 8.0;
        eventually("Prometheus to have seen it", async || {
            let seen = prometheus.ask("sum(otp_requests_accepted_total)").await.ok()?;
            let value: f64 = seen.first()?["value"][1].as_str()?.parse().ok()?;
            (value >= accepted).then_some(())
        })
        .await;
    }

    let mut faults = Vec::new();
    let rules = prometheus.get("rules").await;
    let rules: Vec<Value> = rules["data"]["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .filter_map(|group| group["rules"].as_array().cloned())
        .flatten()
        .collect();
    assert!(rules.len() > 30, "{}", rules.len());
    for rule in &rules {
        assert_eq!(rule["lastError"].as_str().unwrap_or_default(), "", "{rule}");
        faults.extend(prometheus.faults(rule["query"].as_str().expect("an expression")).await);
    }
    let panels = panels();
    assert!(panels.len() > 50, "{}", panels.len());
    for (title, expression) in &panels {
        faults.extend(prometheus.faults(expression).await.into_iter().map(|fault| format!("{title}: {fault}")));
        let is_rare = metrics_in(expression).iter().any(|name| RARE.contains(&name.as_str()));
        if !is_rare && prometheus.ask(expression).await.is_ok_and(|series| series.is_empty()) {
            faults.push(format!("{title} is empty: {expression}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");

    system.stack.hold(Part::Mailer, Signal::Kill).await.expect("held");
    let mut alerts = Value::Null;
    eventually_or(
        async || {
            alerts = prometheus.get("alerts").await;
            let all = alerts["data"]["alerts"].as_array()?;
            let named = |name: &str| all.iter().any(|alert| alert["labels"]["alertname"] == name);
            (named("OtpServiceDown") && named("OtpServiceGone")).then_some(())
        },
        || "an alert on the mailer that is gone".to_owned(),
    )
    .await;
    system.stack.stop().await;
}
