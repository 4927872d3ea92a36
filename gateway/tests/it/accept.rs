//! `POST /v1/verifications`: what is accepted, and what of a request is refused.

use otp_nats::Timestamp;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn an_accepted_request_is_on_the_bus_and_sealed() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    let answer = gateway
        .post(
            "/v1/verifications",
            &json!({"email": " Alice@EXAMPLE.com", "locale": "de", "purpose": "login", "metadata": {"a": 1}}),
        )
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let id = answer.text("id");
    assert_eq!(answer.header("location"), format!("/v1/verifications/{id}"));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.text("status"), "queued");
    assert_eq!(answer.text("email"), "A***e@example.com");
    assert_eq!(answer.body["attempts_left"], 5);
    assert_eq!(answer.body["code_length"], 6);
    assert_eq!(answer.body["events"]["url"], "ws://events.test/v1/events");
    let expires = Timestamp::parse(answer.text("expires_at")).unwrap();
    let left = Timestamp::now().until(expires).as_secs();
    assert!((295..=300).contains(&left), "{left}");

    let mail = gateway.mail(id).await;
    assert_eq!(mail.email.expose_secret(), "Alice@example.com");
    assert_eq!(mail.locale, "de");
    let code = mail.code.expose_secret();
    assert!(code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()));
    assert_eq!(gateway.requested(id).await.generation, 1);
}

