//! The page without a mouse, without sharp eyes, on a phone, from right to left.

use serde_json::{Value, json};

use super::driver::{Browser, ENTER, TAB, fetched};
use crate::support::{System, eventually};

/// Contrasts, names, sizes of targets, headlines, overflow.
const FAULTS: &str = include_str!("faults.js");

/// All colours are pairs that follow this property.
pub(super) async fn in_both_schemes(browser: &Browser, what: &str) {
    for scheme in ["light", "dark"] {
        let set = format!("document.documentElement.style.colorScheme = '{scheme}'");
        browser.run(&set).await;
        let faults = browser.run(FAULTS).await;
        assert_eq!(faults, json!([]), "{what}, {scheme}");
        axe(browser, &format!("{what}, {scheme}")).await;
    }
    browser.run("document.documentElement.style.colorScheme = ''").await;
}

/// The rules of WCAG 2.2 up to AA as axe-core knows them, where it was fetched.
async fn axe(browser: &Browser, what: &str) {
    axe_finds_no(browser, what, "one => true").await;
}

/// The same without what axe-core itself calls minor or moderate: rules for whole pages, which a mail is not.
pub(super) async fn axe_serious(browser: &Browser, what: &str) {
    axe_finds_no(browser, what, "({ impact }) => impact === 'serious' || impact === 'critical'").await;
}

async fn axe_finds_no(browser: &Browser, what: &str, wanted: &str) {
    let Some(source) = fetched("axe-core/axe.min.js") else {
        println!("axe-core skipped: `npm run tools` in web/ fetches it");
        return;
    };
    let script = format!(
        "const done = arguments[arguments.length - 1];
         if (!window.axe) {{ {source} }}
         axe.run(document, {{ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }})
           .then(({{ violations, passes }}) => done({{ passes: passes.length, violations: violations.filter({wanted}).map(({{ id, nodes }}) =>
             [id, ...nodes.map((node) => node.target.flat().join(' ') + ': ' + node.failureSummary)]) }}), (error) => done(String(error)));"
    );
    let found = browser.client.execute_async(&script, vec![]).await.expect("axe runs");
    assert_eq!(found["violations"], json!([]), "{what}: {found:#}");
    assert!(found["passes"].as_u64() > Some(10), "{what}: {found}");
}

#[tokio::test]
async fn the_page_works_without_a_mouse() {
    let system = System::start().await;
    let browser = Browser::start().await;
    browser.open(&system.stack.file().gateway).await;
    browser.wait_for("#email").await;
    let mut stops = 0;
    while browser.focused().await != "email" {
        browser.press(TAB).await;
        stops += 1;
        assert!(stops < 10, "the address is not reached by the keyboard");
    }
    browser.press("keys@page.test").await;
    browser.press(ENTER).await;
    browser.wait_for("#code-form:not([hidden]) #code").await;
    eventually("the focus on the code", async || (browser.focused().await == "code").then_some(())).await;
    let code = system.inbox().code_for("keys@page.test").await;
    browser.press(&code).await;
    browser.wait_for("#verified:not([hidden])").await;
    assert_eq!(browser.focused().await, "title", "the headline tells what came of it");
    let mut reached = Vec::new();
    while reached.last().map(String::as_str) != Some("copy") {
        browser.press(TAB).await;
        reached.push(browser.focused().await);
        assert!(reached.len() < 10, "{reached:?}");
    }
    assert_eq!(reached, ["again", "token", "copy"]);
    browser.end().await;
    system.stack.stop().await;
}

