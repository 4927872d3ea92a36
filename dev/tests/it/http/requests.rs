//! Asking for a verification: what comes back, and what is no request.

use std::net::SocketAddr;
use std::time::Duration;

use otp_dev::stack::Part;
use otp_nats::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::default_system;
use crate::support::{Answer, Api, PATIENCE, VERIFICATIONS, send};

/// Octets that a body may have.
const BODY_MAX: usize = 16 * 1024;

#[tokio::test]
async fn an_accepted_request_says_all_that_a_client_needs() {
    let system = default_system().await;
    let file = system.stack.file();
    let address = "Grace.Hopper@Accepted.test";
    let before = Timestamp::now();
    let answer = system.api().ask(&json!({"email": address, "purpose": "sign-in", "locale": "en"})).await;
    let after = Timestamp::now();
    let asked = answer.accepted();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("location"), Some(format!("{VERIFICATIONS}/{}", asked.id).as_str()));
    assert_eq!(answer.header("cache-control"), Some("no-store"), "the ticket is in it");
    let names: Vec<&String> = answer.body.as_object().expect("an object").keys().collect();
    let expected = ["attempts_left", "code_length", "email", "events", "expires_at", "id", "resend_at", "status"];
    assert_eq!(names, expected);
    assert_eq!(answer.body["status"], "queued");
    assert_eq!(answer.body["email"], "G***r@accepted.test");
    assert_eq!(answer.body["attempts_left"], 5);
    assert_eq!(answer.body["events"]["url"], file.events);
    // Safe in a URL and as a token of a subject.
    assert!(asked.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{}", asked.id);

    for (name, later) in [("expires_at", 300), ("resend_at", 60)] {
        let at = time(&answer.body[name]) - Duration::from_secs(later);
        assert!(before <= at && at <= after, "{name}: {before:?} {at:?} {after:?}");
    }
    assert!(!answer.text.to_lowercase().contains(&address.to_lowercase()), "{}", answer.text);
    let code = system.inbox().code_for(address).await;
    assert!(!answer.text.contains(&code), "{}", answer.text);
    system.stack.stop().await;
}

fn time(value: &Value) -> Timestamp {
    let text = value.as_str().expect("a time");
    assert!(text.len() == 24 && text.ends_with('Z'), "RFC 3339 with milliseconds in UTC: {text}");
    Timestamp::parse(text).expect("RFC 3339")
}

#[tokio::test]
async fn what_is_not_the_contract_is_refused_by_name() {
    let system = default_system().await;
    let api = system.api().from("198.51.100.1");
    let long = |length: usize| "x".repeat(length);
    let malformed: Vec<String> = [
        "",
        "{",
        "[]",
        "null",
        "\"a@b.test\"",
        "{}",
        "{\"email\":1}",
        "{\"email\":null}",
        "{\"email\":\"a@b.test\"} x",
        "{\"email\":\"a@b.test\",\"mail\":\"c@d.test\"}",
        "{\"email\":\"a@b.test\",\"email\":\"c@d.test\"}",
        "{\"email\":\"a@b.test\",\"purpose\":5}",
        "{\"email\":\"a@b.test\",\"purpose\":\"\"}",
        "{\"email\":\"a@b.test\",\"purpose\":\"two words\"}",
        "{\"email\":\"a@b.test\",\"locale\":\"../../etc\"}",
        "{\"email\":\"a@b.test\",\"locale\":[\"de\"]}",
        "{\"email\":\"a@b.test\",\"metadata\":[]}",
        "{\"email\":\"a@b.test\",\"metadata\":\"x\"}",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([
        json!({"email": "a@b.test", "purpose": long(65)}).to_string(),
        json!({"email": "a@b.test", "metadata": {"m": long(2_048)}}).to_string(),
        // Deeper than a parser on the stack could follow.
        format!("{{\"email\":\"a@b.test\",\"metadata\":{}}}", "{\"a\":".repeat(1_500)),
    ])
    .collect();
    for body in &malformed {
        raw(&api, VERIFICATIONS, Some("application/json"), body.clone()).await.problem(400, "malformed-request");
    }
    let not_utf8 = b"{\"email\":\"\xff@b.test\"}".to_vec();
    raw(&api, VERIFICATIONS, Some("application/json"), not_utf8).await.problem(400, "malformed-request");

    let body = json!({"email": "a@b.test"}).to_string();
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("nonsense")] {
        raw(&api, VERIFICATIONS, kind, body.clone()).await.problem(415, "unsupported-media-type");
    }
    // Nothing of all this was a request.
    let answer = raw(&api, VERIFICATIONS, Some("application/json; charset=utf-8"), body).await;
    let id = answer.accepted().id;
    let check = format!("{VERIFICATIONS}/{id}/check");
    for body in ["", "{}", "{\"code\":123456}", "{\"code\":null}", "{\"code\":\"123456\",\"x\":1}"] {
        raw(&api, &check, Some("application/json"), body).await.problem(400, "malformed-request");
    }
    raw(&api, &check, Some("text/plain"), "{\"code\":\"123456\"}").await.problem(415, "unsupported-media-type");
    assert_eq!(api.check(&id, "wrong").await.problem(422, "incorrect-code").body["attempts_left"], 4, "none counted");
    system.stack.stop().await;
}

