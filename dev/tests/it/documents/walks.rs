//! The requests on the pages, made one after the other as their reader would.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::process::Command;

use super::Page;
use crate::support::{System, code_in};

/// A shell that keeps its variables from one piece to the next.
struct Reader<'s> {
    system: &'s System,
    variables: BTreeMap<String, String>,
}

/// What the pages' commands set.
const KEPT: [&str; 8] = ["api", "json", "key", "answer", "id", "ticket", "mail", "code"];

impl<'s> Reader<'s> {
    fn new(system: &'s System) -> Self {
        Self { system, variables: BTreeMap::new() }
    }

    /// Runs lines of a page, with this system's addresses in the place of those that the page has: what they print.
    async fn run(&mut self, lines: &str) -> String {
        let file = self.system.stack.file();
        let lines = lines
            .replace("http://127.0.0.1:5000", &file.gateway)
            .replace("https://otp.example.com", &file.gateway)
            .replace("http://127.0.0.1:8025", &file.inbox);
        let keep: String = KEPT.map(|name| format!("printf '\\001%s=%s' {name} \"${name}\"; ")).concat();
        let output = Command::new("sh")
            .args(["-c", &format!("set -e\n{lines}\n{keep}")])
            .envs(&self.variables)
            .kill_on_drop(true)
            .output()
            .await
            .expect("sh");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{lines}: {said}{}", String::from_utf8_lossy(&output.stderr));
        let mut parts = said.split('\u{1}');
        let printed = parts.next().unwrap_or_default().to_owned();
        let kept =
            parts.filter_map(|part| part.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.variables.extend(kept);
        printed
    }

    async fn json(&mut self, lines: &str) -> Value {
        let said = self.run(lines).await;
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{lines}: {error}: {said}"))
    }
}

/// The blocks of a page for a shell that make requests.
fn requests(page: &str) -> Vec<String> {
    let blocks = Page::at(page).blocks();
    let blocks = blocks
        .into_iter()
        .filter(|block| block.language == "sh" && block.lines.iter().any(|line| line.contains("curl ")));
    blocks.map(|block| block.lines.join("\n")).collect()
}

#[tokio::test]
async fn the_quick_start_leads_to_a_proof() {
    let system = System::start().await;
    let mut reader = Reader::new(&system);
    let blocks = requests("docs/QUICKSTART.md");
    let [ask, read, check] = blocks.as_slice() else { panic!("{blocks:?}") };
    assert!(reader.json(ask).await["timeline"].is_array());
    // The page's reader takes longer than a mail does.
    let code = code_in(&system.inbox().wait_for("grace@example.com").await, 6);
    reader.run(read).await;
    assert_eq!(reader.variables["code"], code);
    let checked = reader.json(check).await;
    assert_eq!(checked["status"], "verified");
    assert_eq!(checked["token"].as_str().map(|token| token.split('.').count()), Some(3));
    system.stack.stop().await;
}

#[tokio::test]
async fn the_server_flow_leads_to_a_proof() {
    let dir = tempfile::tempdir().expect("a directory");
    let pair = otp_gateway::apps::key::fresh_pair().expect("keys");
    let secret = pair
        .split(|c: char| c.is_whitespace() || c == '"')
        .find(|word| word.starts_with("otp_sk_"))
        .expect("a key")
        .to_owned();
    let lines: Vec<&str> = pair.lines().filter(|line| line.contains("secret_keys")).map(str::trim).collect();
    let apps = dir.path().join("apps.toml");
    std::fs::write(&apps, format!("[apps.shop]\n{}\nresend_cooldown = \"1s\"\n", lines.join("\n"))).expect("written");
    let system = System::with(|options| options.caller.set("OTP_APPS_FILE", &apps.display().to_string())).await;
    let mut reader = Reader::new(&system);
    let blocks = requests("docs/INTEGRATE.md");
    let [ask, check, rest] = blocks.as_slice() else { panic!("{blocks:?}") };
    reader.run(&ask.replace("otp_sk_...", &secret)).await;
    let again = reader.variables["id"].clone();
    reader.run(&ask.replace("otp_sk_...", &secret)).await;
    assert_eq!(reader.variables["id"], again, "the same Idempotency-Key is the same request");
    let code = system.inbox().code_for("ada@example.com").await;
    reader.variables.insert("code".to_owned(), code);
    assert_eq!(reader.json(check).await["status"], "verified");
    // What else there is to do with it: each line is understood, and the key let in.
    for line in rest.lines() {
        let said = reader.run(line).await;
        assert!(!said.contains("unauthorized") && !said.contains("malformed"), "{line}: {said}");
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn the_api_in_five_lines() {
    let system = System::start().await;
    let mut reader = Reader::new(&system);
    let blocks = requests("README.md");
    let [five] = blocks.as_slice() else { panic!("{blocks:?}") };
    let lines: Vec<&str> = five.lines().collect();
    let [setting, ask, read, resend, check] = lines.as_slice() else { panic!("{lines:?}") };
    reader.run(setting).await;
    let asked = reader.json(ask).await;
    for (name, at) in [("id", "/id"), ("ticket", "/events/ticket")] {
        let value = asked.pointer(at).and_then(Value::as_str).expect("a text").to_owned();
        reader.variables.insert(name.to_owned(), value);
    }
    assert_eq!(reader.json(read).await["id"], asked["id"]);
    assert_eq!(reader.json(resend).await["type"], "/problems/rate-limited", "the minute is not over");
    let code = system.inbox().code_for("ada@example.com").await;
    assert_eq!(reader.json(&check.replace("123456", &code)).await["status"], "verified");
    system.stack.stop().await;
}