#[tokio::test]
async fn nothing_measurable_stands_in_anyone_s_way() {
    let system = System::start().await;
    let gateway = system.stack.file().gateway.clone();
    for (name, browser) in [("desktop", Browser::start().await), ("phone", Browser::on_a_phone().await)] {
        browser.open(&gateway).await;
        browser.wait_for("#email").await;
        in_both_schemes(&browser, &format!("{name}, at the start")).await;
        browser.ask(&format!("defer451@{name}.test")).await;
        browser.wait_for("#route [data-station=relay][data-state=deferred]").await;
        browser.type_into("#code", "12").await;
        in_both_schemes(&browser, &format!("{name}, deferred")).await;
        browser.click("#cancel").await;
        browser.wait_for("#again:not([hidden])").await;
        browser.run("document.getElementById('developer').open = true").await;
        in_both_schemes(&browser, &format!("{name}, canceled")).await;
        browser.end().await;
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn the_code_is_one_field_for_password_managers() {
    let system = System::start().await;
    let browser = Browser::on_a_phone().await;
    browser.open(&system.stack.file().gateway).await;
    browser.ask("boxes@page.test").await;
    let field = browser.wait_for("#code-form:not([hidden]) #code").await;
    let expected =
        [("autocomplete", "one-time-code"), ("inputmode", "numeric"), ("type", "text"), ("pattern", "[0-9]*")];
    for (name, value) in expected {
        assert_eq!(field.attr(name).await.expect("an attribute").as_deref(), Some(value), "{name}");
    }
    let boxes = "const root = document.querySelector('otp-verify').shadowRoot;
        const boxes = [...root.querySelectorAll('.box')];
        return [boxes.length, boxes.every((box) => box.ariaHidden === 'true'), root.querySelectorAll('#code-form input').length];";
    assert_eq!(browser.run(boxes).await, json!([6, true, 1]));
    // Each digit stands in its box: as wide apart as the boxes are.
    let pitch = "const root = document.querySelector('otp-verify').shadowRoot;
        const [one, two] = root.querySelectorAll('.box');
        const style = getComputedStyle(root.getElementById('code'));
        const pen = document.createElement('canvas').getContext('2d');
        pen.font = style.font;
        const step = pen.measureText('0').width + parseFloat(style.letterSpacing);
        return Math.abs(step - (two.getBoundingClientRect().x - one.getBoundingClientRect().x));";
    let off = browser.run(pitch).await.as_f64().expect("a number");
    assert!(off < 0.5, "digits and boxes are {off} px apart");

    let code = system.inbox().code_for("boxes@page.test").await;
    let (front, back) = code.split_at(3);
    let paste = "const field = document.querySelector('otp-verify').shadowRoot.getElementById('code');
        field.focus(); document.execCommand('insertText', false, arguments[0]);";
    browser.client.execute(paste, vec![json!(format!("Your code: {front}-{back}."))]).await.expect("pasted");
    browser.wait_for("#verified:not([hidden])").await;
    browser.end().await;
    system.stack.stop().await;
}

#[tokio::test]
async fn languages_and_directions() {
    let system = System::start().await;
    let browser = Browser::on_a_phone().await;
    browser.open(&format!("{}/?lang=de", system.stack.file().gateway)).await;
    browser.wait_for_text("#title", "Ist das Ihr Postfach?").await;
    browser.wait_for_text("#way", "Der Weg Ihres Codes").await;
    assert_eq!(browser.run("return document.documentElement.lang").await, json!("de"));
    browser.run("const field = document.getElementById('language'); field.value = 'fr'; field.dispatchEvent(new Event('change'));").await;
    browser.wait_for_text("#title", "la vôtre").await;
    browser.client.refresh().await.expect("reloaded");
    browser.wait_for_text("#title", "la vôtre").await;

    let table = include_str!("../../../../web/examples/messages-ar.js").replace("export const AR =", "const AR =");
    let add = format!(
        "{table}; const done = arguments[arguments.length - 1];
         import('/js/messages.js').then(({{ defineMessages }}) => {{
           defineMessages('ar', AR); document.querySelector('otp-verify').locale = 'ar'; done(true);
         }}, (error) => done(String(error)));"
    );
    assert_eq!(browser.client.execute_async(&add, vec![]).await.expect("a value"), Value::Bool(true));
    browser.wait_for("html[dir=rtl]").await;
    browser.ask("rtl@page.test").await;
    browser.wait_for_text("#title", "رمز إلى").await;
    in_both_schemes(&browser, "right to left").await;
    browser.picture("rtl").await;
    browser.end().await;
    system.stack.stop().await;
}