#[tokio::test]
async fn bodies_that_are_not_the_contract_are_refused() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    let post = |kind: &'static str, body: String| {
        gateway.request(Method::POST, "/v1/verifications").header("content-type", kind).body(body)
    };
    let json_kind = "application/json";
    for (kind, body, status, problem) in [
        (json_kind, "{".to_owned(), 400, "malformed-request"),
        (json_kind, String::new(), 400, "malformed-request"),
        (json_kind, "[]".to_owned(), 400, "malformed-request"),
        (json_kind, "{}".to_owned(), 400, "malformed-request"),
        (json_kind, r#"{"email":5}"#.to_owned(), 400, "malformed-request"),
        (json_kind, r#"{"email":"a@example.com","x":1}"#.to_owned(), 400, "malformed-request"),
        (json_kind, r#"{"email":"a@example.com","email":"b@example.com"}"#.to_owned(), 400, "malformed-request"),
        (json_kind, r#"{"email":"a@example.com","purpose":"a b"}"#.to_owned(), 400, "malformed-request"),
        (json_kind, r#"{"email":"a@example.com","locale":"de DE"}"#.to_owned(), 400, "malformed-request"),
        (json_kind, r#"{"email":"a@example.com","metadata":[1]}"#.to_owned(), 400, "malformed-request"),
        (
            json_kind,
            format!(r#"{{"email":"a@example.com","metadata":{{"a":"{}"}}}}"#, "x".repeat(3000)),
            400,
            "malformed-request",
        ),
        (json_kind, format!(r#"{{"email":"{}"}}"#, "x".repeat(17_000)), 413, "payload-too-large"),
        ("text/plain", r#"{"email":"a@example.com"}"#.to_owned(), 415, "unsupported-media-type"),
        ("application/jsonp", r#"{"email":"a@example.com"}"#.to_owned(), 415, "unsupported-media-type"),
        (json_kind, r#"{"email":"a@b@example.com"}"#.to_owned(), 422, "invalid-email"),
        (json_kind, r#"{"email":"a@example.com\r\nBcc: b@example.com"}"#.to_owned(), 422, "invalid-email"),
    ] {
        let answer = gateway.send(post(kind, body.clone())).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (status, problem), "{body:.80}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.body["status"], status);
        assert!(!answer.body.to_string().contains("example.com"), "{answer:?}");
    }
    let charset = post("application/json; charset=utf-8", r#"{"email":"a@example.com"}"#.to_owned());
    assert_eq!(gateway.send(charset).await.status, StatusCode::ACCEPTED);
    let put = gateway.send(gateway.request(Method::PUT, "/v1/verifications")).await;
    assert_eq!((put.status.as_u16(), put.problem()), (405, "method-not-allowed"));
}

#[tokio::test]
async fn an_idempotency_key_gives_one_verification() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    let post = async |key: &str, email: &str| {
        let request = gateway.request(Method::POST, "/v1/verifications").header("idempotency-key", key);
        gateway.send(request.json(&json!({"email": email}))).await
    };
    let first = post("\"key-1\"", "alice@example.com").await;
    assert_eq!(first.status, StatusCode::ACCEPTED);
    let again = post("key-1", "alice@example.com").await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    let other = post("key-1", "bob@example.com").await;
    assert_eq!((other.status.as_u16(), other.problem()), (422, "idempotency-key-reused"));
    let fresh = post("key-2", "alice@example.com").await;
    assert_ne!(fresh.text("id"), first.text("id"));
    let malformed = post(&"x".repeat(300), "alice@example.com").await;
    assert_eq!((malformed.status.as_u16(), malformed.problem()), (400, "invalid-idempotency-key"));

    let at_once = futures_util::future::join_all((0..8).map(|_| post("key-3", "carol@example.com"))).await;
    let accepted: Vec<&str> =
        at_once.iter().filter(|answer| answer.status == StatusCode::ACCEPTED).map(|answer| answer.text("id")).collect();
    assert!(!accepted.is_empty() && accepted.iter().all(|id| *id == accepted[0]), "{at_once:?}");
    assert!(at_once.iter().all(|answer| matches!(answer.status.as_u16(), 202 | 409)), "{at_once:?}");
}

#[tokio::test]
async fn a_new_request_supersedes_the_older_one_of_the_same_purpose() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    let older = gateway.accepted("alice@example.com").await;
    let code = gateway.code(older.text("id")).await;
    let purpose = gateway.post("/v1/verifications", &json!({"email": "alice@example.com", "purpose": "other"})).await;
    assert_eq!(gateway.status(older.text("id"), older.ticket()).await.text("status"), "queued");
    let newer = gateway.accepted("alice+tag@example.com").await;
    let refused = gateway.check(older.text("id"), &code).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (410, "superseded"));
    gateway.has_events(older.text("id"), &["superseded"]).await;
    for open in [purpose, newer] {
        let code = gateway.code(open.text("id")).await;
        assert_eq!(gateway.check(open.text("id"), &code).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_request_that_cannot_see_the_older_one_does_not_take_its_place() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    let older = gateway.accepted("alice@example.com").await;
    let (tag, suffix) = older.text("id").split_at(otp_nats::id::TAG_LENGTH);
    let (key, aside) = (format!("otp:{{{tag}}}:v:{suffix}"), format!("otp:{{{tag}}}:aside"));
    let client = redis::Client::open(world.redis.url("redis")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    // To look at what is of another type fails, as it does where a slot moves.
    let hide = [("RENAME", &key, aside.as_str()), ("SET", &key, "no hash")];
    for (command, first, second) in hide {
        redis::cmd(command).arg(first).arg(second).query_async::<()>(&mut connection).await.unwrap();
    }
    let refused = gateway.post("/v1/verifications", &json!({"email": "alice@example.com"})).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    let current: Vec<String> =
        redis::cmd("KEYS").arg(format!("otp:{{{tag}}}:p:*")).query_async(&mut connection).await.unwrap();
    let current: String = redis::cmd("GET").arg(&current).query_async(&mut connection).await.unwrap();
    assert_eq!(current, suffix);
    redis::cmd("RENAME").arg(&aside).arg(&key).query_async::<()>(&mut connection).await.unwrap();
    gateway.accepted("alice@example.com").await;
    gateway.has_events(older.text("id"), &["superseded"]).await;
}

#[tokio::test]
async fn other_origins_are_told_by_cors() {
    let world = World::new();
    let gateway = world.gateway(&[("OTP_ALLOWED_ORIGINS", "https://shop.example")]).await;
    let preflight = async |origin: &str| {
        let request = gateway
            .request(Method::OPTIONS, "/v1/verifications")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,idempotency-key");
        gateway.send(request).await.header("access-control-allow-origin").to_owned()
    };
    assert_eq!(preflight("https://shop.example").await, "https://shop.example");
    assert_eq!(preflight("https://evil.example").await, "");
}
