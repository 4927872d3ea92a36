//! `<otp-verify>` in pages of another origin: plain HTML under a policy without inline anything, React, Vue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing;
use otp_dev::stack::Options;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::driver::{Browser, fetched};
use crate::support::{System, eventually};

/// Where the examples load the widget from.
const EXAMPLE: &str = "https://otp.example.com";

/// An application's site: files, and what was sent to it.
#[derive(Default)]
struct Site {
    files: Mutex<HashMap<String, (&'static str, String)>>,
    policy: Mutex<String>,
    signups: Mutex<Vec<String>>,
}

impl Site {
    fn put(&self, path: &str, kind: &'static str, text: String) {
        self.files.lock().expect("a lock").insert(path.to_owned(), (kind, text));
    }

    fn signups(&self) -> Vec<String> {
        self.signups.lock().expect("a lock").clone()
    }
}

async fn file(State(site): State<Arc<Site>>, uri: Uri) -> Response {
    let Some((kind, text)) = site.files.lock().expect("a lock").get(uri.path()).cloned() else {
        return axum::http::StatusCode::NOT_FOUND.into_response();
    };
    let policy = site.policy.lock().expect("a lock").clone();
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_SECURITY_POLICY, policy)], text).into_response()
}

async fn signup(State(site): State<Arc<Site>>, body: String) -> &'static str {
    site.signups.lock().expect("a lock").push(body);
    "welcome"
}

/// A shop on a port of its own, and a system that knows its origin.
pub(super) struct Shop {
    site: Arc<Site>,
    pub(super) origin: String,
    pub(super) system: System,
    pub(super) browser: Browser,
    server: JoinHandle<()>,
}

impl Shop {
    async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// With other settings for the services.
    pub(super) async fn open_with(change: impl FnOnce(&mut Options)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let site = Arc::new(Site::default());
        let router = Router::new().route("/signup", routing::post(signup)).fallback(file).with_state(Arc::clone(&site));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("served") });
        let system = System::with(|options| {
            options.caller.set("OTP_ALLOWED_ORIGINS", &origin);
            change(options);
        })
        .await;
        let shop = Self { site, origin, system, browser: Browser::start().await, server };
        for (path, kind, text) in [
            ("/plain.html", "text/html", include_str!("../../../../web/examples/plain.html")),
            ("/plain.js", "text/javascript", include_str!("../../../../web/examples/plain.js")),
            ("/plain.css", "text/css", include_str!("../../../../web/examples/plain.css")),
            ("/react.html", "text/html", include_str!("../../../../web/examples/react.html")),
            ("/react.js", "text/javascript", include_str!("../../../../web/examples/react.js")),
            ("/vue.html", "text/html", include_str!("../../../../web/examples/vue.html")),
            ("/vue.js", "text/javascript", include_str!("../../../../web/examples/vue.js")),
        ] {
            shop.site.put(path, kind, text.replace(EXAMPLE, &shop.system.stack.file().gateway));
        }
        shop
    }

    /// What the shop's pages may do: nothing inline but, for import maps, scripts.
    pub(super) fn restrict(&self, scripts: &str) {
        let file = self.system.stack.file();
        let (gateway, events) = (&file.gateway, &file.notifier);
        *self.site.policy.lock().expect("a lock") = format!(
            "default-src 'none'; script-src 'self' {gateway} {scripts}; style-src 'self'; connect-src {gateway} {events}; form-action 'self'"
        );
    }

    /// The whole way on one page, up to the form that the shop gets.
    async fn sign_up(&self, page: &str, email: &str) -> String {
        let before = self.site.signups().len();
        self.browser.open(&format!("{}/{page}", self.origin)).await;
        self.browser.type_into("#email", email).await;
        assert_eq!(self.browser.run("return document.querySelector('form').checkValidity()").await, json!(false));
        self.browser.click("#send").await;
        let code = self.system.inbox().code_for(email).await;
        self.browser.type_into("#code", &code).await;
        eventually("the proof in the form", async || {
            let proof = self.browser.run("return new FormData(document.querySelector('form')).get('proof')").await;
            proof.as_str().filter(|proof| proof.split('.').count() == 3).map(drop)
        })
        .await;
        self.browser.picture(&format!("widget-{}", page.trim_end_matches(".html"))).await;
        if page == "plain.html" {
            self.browser.type_into("#nick", "ada").await;
        }
        self.browser.click("#done:not([disabled])").await;
        eventually("the form at the shop", async || self.site.signups().get(before).cloned()).await
    }

    pub(super) async fn close(self) {
        self.browser.end().await;
        self.system.stack.stop().await;
        self.server.abort();
    }
}