async fn raw(api: &Api, path: &str, kind: Option<&str>, body: impl Into<reqwest::Body>) -> Answer {
    let request = api.request(Method::POST, path).body(body);
    send(match kind {
        Some(kind) => request.header("content-type", kind),
        None => request,
    })
    .await
}

#[tokio::test]
async fn a_body_has_sixteen_kibibytes_and_not_one_octet_more() {
    let system = default_system().await;
    let api = system.api();
    let body = |email: &str, length: usize| {
        let mut body = json!({"email": email}).to_string();
        body.push_str(&" ".repeat(length - body.len()));
        body
    };
    let json = Some("application/json");
    raw(&api, VERIFICATIONS, json, body("fits@size.test", BODY_MAX)).await.accepted();
    raw(&api, VERIFICATIONS, json, body("over@size.test", BODY_MAX + 1)).await.problem(413, "payload-too-large");
    // Without a length ahead the body is counted as it comes.
    let gateway = system.stack.address(Part::Gateway).expect("an address");
    let (fits, over) = (body("fits-in-chunks@size.test", BODY_MAX), body("over-in-chunks@size.test", BODY_MAX + 1));
    assert!(in_chunks(gateway, &fits).await.starts_with("HTTP/1.1 202 "));
    assert!(in_chunks(gateway, &over).await.starts_with("HTTP/1.1 413 "));
    let check = format!("{VERIFICATIONS}/{}/check", "a".repeat(40));
    raw(&api, &check, json, " ".repeat(BODY_MAX + 1)).await.problem(413, "payload-too-large");
    system.stack.stop().await;
}

/// Sends a body in chunks (RFC 9112 section 7.1): the answer's first line.
async fn in_chunks(gateway: SocketAddr, body: &str) -> String {
    let mut stream = TcpStream::connect(gateway).await.expect("connected");
    let head = "POST /v1/verifications HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let mut request = head.to_owned();
    for chunk in body.as_bytes().chunks(1_000) {
        let text = std::str::from_utf8(chunk).expect("ASCII");
        request.extend([&format!("{:x}", chunk.len()), "\r\n", text, "\r\n"]);
    }
    request.push_str("0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut line = String::new();
    let mut reader = BufReader::new(stream);
    tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await.expect("in time").expect("a line");
    line
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let system = default_system().await;
    let api = system.api();
    api.get("/v1/nothing").await.problem(404, "not-found");
    for (method, path) in [(Method::PUT, VERIFICATIONS), (Method::GET, VERIFICATIONS), (Method::POST, "/health")] {
        let answer = send(api.request(method.clone(), path)).await;
        answer.problem(405, "method-not-allowed");
        assert!(answer.header("allow").is_some(), "RFC 9110 wants Allow: {method} {path}");
    }
    assert_eq!(api.get("/health").await.status, 200);
    assert_eq!(api.get("/ready").await.status, 200);
    api.get("/metrics").await.problem(404, "not-found");
    let admin = Api::at(&format!("http://{}", system.stack.admin(Part::Gateway).expect("admin")));
    let metrics = admin.get("/metrics").await;
    assert!(metrics.status == 200 && metrics.text.contains("# TYPE"), "{}", metrics.text);
    system.stack.stop().await;
}
