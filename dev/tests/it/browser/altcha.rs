//! Proof of work, done for real: on the page in a worker, in a page of another origin without one.

use serde_json::{Value, json};

use super::driver::Browser;
use super::widget::Shop;
use crate::support::{System, eventually};

/// Reads what the page's own clock says of how long nothing else had its turn, and what is said aloud.
const WATCH: &str = "
const element = document.querySelector('otp-verify');
window.said = []; window.longest = 0; window.forbidden = [];
const status = element.shadowRoot.getElementById('status');
new MutationObserver(() => window.said.push(status.textContent)).observe(status, { childList: true, characterData: true, subtree: true });
document.addEventListener('securitypolicyviolation', ({ blockedURI }) => window.forbidden.push(blockedURI));
let last = performance.now();
element.addEventListener('otp-change', ({ detail }) => {
  if (detail.proving && !window.beganAt) { window.beganAt = performance.now(); last = window.beganAt; }
  if (!detail.proving && window.beganAt && !window.tookMs) window.tookMs = performance.now() - window.beganAt;
});
setInterval(() => {
  const now = performance.now();
  if (window.beganAt && !window.tookMs) window.longest = Math.max(window.longest, now - last);
  last = now;
}, 4);";

/// What the page loaded that has this in its name.
async fn loaded(browser: &Browser, name: &str) -> bool {
    let script =
        format!("return performance.getEntriesByType('resource').some(({{ name }}) => name.includes('{name}'))");
    browser.run(&script).await == json!(true)
}

async fn system(cost: &str) -> System {
    System::with(|options| {
        options.caller.set("OTP_PROOF_OF_WORK", "always");
        options.caller.set("OTP_PROOF_OF_WORK_COST", cost);
    })
    .await
}

#[tokio::test]
async fn the_page_solves_in_a_worker_while_it_stays_alive() {
    let system = system("2000").await;
    let browser = Browser::start().await;
    browser.open(&system.stack.file().gateway).await;
    browser.wait_for("#email").await;
    browser.run(WATCH).await;
    browser.ask("worker@page.test").await;
    let code = system.inbox().code_for("worker@page.test").await;
    browser.type_into("#code", &code).await;
    browser.wait_for("#stepper li[data-step=verified][data-state=done]").await;
    let said = browser.run("return window.said.join('|')").await;
    assert!(said.as_str().is_some_and(|said| said.contains("no machine is asking")), "{said}");
    assert!(loaded(&browser, "/js/proof-worker.js").await, "the worker was not used");
    let times = browser.run("return [window.tookMs, window.longest]").await;
    println!("proof of work on the page: {times} ms in all, longest without another's turn");
    let [took, longest] = [0, 1].map(|at| times[at].as_f64().expect("a time"));
    assert!(took > 0.0 && longest < 1000.0, "{times}");
    browser.end().await;
    system.stack.stop().await;
}

#[tokio::test]
async fn whoever_has_waited_enough_stops_it() {
    let system = system("100000").await;
    let browser = Browser::start().await;
    browser.open(&system.stack.file().gateway).await;
    browser.ask("patient@page.test").await;
    browser.wait_for_text("#status", "no machine is asking").await;
    let seen = "return document.querySelector('otp-verify').shadowRoot.getElementById('status').getBoundingClientRect().height";
    assert!(browser.run(seen).await.as_f64().is_some_and(|height| height > 10.0), "it is said for eyes as well");
    browser.picture("proof-of-work").await;
    browser.click("#cancel").await;
    browser.wait_for_text("#status", "Nothing sent yet").await;
    browser.wait_for("#email-form:not([hidden])").await;
    browser.wait_for("#actions[hidden]").await;
    assert_eq!(browser.text("#error").await, "");
    browser.end().await;
    system.stack.stop().await;
}

/// Neither worker nor anything else that the shop's policy would have to allow.
#[tokio::test]
async fn a_page_elsewhere_solves_under_its_strict_policy() {
    let shop = Shop::open_with(|options| {
        options.caller.set("OTP_PROOF_OF_WORK", "always");
        options.caller.set("OTP_PROOF_OF_WORK_COST", "1000");
    })
    .await;
    shop.restrict("");
    shop.browser.open(&format!("{}/plain.html", shop.origin)).await;
    shop.browser.wait_for("#email").await;
    shop.browser.run(WATCH).await;
    shop.browser.ask("elsewhere@page.test").await;
    let code = shop.system.inbox().code_for("elsewhere@page.test").await;
    shop.browser.type_into("#code", &code).await;
    eventually("the proof in the form", async || {
        let proof = shop.browser.run("return new FormData(document.querySelector('form')).get('proof')").await;
        proof.as_str().filter(|proof| proof.split('.').count() == 3).map(drop)
    })
    .await;
    let times = shop.browser.run("return [window.tookMs, window.longest]").await;
    println!("proof of work elsewhere: {times} ms in all, longest without another's turn");
    assert_eq!(shop.browser.run("return window.forbidden").await, json!([]));
    assert!(!loaded(&shop.browser, "/js/proof-worker.js").await);
    assert!(times[1].as_f64().is_some_and(|longest| longest < 1000.0), "{times}");
    shop.close().await;
}

/// Figures for the guide: a key of 500 rounds with the browser's own PBKDF2, and with ours.
#[tokio::test]
async fn what_a_key_costs_in_the_browser() {
    let system = System::start().await;
    let browser = Browser::start().await;
    browser.open(&system.stack.file().gateway).await;
    let script = "const done = arguments[arguments.length - 1];
        import('/js/proof-of-work.js').then(async ({ solve }) => {
          const hex = (text) => text.repeat(16);
          const parameters = { algorithm: 'PBKDF2/SHA-256', cost: 500, keyLength: 32, keyPrefix: 'none', nonce: hex('0f'), salt: hex('a5') };
          const each = [];
          for (const native of [true, false]) {
            let keys = 0;
            const subtle = native && { importKey: (...all) => crypto.subtle.importKey(...all), deriveBits: (...all) => { keys += 1; return crypto.subtle.deriveBits(...all); } };
            const stop = new AbortController();
            const began = performance.now();
            if (native) {
              setTimeout(() => stop.abort(), 1000);
              await solve({ parameters, signature: '' }, { subtle, signal: stop.signal }).catch(() => {});
            } else {
              const { pbkdf2 } = await import('/js/pbkdf2.js');
              while (performance.now() - began < 1000) { pbkdf2(new Uint8Array(20), new Uint8Array(16), 500); keys += 1; }
            }
            each.push((performance.now() - began) / keys);
          }
          done(each);
        });";
    let each: Value = browser.client.execute_async(script, vec![]).await.expect("figures");
    println!("milliseconds for a key of 500 rounds, the browser's own and ours: {each}");
    assert!(each[0].as_f64().is_some_and(|ms| ms > 0.0) && each[1].as_f64().is_some_and(|ms| ms > 0.0), "{each}");
    browser.end().await;
    system.stack.stop().await;
}
