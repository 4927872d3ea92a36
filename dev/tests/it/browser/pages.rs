//! The pages beside the first: the description of the API, and the one for codes that nobody asked for.

use serde_json::{Value, json};

use super::access::in_both_schemes;
use super::driver::Browser;
use crate::support::{Socket, System, eventually, report_link_in};

/// What the page loaded, that came from elsewhere.
const FOREIGN: &str = "return performance.getEntriesByType('resource').map(({ name }) => name)
  .filter((name) => new URL(name).origin !== location.origin)";

async fn nothing_foreign_and_no_complaint(browser: &Browser) {
    assert_eq!(browser.run(FOREIGN).await, json!([]), "something came from elsewhere");
    assert_eq!(browser.complaints().await, [] as [String; 0]);
}

/// `method path` of every operation, and every channel's messages.
fn described(openapi: &Value, asyncapi: &Value) -> (Vec<String>, Vec<String>) {
    let paths = openapi["paths"].as_object().expect("paths").iter();
    let mut operations: Vec<String> = paths
        .flat_map(|(path, item)| {
            item.as_object().expect("operations").keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    let channels = asyncapi["channels"].as_object().expect("channels").values();
    let mut messages: Vec<String> =
        channels.flat_map(|channel| channel["messages"].as_object().expect("messages").keys().cloned()).collect();
    operations.sort();
    messages.sort();
    (operations, messages)
}

#[tokio::test]
async fn the_page_of_the_api_shows_all_that_is_described() {
    let system = System::start().await;
    let gateway = system.stack.file().gateway.clone();
    let api = system.api();
    let (operations, messages) = described(&api.get("/openapi.json").await.body, &api.get("/asyncapi.json").await.body);
    for (name, browser) in [("desktop", Browser::start().await), ("phone", Browser::on_a_phone().await)] {
        browser.open(&format!("{gateway}/docs")).await;
        browser.wait_for("body[data-state=ready]").await;
        for (css, expected) in [("operation", &operations), ("message", &messages)] {
            let script =
                format!("return [...document.querySelectorAll('[data-{css}]')].map((one) => one.dataset.{css}).sort()");
            assert_eq!(browser.run(&script).await, json!(expected));
        }
        in_both_schemes(&browser, &format!("the API on a {name}")).await;
        browser.picture(&format!("docs-{name}")).await;
        // All of it unfolded is no wider, no paler and no less named.
        browser.run("for (const one of document.querySelectorAll('details')) one.open = true").await;
        in_both_schemes(&browser, &format!("the API unfolded on a {name}")).await;
        let broken =
            "return [...document.querySelectorAll('a[href^=\"#\"]')].map((one) => one.getAttribute('href').slice(1))
          .filter((id) => !document.getElementById(id))";
        assert_eq!(browser.run(broken).await, json!([]), "links that lead nowhere");
        nothing_foreign_and_no_complaint(&browser).await;
        browser.end().await;
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn a_line_for_the_shell_asks_for_a_code() {
    let system = System::start().await;
    let browser = Browser::start().await;
    browser.open(&format!("{}/docs", system.stack.file().gateway)).await;
    browser.wait_for("body[data-state=ready]").await;
    let script = "return document.querySelector('[data-operation=\"post /v1/verifications\"] figure code').textContent";
    let line = browser.run(script).await.as_str().expect("a line").to_owned();
    let answer = tokio::process::Command::new("sh").args(["-c", &format!("{line} -s -w ' %{{http_code}}'")]).output();
    let said = String::from_utf8(answer.await.expect("curl").stdout).expect("text");
    assert!(said.contains("\"status\":\"queued\"") && said.ends_with(" 202"), "{line}: {said}");
    browser.end().await;
    system.stack.stop().await;
}

#[tokio::test]
async fn whoever_did_not_ask_presses_one_button() {
    let system = System::with(|options| options.caller.set("OTP_LIMIT_RECIPIENT", "off")).await;
    let (api, browser) = (system.api(), Browser::on_a_phone().await);
    let asked = api.accepted("victim@report.test").await;
    let mail = system.inbox().wait_for("victim@report.test").await;
    let code = crate::support::code_in(&mail, 6);
    let link = report_link_in(&mail);
    assert!(link.starts_with(&format!("{}/report#", system.stack.file().gateway)), "{link}");

    browser.open(&link).await;
    browser.wait_for("#report:not([hidden])").await;
    in_both_schemes(&browser, "the report").await;
    browser.picture("report").await;
    // A scanner that has followed the link has done nothing.
    let read = api.read(&asked.id, Some(&asked.ticket)).await;
    assert_eq!(read.body["status"], "sent", "{}", read.text);
    browser.click("#pause").await;
    browser.click("#send").await;
    browser.wait_for_text("#status", "no codes for a day").await;
    browser.wait_for("#report[hidden]").await;
    assert_eq!(browser.run("return location.hash").await, json!(""), "the token stays in the history");
    nothing_foreign_and_no_complaint(&browser).await;
    api.check(&asked.id, &code).await.problem(410, "canceled");
    // The next request looks like any other, and its mail fails.
    let next = api.accepted("victim@report.test").await;
    let events = Socket::watching(&system.stack.file().events, &next).await.until("failed").await;
    assert_eq!(events.last().expect("events")["data"]["reason"], "refused");
    assert_eq!(system.inbox().to("victim@report.test").await.len(), 1);

    browser.open(&format!("{}/report?lang=de#{}", system.stack.file().gateway, "x".repeat(20))).await;
    browser.wait_for_text("h1", "nicht angefordert").await;
    browser.click("#send").await;
    browser.wait_for_text("#error", "unvollständig").await;
    browser.end().await;
    system.stack.stop().await;
}

/// Without the part behind the `#` there is nothing to press.
#[tokio::test]
async fn a_link_that_was_cut_says_so() {
    let system = System::start().await;
    let browser = Browser::start().await;
    browser.open(&format!("{}/report", system.stack.file().gateway)).await;
    browser.wait_for_text("#error", "incomplete").await;
    eventually("no form", async || {
        (browser.run("return document.getElementById('report').hidden").await == json!(true)).then_some(())
    })
    .await;
    browser.end().await;
    system.stack.stop().await;
}