/// The claims of the proof in a form's body.
fn claims(body: &str) -> Value {
    let proof = body.split('&').find_map(|pair| pair.strip_prefix("proof=")).expect("a proof");
    let payload = proof.split('.').nth(1).expect("a payload");
    let bytes = data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes()).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[tokio::test]
async fn three_lines_in_a_page_elsewhere_under_a_strict_policy() {
    let shop = Shop::open().await;
    shop.restrict("");
    let body = shop.sign_up("plain.html", "plain@page.test").await;
    assert!(body.contains("nick=ada"), "{body}");
    let claims = claims(&body);
    assert_eq!((&claims["email"], &claims["purpose"]), (&json!("plain@page.test"), &json!("signup")));
    shop.close().await;
}

#[tokio::test]
async fn the_element_tells_its_page_and_obeys_its_form() {
    let shop = Shop::open().await;
    shop.restrict("");
    let browser = &shop.browser;
    browser.open(&format!("{}/plain.html", shop.origin)).await;
    browser.wait_for("#email").await;
    let listen = "window.told = []; const element = document.querySelector('otp-verify');
        for (const name of ['progress', 'verified', 'failed', 'problem']) document.addEventListener(`otp-${name}`, ({ detail }) => window.told.push([name, detail]));
        return [getComputedStyle(element.shadowRoot.querySelector('#send')).backgroundColor, element.matches(':invalid'), element.form === document.querySelector('form'), element.validationMessage];";
    let seen = browser.run(listen).await;
    assert_eq!(seen[0], json!("rgb(11, 92, 173)"), "the page's own colour, by a custom property");
    assert_eq!((&seen[1], &seen[2]), (&json!(true), &json!(true)));
    assert_eq!(seen[3], json!("Verify your e-mail address first."));

    browser.ask("x@nxdomain.test").await;
    browser.wait_for_text("#error", "domain").await;
    browser.wait_for("#email").await.clear().await.expect("cleared");
    browser.ask("fail550@page.test").await;
    browser.wait_for_text("#title", "did not get through").await;
    let told = browser.run("return window.told").await;
    let told = told.as_array().expect("events");
    assert_eq!(
        told.first(),
        Some(&json!(["problem", {"what": "request", "slug": "undeliverable-domain", "retryAfterMs": null}]))
    );
    assert_eq!(told.last(), Some(&json!(["failed", {"phase": "failed", "reason": "refused"}])));
    assert!(told.iter().any(|one| one[0] == "progress" && one[1]["phase"] == "queued"), "{told:?}");

    browser.run("document.getElementById('nick').focus(); document.querySelector('form').reset()").await;
    browser.wait_for("#email-form:not([hidden])").await;
    assert_eq!(browser.focused().await, "nick", "whoever is busy elsewhere on the page is left there");
    browser.run("const set = document.createElement('fieldset'); set.disabled = true; const form = document.querySelector('form'); form.before(set); set.append(form);").await;
    browser.wait_for("#send[disabled]").await;
    shop.close().await;
}

#[tokio::test]
async fn in_react_and_in_vue() {
    let (Some(react), Some(vue)) = (react(), fetched("vue/dist/vue.runtime.esm-browser.prod.js")) else {
        println!("skipped: React and Vue are not there; `npm run tools` in web/ fetches them");
        return;
    };
    let shop = Shop::open().await;
    shop.restrict("'unsafe-inline'");
    shop.site.put("/vendor/react.js", "text/javascript", react);
    shop.site.put("/vendor/vue.js", "text/javascript", vue);
    for page in ["react", "vue"] {
        let email = format!("{page}@page.test");
        let body = shop.sign_up(&format!("{page}.html"), &email).await;
        let claims = claims(&body);
        assert_eq!((&claims["email"], &claims["purpose"]), (&json!(email), &json!("signup")), "{page}");
    }
    shop.close().await;
}

/// React's modules are `CommonJS`: together they make one module of the browser's kind.
fn react() -> Option<String> {
    let parts = [
        ("react", "react/cjs/react.production.js"),
        ("scheduler", "scheduler/cjs/scheduler.production.js"),
        ("react-dom", "react-dom/cjs/react-dom.production.js"),
        ("react-dom/client", "react-dom/cjs/react-dom-client.production.js"),
    ];
    let modules: Option<String> = parts
        .iter()
        .map(|(name, path)| {
            let source = fetched(path)?;
            let run = format!("((module, exports) => {{ {source}\n }})(module, module.exports)");
            Some(format!("{{ const module = {{ exports: {{}} }}; {run}; made['{name}'] = module.exports; }}\n"))
        })
        .collect();
    let start = "const made = {}; const require = (name) => made[name]; const process = { env: {} };\n";
    let end = "export const { createElement, useState } = made.react;
        export const { createRoot } = made['react-dom/client'];";
    Some(format!("{start}{}{end}", modules?))
}
