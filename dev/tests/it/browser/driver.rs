//! Chromium through its `WebDriver`, with eyes for what stands in a shadow tree.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::{Element, ElementRef};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::eventually;

/// Where Debian and others put the two programs.
const CHROMIUM: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const DRIVER: [&str; 3] = ["/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver", "/usr/local/bin/chromedriver"];

const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// The first element that matches, in the page or in the shadow tree of something in it.
const FIND: &str = "
const find = (root) => root.querySelector(css)
  ?? [...root.querySelectorAll('*')].map((one) => one.shadowRoot && find(one.shadowRoot)).find(Boolean) ?? null;
const css = arguments[0];
return find(document);";

/// Tab and Enter, as `WebDriver` spells them.
pub(super) const TAB: &str = "\u{e004}";
pub(super) const ENTER: &str = "\u{e007}";

pub(super) struct Browser {
    pub(super) client: Client,
    driver: Child,
    port: u16,
    _profile: TempDir,
}

impl Browser {
    pub(super) async fn start() -> Self {
        Self::with(json!({})).await
    }

    /// Of a phone's width, which a window cannot be made.
    pub(super) async fn on_a_phone() -> Self {
        Self::of_width(360).await
    }

    /// Of another phone's.
    pub(super) async fn of_width(width: u32) -> Self {
        Self::with(json!({"deviceMetrics": {"width": width, "height": 740, "pixelRatio": 1.0}})).await
    }

    async fn with(emulation: Value) -> Self {
        let chromium = first(&CHROMIUM).expect("Chromium: `apt-get install chromium chromium-driver`");
        let driver = first(&DRIVER).expect("its driver: `apt-get install chromium chromium-driver`");
        let profile = tempfile::tempdir().expect("a directory");
        let port = free_port();
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the driver starts");
        let mut arguments: Vec<String> = ARGUMENTS.iter().map(ToString::to_string).collect();
        arguments.push("--window-size=1280,900".to_owned());
        arguments.push("--accept-lang=en".to_owned());
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let logging = json!({"browser": "ALL"});
        let mut options = json!({"binary": chromium, "args": arguments});
        if emulation != json!({}) {
            options["mobileEmulation"] = emulation;
        }
        let wanted = json!({"goog:chromeOptions": options, "goog:loggingPrefs": logging});
        let wanted = wanted.as_object().expect("an object").clone();
        let client = eventually("the browser", async || {
            ClientBuilder::new(HttpConnector::new())
                .capabilities(wanted.clone())
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
                .ok()
        })
        .await;
        Self { client, driver, port, _profile: profile }
    }

    pub(super) async fn open(&self, url: &str) {
        self.client.goto(url).await.expect("the page opens");
    }

    /// What the console has to say that is worse than a note, since it was asked last.
    pub(super) async fn complaints(&self) -> Vec<String> {
        let session = self.client.session_id().await.expect("a session").expect("a session");
        let url = format!("http://127.0.0.1:{}/session/{session}/se/log", self.port);
        let client = otp_dev::stack::http_client().expect("a client");
        let answer = client.post(url).json(&json!({"type": "browser"})).send().await.expect("an answer");
        let said: Value = answer.json().await.expect("JSON");
        let lines = said["value"].as_array().unwrap_or_else(|| panic!("{said}"));
        let bad = lines.iter().filter(|line| matches!(line["level"].as_str(), Some("SEVERE" | "WARNING")));
        bad.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub(super) async fn wait_for(&self, css: &str) -> Element {
        eventually(css, async || {
            let found = self.client.execute(FIND, vec![json!(css)]).await.ok()?;
            let id = found.as_object()?.values().next()?.as_str()?.to_owned();
            Some(Element::from_element_id(self.client.clone(), ElementRef::from(id)))
        })
        .await
    }

    pub(super) async fn text(&self, css: &str) -> String {
        self.wait_for(css).await.text().await.expect("a text")
    }

    /// Waits for words in an element.
    pub(super) async fn wait_for_text(&self, css: &str, words: &str) -> String {
        let what = format!("{words:?} in {css}");
        eventually(&what, async || Some(self.text(css).await).filter(|text| text.contains(words))).await
    }

    pub(super) async fn type_into(&self, css: &str, text: &str) {
        self.wait_for(css).await.send_keys(text).await.expect("typed");
    }

    pub(super) async fn click(&self, css: &str) {
        self.wait_for(css).await.click().await.expect("clicked");
    }

    /// Asks for a code, as a person who opened the page does.
    pub(super) async fn ask(&self, email: &str) {
        self.type_into("#email", email).await;
        self.click("#send").await;
    }

    /// Presses keys wherever the focus is.
    pub(super) async fn press(&self, keys: &str) {
        let start = KeyActions::new("keys".to_owned());
        let presses = keys
            .chars()
            .fold(start, |presses, value| presses.then(KeyAction::Down { value }).then(KeyAction::Up { value }));
        self.client.perform_actions(presses).await.expect("pressed");
    }

    /// The id of what has the focus, down into shadow trees.
    pub(super) async fn focused(&self) -> String {
        let script = "let at = document.activeElement; while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement; return at?.id ?? '';";
        self.run(script).await.as_str().unwrap_or_default().to_owned()
    }

    /// The value of a script.
    pub(super) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.expect("a value")
    }

    /// Keeps a picture of the page under `target/screenshots`.
    pub(super) async fn picture(&self, name: &str) {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
        std::fs::create_dir_all(&dir).expect("a directory");
        let png = self.client.screenshot().await.expect("a picture");
        std::fs::write(dir.join(format!("{name}.png")), png).expect("written");
    }

    pub(super) async fn end(mut self) {
        self.client.clone().close().await.expect("the browser ends");
        self.driver.kill().and_then(|()| self.driver.wait().map(drop)).expect("the driver ends");
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn first(places: &[&'static str]) -> Option<&'static str> {
    places.iter().copied().find(|place| PathBuf::from(place).is_file())
}

/// What `npm run tools` in `web/` has fetched; nothing of it is needed for anything else.
pub(super) fn fetched(package_file: &str) -> Option<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/web-tools/node_modules");
    std::fs::read_to_string(folder.join(package_file)).ok()
}
