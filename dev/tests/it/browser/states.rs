//! Every state has its words.

use serde_json::json;

use super::driver::Browser;
use crate::support::{System, other_code};

/// Back to a page that remembers nothing.
async fn start_again(browser: &Browser) {
    browser.click("#again").await;
    browser.wait_for("#email-form:not([hidden])").await;
    browser.wait_for("#email").await.clear().await.expect("cleared");
}

#[tokio::test]
async fn every_state_has_its_words() {
    let system = System::with(|options| {
        options.caller.set("OTP_RESEND_COOLDOWN", "1s");
        options.caller.set("OTP_CODE_TTL", "20s");
        options.caller.set("OTP_LIMIT_IP", "5/1m");
    })
    .await;
    let browser = Browser::start().await;
    browser.open(&system.stack.file().gateway).await;

    browser.ask("defer451@page.test").await;
    browser.wait_for_text("#status", "the mail server asks us to wait").await;
    browser.wait_for_text("#note", "Next try in").await;
    browser.wait_for_text("#route [data-station=relay] small", "The mail server asks us to wait; next try in").await;
    browser.picture("deferred").await;
    browser.click("#cancel").await;
    browser.wait_for_text("#title", "Canceled").await;
    browser.wait_for_text("#status", "Nothing was proved").await;
    start_again(&browser).await;

    browser.ask("fail550@page.test").await;
    browser.wait_for_text("#title", "did not get through").await;
    browser.wait_for_text("#status", "refuses this address. Check the address").await;
    browser.wait_for_text("#route [data-station=relay][data-state=failed]", "550").await;
    browser.picture("failed").await;
    start_again(&browser).await;

    browser.ask("newer@page.test").await;
    browser.wait_for("#route [data-station=relay][data-state=done]").await;
    browser.wait_for("#resend:not([disabled])").await;
    let (status, _) = system.post("/v1/verifications", &json!({"email": "newer@page.test"})).await;
    assert_eq!(status, 202);
    browser.wait_for_text("#title", "Replaced by a newer request").await;
    browser.wait_for_text("#status", "use that one").await;
    start_again(&browser).await;

    browser.ask("late@page.test").await;
    browser.wait_for("#route [data-station=relay][data-state=done]").await;
    browser.wait_for_text("#title", "has expired").await;
    browser.wait_for_text("#status", "a new code comes").await;
    start_again(&browser).await;

    browser.ask("toomany@page.test").await;
    browser.wait_for_text("#error", "Too many requests").await;
    browser.wait_for_text("#retry-in", "You can try again in").await;
    browser.wait_for("#send[disabled]").await;
    browser.picture("limited").await;
    browser.end().await;
    system.stack.stop().await;
}

#[tokio::test]
async fn guesses_run_out_and_the_lock_says_so() {
    let system = System::start().await;
    let browser = Browser::start().await;
    browser.open(&system.stack.file().gateway).await;
    browser.ask("guess@page.test").await;
    let code = system.inbox().code_for("guess@page.test").await;
    let wrong = other_code(&code);
    for left in ["4 tries left", "3 tries left", "2 tries left", "One try left"] {
        browser.type_into("#code", &wrong).await;
        browser.wait_for_text("#error", left).await;
    }
    browser.type_into("#code", &wrong).await;
    browser.wait_for_text("#title", "Too many wrong codes").await;
    browser.wait_for("#route [data-station=mailbox][data-state=failed]").await;
    browser.end().await;
    system.stack.stop().await;
}
