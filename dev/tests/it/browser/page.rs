//! The whole way on the page.

use otp_dev::process::Signal;
use otp_dev::stack::Part;
use serde_json::json;

use super::driver::Browser;
use crate::support::{System, eventually, other_code};

#[tokio::test]
async fn a_person_verifies_an_address_on_the_page() {
    let system = System::start().await;
    let browser = Browser::start().await;
    browser.open(&system.stack.file().gateway).await;

    browser.ask("nobody@nxdomain.test").await;
    let refusal = browser.wait_for_text("#error:not([hidden])", "mail").await;
    assert!(refusal.contains("domain"), "{refusal}");

    browser.wait_for("#email").await.clear().await.expect("cleared");
    browser.ask("ada@page.test").await;
    for station in ["gateway", "mailer", "relay"] {
        browser.wait_for(&format!("#route [data-station={station}][data-state=done]")).await;
        let hop = browser.wait_for_text(&format!("#route [data-station={station}] .hop"), " ms").await;
        assert!(hop.starts_with(|c: char| c.is_ascii_digit() || c == '<'), "{hop}");
    }
    browser.wait_for_text("#total-time", " ms").await;
    browser.wait_for("#stepper li[data-step=sent][data-state=done]").await;
    browser.wait_for("#connection[data-state=live]").await;
    for event in ["requested", "sent"] {
        browser.wait_for(&format!("#log li[data-event={event}]")).await;
    }
    browser.picture("sent").await;
    nothing_is_read_out_while_only_time_passes(&browser).await;

    let code = system.inbox().code_for("ada@page.test").await;
    let wrong = other_code(&code);
    browser.type_into("#code", &wrong).await;
    browser.wait_for_text("#error", "4 tries left").await;
    let step = browser.wait_for("#stepper li[data-step=verified]").await;
    assert_ne!(step.attr("data-state").await.expect("an attribute").as_deref(), Some("done"));
    browser.picture("wrong-code").await;

    browser.wait_for("#code").await.clear().await.expect("cleared");
    let (front, back) = code.split_at(3);
    browser.type_into("#code", &format!("{front} {back}")).await;
    browser.wait_for("#stepper li[data-step=verified][data-state=done]").await;
    browser.wait_for("#route [data-station=mailbox][data-state=done]").await;
    browser.wait_for("#verified:not([hidden])").await;
    let token =
        eventually("the proof", async || Some(browser.text("#token").await).filter(|text| !text.is_empty())).await;
    assert_eq!(token.split('.').count(), 3, "{token}");
    browser.wait_for_text("#claims", "ada@page.test").await;
    browser.picture("verified").await;
    nothing_from_elsewhere_and_little_of_it(&browser).await;
    browser.end().await;
    system.stack.stop().await;
}

/// Countdowns change each second; what is read out aloud must not.
async fn nothing_is_read_out_while_only_time_passes(browser: &Browser) {
    let listen = "window.heard = []; window.ticks = 0;
        const root = document.querySelector('otp-verify').shadowRoot;
        const watch = (target, run) => new MutationObserver(run).observe(target, { childList: true, characterData: true, subtree: true });
        for (const live of root.querySelectorAll('[role=status], [role=alert]')) watch(live, () => window.heard.push(live.id));
        watch(root.getElementById('expires'), () => { window.ticks += 1; });";
    browser.run(listen).await;
    eventually("two ticks", async || {
        browser.run("return window.ticks").await.as_u64().filter(|ticks| *ticks >= 2).map(drop)
    })
    .await;
    assert_eq!(browser.run("return window.heard").await, json!([]));
}

/// Counted by the browser, as it came over the wire, headers included.
async fn nothing_from_elsewhere_and_little_of_it(browser: &Browser) {
    let script =
        "const loaded = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
          .filter(({ name }) => !name.includes('/v1/'));
        return [loaded.length, loaded.every(({ name }) => new URL(name).origin === location.origin),
          loaded.reduce((sum, { transferSize }) => sum + transferSize, 0)];";
    let loaded = browser.run(script).await;
    println!("files, from here alone, bytes over the wire: {loaded}");
    assert!(loaded[0].as_u64() > Some(15), "{loaded}");
    assert_eq!(loaded[1], json!(true), "something came from elsewhere");
    assert!(loaded[2].as_u64() < Some(60_000), "{loaded}");
}

#[tokio::test]
async fn a_reloaded_page_goes_on_where_it_was() {
    let system = System::start().await;
    let browser = Browser::start().await;
    browser.open(&system.stack.file().gateway).await;
    browser.ask("bob@page.test").await;
    browser.wait_for("#stepper li[data-step=sent][data-state=done]").await;
    browser.client.refresh().await.expect("reloaded");
    browser.wait_for("#stepper li[data-step=sent][data-state=done]").await;

    // The notifier dies under the page; the page says so, comes back to the next one and misses nothing.
    let told = "window.told = []; const root = document.querySelector('otp-verify').shadowRoot;
        new MutationObserver(() => window.told.push(root.getElementById('connection').textContent))
          .observe(root.getElementById('connection'), { childList: true, characterData: true, subtree: true, attributes: true });";
    browser.run(told).await;
    system.stack.kill(Part::Notifier, Signal::Kill).await.expect("killed");
    system.stack.ready(Part::Notifier).await.expect("started again");
    eventually("the loss of the connection in words", async || {
        let told = browser.run("return window.told.join('|')").await;
        told.as_str().filter(|told| told.contains("Connection lost")).map(drop)
    })
    .await;
    browser.wait_for("#connection[data-state=live]").await;
    browser.click("#cancel").await;
    browser.wait_for_text("#title", "Canceled").await;
    browser.picture("canceled").await;
    browser.end().await;
    system.stack.stop().await;
}

#[tokio::test]
async fn the_developer_view_has_what_happened_and_what_to_copy() {
    let system = System::start().await;
    let browser = Browser::start().await;
    browser.open(&system.stack.file().gateway).await;
    browser.ask("dev@page.test").await;
    browser.wait_for("#route [data-station=relay][data-state=done]").await;
    browser.click("#developer summary").await;
    browser.wait_for_text("#log", "elapsed_ms").await;
    let gateway = &system.stack.file().gateway;
    browser.wait_for_text("[data-listing=embed] code", &format!("{gateway}/js/otp-verify.js")).await;
    // The line for the shell is right: it is run as it stands, with the ticket in it.
    let read = browser.wait_for_text("[data-listing=read] code", "Authorization: Bearer ").await;
    let url = read.split_whitespace().find(|word| word.starts_with("http")).expect("an address");
    let ticket = read.rsplit_once("Bearer ").expect("a ticket").1.trim_end_matches('\'');
    let answer = system.client.get(url).bearer_auth(ticket).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    browser.click("[data-listing=read] button").await;
    browser.wait_for_text("[data-listing=read] button", "Cop").await;
    browser.end().await;
    system.stack.stop().await;
}
