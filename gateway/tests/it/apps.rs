//! Applications: keys, origins, what each may and is given, and a file that changes while the gateway runs.

use std::path::PathBuf;

use otp_gateway::apps::key::{KeyHash, KeyKind, fresh};
use otp_nats::testing::within;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, Gateway, World, wrong};

const SHOP: &str = "https://shop.example.com";
const FORUM: &str = "https://forum.example.com";
const CREATE: &str = "/v1/verifications";

/// The file of applications, and the keys whose hashes are in it.
struct Known {
    folder: TempDir,
    secret: String,
    publishable: String,
    other_secret: String,
}

impl Known {
    fn new() -> Self {
        let key = |kind| fresh(kind).unwrap().to_string();
        let known = Self {
            folder: tempfile::tempdir().unwrap(),
            secret: key(KeyKind::Secret),
            publishable: key(KeyKind::Publishable),
            other_secret: key(KeyKind::Secret),
        };
        known.write(&known.both(""));
        known
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("apps.toml")
    }

    fn write(&self, text: &str) {
        let draft = self.folder.path().join("draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, self.path()).unwrap();
    }

    fn both(&self, more: &str) -> String {
        let (secret, publishable, other) = (hash(&self.secret), hash(&self.publishable), hash(&self.other_secret));
        format!(
            "[apps.shop]\nname = \"Example Shop\"\nsender = \"Shop <codes@shop.example.com>\"\ntemplates = \"shop\"\n\
             locale = \"de\"\ncode_length = 8\nmax_attempts = 3\nsecret_keys = [\"{secret}\"]\n\
             publishable_keys = [\"{publishable}\"]\nallowed_origins = [\"{SHOP}\"]\n{more}\n\
             [apps.forum]\nsecret_keys = [\"{other}\"]\nallowed_origins = [\"{FORUM}\"]\nlimit_ip = \"2/1h\"\n"
        )
    }

    async fn gateway(&self, world: &World, open: &str) -> Gateway {
        let path = self.path();
        world.gateway(&[("OTP_APPS_FILE", path.to_str().unwrap()), ("OTP_OPEN_MODE", open)]).await
    }
}

fn hash(key: &str) -> KeyHash {
    KeyHash::of(key).unwrap().1
}

async fn create(gateway: &Gateway, email: &str, key: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = gateway.request(Method::POST, CREATE).json(&json!({"email": email}));
    if !key.is_empty() {
        request = request.bearer_auth(key);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    gateway.send(request).await
}

fn refused(answer: &Answer, status: StatusCode, problem: &str) {
    assert_eq!((answer.status, answer.problem()), (status, problem), "{answer:?}");
}

#[tokio::test]
async fn a_key_says_which_application_asks_and_what_holds_for_it() {
    let (world, known) = (World::new(), Known::new());
    let gateway = known.gateway(&world, "false").await;
    let asked = create(&gateway, "ada@example.com", &known.secret, &[]).await;
    assert_eq!((asked.status, &asked.body["attempts_left"]), (StatusCode::ACCEPTED, &json!(3)), "{asked:?}");
    let id = asked.text("id");
    let mail = gateway.mail(id).await;
    assert_eq!((mail.app.as_str(), mail.locale.as_str(), mail.templates.as_str()), ("Example Shop", "de", "shop"));
    assert_eq!(mail.sender, "Shop <codes@shop.example.com>");
    let code = gateway.code(id).await;
    assert_eq!(code.len(), 8);
    // Without a key, as the person's browser does it: who knows the id may guess.
    assert_eq!(gateway.check(id, &wrong(&code)).await.body["attempts_left"], json!(2));
    let verified = gateway.check(id, &code).await;
    assert_eq!(verified.status, StatusCode::OK);
    let claims = verified.text("token").split('.').nth(1).unwrap();
    let claims: Value =
        serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap();
    assert_eq!((claims["aud"].as_str(), claims["sub"].as_str()), (Some("shop"), Some("ada@example.com")));
    gateway.end().await;
}

#[tokio::test]
async fn without_open_mode_nobody_asks_without_a_key() {
    let (world, known) = (World::new(), Known::new());
    let gateway = known.gateway(&world, "false").await;
    for key in ["", "otp_sk_unknown", "otp_pk_unknown", "nonsense"] {
        let answer = create(&gateway, "ada@example.com", key, &[("origin", SHOP)]).await;
        refused(&answer, StatusCode::UNAUTHORIZED, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    gateway.end().await;
    let gateway = known.gateway(&world, "true").await;
    assert_eq!(create(&gateway, "ada@example.com", "", &[]).await.status, StatusCode::ACCEPTED);
    assert_eq!(create(&gateway, "ada@example.com", &known.secret, &[]).await.status, StatusCode::ACCEPTED);
    refused(
        &create(&gateway, "bob@example.com", "otp_sk_unknown", &[]).await,
        StatusCode::UNAUTHORIZED,
        "unauthorized",
    );
    gateway.end().await;
}

#[tokio::test]
async fn a_publishable_key_works_from_its_own_pages_only() {
    let (world, known) = (World::new(), Known::new());
    let gateway = known.gateway(&world, "false").await;
    for headers in [[("origin", FORUM)], [("origin", "null")], [("referer", SHOP)]] {
        let answer = create(&gateway, "ada@example.com", &known.publishable, &headers).await;
        refused(&answer, StatusCode::FORBIDDEN, "origin-not-allowed");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    let asked = create(&gateway, "ada@example.com", &known.publishable, &[("origin", SHOP)]).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    assert_eq!(asked.header("access-control-allow-origin"), SHOP);
    // It reads nothing: that takes the ticket or the secret key of the same application.
    let id = asked.text("id");
    for key in [&known.publishable, &known.other_secret] {
        refused(&gateway.status(id, key).await, StatusCode::UNAUTHORIZED, "unauthorized");
        refused(&gateway.cancel(id, key).await, StatusCode::UNAUTHORIZED, "unauthorized");
    }
    for key in [asked.ticket(), &known.secret] {
        assert_eq!(gateway.status(id, key).await.status, StatusCode::OK);
    }
    assert_eq!(gateway.cancel(id, &known.secret).await.status, StatusCode::NO_CONTENT);
    gateway.end().await;
}

#[tokio::test]
async fn answers_are_shown_to_the_applications_own_pages() {
    let (world, known) = (World::new(), Known::new());
    let gateway = known.gateway(&world, "true").await;
    let asked = create(&gateway, "ada@example.com", &known.secret, &[]).await;
    let check = format!("{CREATE}/{}/check", asked.text("id"));
    for (path, origin, shown) in [
        (CREATE, SHOP, true),
        (CREATE, FORUM, true),
        (CREATE, "https://evil.example.com", false),
        (&check, SHOP, true),
        (&check, FORUM, false),
    ] {
        let preflight = gateway
            .request(Method::OPTIONS, path)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        let answer = gateway.send(preflight).await;
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, if shown { origin } else { "" }, "{path} {origin}");
    }
    // A guess from another application's page is a guess, and its page is not shown the answer.
    let guess = gateway.request(Method::POST, &check).header("origin", FORUM).json(&json!({"code": "00000000"}));
    let answer = gateway.send(guess).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    // With a key of another application it is none.
    let guess =
        gateway.request(Method::POST, &check).bearer_auth(&known.other_secret).json(&json!({"code": "00000000"}));
    refused(&gateway.send(guess).await, StatusCode::UNAUTHORIZED, "unauthorized");
    gateway.end().await;
}

#[tokio::test]
async fn a_server_says_for_whom_it_asks() {
    let (world, known) = (World::new(), Known::new());
    let gateway = known.gateway(&world, "false").await;
    let ask = async |number: u32, client: &str| {
        let headers = [("otp-client-ip", client)];
        let headers = if client.is_empty() { &[][..] } else { &headers[..] };
        create(&gateway, &format!("p{number}@example.com"), &known.other_secret, headers).await
    };
    for number in 0..5 {
        assert_eq!(ask(number, "").await.status, StatusCode::ACCEPTED, "a server itself has no limit of its address");
    }
    for number in 10..12 {
        assert_eq!(ask(number, "198.51.100.7").await.status, StatusCode::ACCEPTED);
    }
    let limited = ask(12, "198.51.100.7").await;
    refused(&limited, StatusCode::TOO_MANY_REQUESTS, "rate-limited");
    assert_eq!(limited.body["violated-policies"], json!(["ip-3600s"]));
    assert_eq!(ask(13, "198.51.100.8").await.status, StatusCode::ACCEPTED);
    refused(&ask(14, "somewhere").await, StatusCode::BAD_REQUEST, "malformed-request");
    gateway.end().await;
}

#[tokio::test]
async fn one_recipient_is_two_to_two_applications() {
    let (world, known) = (World::new(), Known::new());
    let gateway = known.gateway(&world, "true").await;
    let shop = create(&gateway, "ada@example.com", &known.secret, &[]).await;
    let forum = create(&gateway, "ada@example.com", &known.other_secret, &[]).await;
    let open = create(&gateway, "ada@example.com", "", &[]).await;
    for asked in [&shop, &forum, &open] {
        let id = asked.text("id");
        let code = gateway.code(id).await;
        assert_eq!(gateway.check(id, &code).await.status, StatusCode::OK, "nothing superseded it");
    }
    // One key for two applications' requests is two keys.
    let key = ("idempotency-key", "the-same-key");
    let first = create(&gateway, "bob@example.com", &known.secret, &[key]).await;
    let second = create(&gateway, "bob@example.com", &known.other_secret, &[key]).await;
    let again = create(&gateway, "bob@example.com", &known.secret, &[key]).await;
    assert_eq!((second.status, again.status), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    assert_ne!(first.text("id"), second.text("id"));
    assert_eq!(first.text("id"), again.text("id"));
    gateway.end().await;
}

#[tokio::test]
async fn the_file_is_taken_up_while_it_serves_and_a_bad_one_is_not() {
    let (world, known) = (World::new(), Known::new());
    let gateway = known.gateway(&world, "false").await;
    let old = create(&gateway, "ada@example.com", &known.secret, &[]).await;
    assert_eq!(old.status, StatusCode::ACCEPTED);
    let successor = fresh(KeyKind::Secret).unwrap().to_string();
    let patience = std::time::Duration::from_secs(60);
    let becomes = async |key: &str, status: StatusCode| {
        let asked = within(patience, async || {
            let answer = create(&gateway, "eve@example.com", key, &[]).await;
            (answer.status == status).then_some(())
        });
        assert!(asked.await.is_some(), "the key never led to {status}");
    };

    // A rotation: both keys, then the new one alone.
    let text = known.both("");
    known.write(&text.replace(
        &format!("\"{}\"", hash(&known.secret)),
        &format!("\"{}\", \"{}\"", hash(&successor), hash(&known.secret)),
    ));
    becomes(&successor, StatusCode::ACCEPTED).await;
    assert_eq!(create(&gateway, "bob@example.com", &known.secret, &[]).await.status, StatusCode::ACCEPTED);
    known.write(&text.replace(&hash(&known.secret).to_string(), &hash(&successor).to_string()));
    becomes(&known.secret, StatusCode::UNAUTHORIZED).await;

    known.write("[apps.shop]\nsecret_keys = 1\n");
    let metrics = format!("http://{}/metrics", gateway.admin);
    let faulty = within(patience, async || {
        let text = reqwest::get(&metrics).await.ok()?.text().await.ok()?;
        text.contains("otp_file_faulty{file=\"OTP_APPS_FILE\"} 1").then_some(())
    });
    assert!(faulty.await.is_some(), "the fault is never shown");
    assert_eq!(create(&gateway, "cat@example.com", &successor, &[]).await.status, StatusCode::ACCEPTED);

    // An application that is gone takes its verifications with it.
    known.write(&format!("[apps.forum]\nsecret_keys = [\"{}\"]\n", hash(&known.other_secret)));
    becomes(&successor, StatusCode::UNAUTHORIZED).await;
    refused(&gateway.check(old.text("id"), "00000000").await, StatusCode::NOT_FOUND, "not-found");
    gateway.end().await;
}
