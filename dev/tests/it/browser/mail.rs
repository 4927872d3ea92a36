//! The mails in a browser, as the preview shows them.

use otp_dev::mail_preview::{Preview, write};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::access::axe_serious;
use super::driver::Browser;

/// A phone, of which the mail's frame takes all.
const PHONE: u32 = 390;

/// How far the page is wider than the window, and which elements stick out.
const TOO_WIDE: &str = "
const { scrollWidth, clientWidth } = document.documentElement;
const out = [...document.body.querySelectorAll('*')].filter((one) => { const { left, right, width } = one.getBoundingClientRect(); return width > 0 && (left < -1 || right > clientWidth + 1); });
return [clientWidth, scrollWidth - clientWidth, out.map((one) => one.outerHTML.slice(0, 80))];";

#[tokio::test]
async fn the_preview_shows_every_language() {
    let preview = Preview::bind(0, None).await.expect("a port");
    let (url, shutdown) = (format!("http://{}", preview.address()), CancellationToken::new());
    let taken = Preview::bind(preview.address().port(), None).await.expect_err("a port that is taken");
    assert!(format!("{taken:#}").contains(&preview.address().to_string()), "{taken:#}");
    let running = tokio::spawn(preview.run(shutdown.clone()));
    let browser = Browser::of_width(PHONE).await;
    browser.open(&url).await;
    let languages = browser.run("return [...document.querySelectorAll('nav a')].map((one) => one.textContent)").await;
    let languages: Vec<String> = serde_json::from_value(languages).expect("names");
    assert_eq!(languages.len(), 19, "{languages:?}");
    for language in &languages[1..] {
        browser.open(&format!("{url}/{language}?minutes=21&subject=yes")).await;
        assert!(browser.text("h2").await.contains("418093"), "{language}");
        assert!(browser.text("pre").await.contains("https://otp.example.com/report#"), "{language}");
        assert_eq!(browser.run("return document.querySelectorAll('iframe').length").await, json!(4), "{language}");
        let wide = browser.run(TOO_WIDE).await;
        assert_eq!((&wide[0], &wide[1]), (&json!(PHONE), &json!(0)), "{language}: {wide}");
    }
    browser.open(&format!("{url}/ar")).await;
    browser.client.clone().enter_frame(0).await.expect("a frame");
    assert_eq!(browser.text(".digits").await, "418093");
    browser.end().await;
    shutdown.cancel();
    running.await.expect("it ends").expect("it served");
}

#[tokio::test]
async fn every_mail_fits_a_phone_and_is_readable_in_light_and_dark() {
    let folder = tempfile::tempdir().expect("a directory");
    write(folder.path(), None).expect("the mails");
    let files = std::fs::read_dir(folder.path()).expect("a directory").map(|file| file.expect("a file").path());
    let files: Vec<_> = files.filter(|file| file.extension().is_some_and(|kind| kind == "html")).collect();
    assert_eq!(files.len(), 18 * 4);
    let browser = Browser::of_width(PHONE).await;
    for file in files {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        browser.open(&format!("file://{}", file.display())).await;
        assert_eq!(browser.run(TOO_WIDE).await, json!([PHONE, 0, []]), "{name}");
        let seen = browser.run(SEEN).await;
        let expected = if name.starts_with("ar.") || name.starts_with("he.") { "rtl" } else { "ltr" };
        assert_eq!(seen["direction"], json!(expected), "{name}");
        assert_eq!((&seen["code"], &seen["codeDirection"]), (&json!("418093"), &json!("ltr")), "{name}");
        assert!(seen["size"].as_f64() >= Some(36.0), "{name}: {seen}");
        assert_eq!(seen["dark"], json!(name.contains(".dark")), "{name}");
        axe_serious(&browser, &name).await;
    }
    browser.end().await;
}

/// What matters of a mail: the direction, and the code as it is copied.
const SEEN: &str = "
const digits = document.querySelector('.digits');
const style = getComputedStyle(digits);
getSelection().selectAllChildren(digits);
const [red] = getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g);
return { direction: getComputedStyle(document.querySelector('h1')).direction, code: getSelection().toString(),
  codeDirection: style.direction, size: parseFloat(style.fontSize), dark: Number(red) < 128 };";
