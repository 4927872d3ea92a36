//! The page in a real browser: Chromium through its `WebDriver`.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{System, eventually};

/// Where Debian and others put the two programs.
const CHROMIUM: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const DRIVER: [&str; 3] = ["/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver", "/usr/local/bin/chromedriver"];

struct Browser {
    client: Client,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    async fn start() -> Self {
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
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
        ];
        let mut arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let options = json!({"binary": chromium, "args": arguments});
        let wanted = json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let wanted = wanted.as_object().expect("an object").clone();
        let client = eventually("the browser", async || {
            ClientBuilder::new(HttpConnector::new())
                .capabilities(wanted.clone())
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
                .ok()
        })
        .await;
        Self { client, driver, _profile: profile }
    }

    async fn wait_for(&self, css: &str) -> fantoccini::elements::Element {
        let wait = self.client.wait().at_most(Duration::from_secs(30));
        wait.for_element(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    async fn text(&self, css: &str) -> String {
        self.wait_for(css).await.text().await.expect("a text")
    }

    /// Keeps a picture of the page under `target/screenshots`.
    async fn picture(&self, name: &str) {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
        std::fs::create_dir_all(&dir).expect("a directory");
        let png = self.client.screenshot().await.expect("a picture");
        std::fs::write(dir.join(format!("{name}.png")), png).expect("written");
    }

    async fn end(mut self) {
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

#[tokio::test]
async fn a_person_verifies_an_address_on_the_page() {
    let system = System::start().await;
    let browser = Browser::start().await;
    let page = &browser.client;
    page.goto(&system.stack.file().gateway).await.expect("the page opens");

    browser.wait_for("#email").await.send_keys("nobody@nxdomain.test").await.expect("typed");
    browser.wait_for("#send").await.click().await.expect("clicked");
    browser.wait_for("#error:not([hidden])").await;
    let refusal =
        eventually("the refusal", async || Some(browser.text("#error").await).filter(|text| !text.is_empty()));
    let refusal = refusal.await;
    assert!(refusal.to_lowercase().contains("mail"), "{refusal}");

    let email = browser.wait_for("#email").await;
    email.clear().await.expect("cleared");
    email.send_keys("ada@page.test").await.expect("typed");
    browser.wait_for("#send").await.click().await.expect("clicked");
    browser.wait_for("#stepper li[data-step=sent][data-state=done]").await;
    browser.wait_for("#connection[data-state=live]").await;
    let logged = browser.text("#log").await;
    for event in ["requested", "sent"] {
        assert!(logged.contains(event), "{logged}");
    }
    browser.picture("sent").await;

    let code = system.inbox().code_for("ada@page.test").await;
    let wrong: String = code.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect();
    browser.wait_for("#code").await.send_keys(&wrong).await.expect("typed");
    let refusal =
        eventually("the refusal", async || Some(browser.text("#error").await).filter(|text| text.contains('4')));
    refusal.await;
    let step = browser.wait_for("#stepper li[data-step=verified]").await;
    assert_ne!(step.attr("data-state").await.expect("an attribute").as_deref(), Some("done"));
    browser.picture("wrong-code").await;

    let field = browser.wait_for("#code").await;
    field.clear().await.expect("cleared");
    let (front, back) = code.split_at(3);
    field.send_keys(&format!("{front} {back}")).await.expect("typed");
    browser.wait_for("#stepper li[data-step=verified][data-state=done]").await;
    browser.wait_for("#verified:not([hidden])").await;
    let token =
        eventually("the proof", async || Some(browser.text("#token").await).filter(|text| !text.is_empty())).await;
    assert_eq!(token.split('.').count(), 3, "{token}");
    browser.picture("verified").await;
    browser.end().await;
    system.stack.stop().await;
}

#[tokio::test]
async fn a_reloaded_page_goes_on_where_it_was() {
    let system = System::start().await;
    let browser = Browser::start().await;
    browser.client.goto(&system.stack.file().gateway).await.expect("the page opens");
    browser.wait_for("#email").await.send_keys("bob@page.test").await.expect("typed");
    browser.wait_for("#send").await.click().await.expect("clicked");
    browser.wait_for("#stepper li[data-step=sent][data-state=done]").await;
    browser.client.refresh().await.expect("reloaded");
    browser.wait_for("#stepper li[data-step=sent][data-state=done]").await;

    // The notifier dies under the page; the page comes back to the next one and misses nothing.
    system.stack.kill(otp_dev::stack::Part::Notifier, otp_dev::process::Signal::Kill).await.expect("killed");
    system.stack.ready(otp_dev::stack::Part::Notifier).await.expect("started again");
    browser.wait_for("#connection[data-state=live]").await;
    browser.wait_for("#cancel").await.click().await.expect("clicked");
    let title = eventually("the end", async || {
        Some(browser.text("#title").await).filter(|text| text.to_lowercase().contains("cancel"))
    });
    title.await;
    browser.picture("canceled").await;
    browser.end().await;
    system.stack.stop().await;
}
