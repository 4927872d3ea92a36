//! Reports of codes that nobody asked for, on a real Redis.

use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::support::{Answer, Gateway, World, wrong};

const URL: (&str, &str) = ("OTP_PUBLIC_URL", "https://otp.example.com");

/// What stands behind the `#` of the link in a verification's mail.
async fn token(gateway: &Gateway, id: &str) -> String {
    let mail = gateway.mail(id).await;
    mail.report_url.expose_secret().strip_prefix("https://otp.example.com/report#").expect("a link").to_owned()
}

async fn report(gateway: &Gateway, token: &str, pause: bool) -> Answer {
    gateway.post("/v1/reports", &json!({"token": token, "pause": pause})).await
}

async fn metrics(gateway: &Gateway) -> String {
    reqwest::get(format!("http://{}/metrics", gateway.admin)).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_reported_code_is_dead_and_the_link_goes_on_saying_yes() {
    let world = World::new();
    let gateway = world.gateway(&[URL]).await;
    let asked = gateway.accepted("alice@example.com").await;
    let id = asked.text("id");
    let (token, code) = (token(&gateway, id).await, gateway.code(id).await);
    for _ in 0..2 {
        assert_eq!(report(&gateway, &token, false).await.status, StatusCode::NO_CONTENT);
    }
    let checked = gateway.check(id, &code).await;
    assert_eq!((checked.status, checked.problem()), (StatusCode::GONE, "canceled"));
    gateway.has_events(id, &["canceled"]).await;
    let metrics = metrics(&gateway).await;
    let counted = |outcome: &str| {
        let name = "otp_gateway_reports_total";
        format!("{name}{{application=\"\",outcome=\"{outcome}\",pause=\"false\"}} 1")
    };
    assert!(metrics.contains(&counted("canceled")) && metrics.contains(&counted("over")), "{metrics}");
    assert!(!metrics.contains(&token));
    // Without a wish for peace the next code comes.
    let next = gateway.accepted("alice@example.com").await;
    assert!(!gateway.mail(next.text("id")).await.blocked);
}

#[tokio::test]
async fn forged_tokens_say_so_and_do_nothing() {
    let world = World::new();
    let gateway = world.gateway(&[URL]).await;
    let (one, other) = (gateway.accepted("alice@example.com").await, gateway.accepted("bob@example.com").await);
    let token = token(&gateway, one.text("id")).await;
    let mac = token.split_once('.').unwrap().1;
    let forged = [
        String::new(),
        one.text("id").to_owned(),
        token.get(..token.len() - 1).unwrap().to_owned(),
        format!("{}.{mac}", other.text("id")),
        format!("{}.{}", one.text("id"), "A".repeat(mac.len())),
        other.ticket().to_owned(),
        format!("{token}{token}"),
    ];
    for token in &forged {
        let answer = report(&gateway, token, true).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, "invalid-report"), "{token}");
        assert!(!answer.body.to_string().contains(one.text("id")));
    }
    for asked in [&one, &other] {
        let id = asked.text("id");
        let code = gateway.code(id).await;
        assert_eq!(gateway.check(id, &code).await.status, StatusCode::OK);
    }
    for body in
        [json!({}), json!({"token": 1}), json!({"token": token, "pause": "yes"}), json!({"token": token, "more": 1})]
    {
        let answer = gateway.post("/v1/reports", &body).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (400, "malformed-request"), "{body}");
    }
    let got = gateway.send(gateway.request(Method::GET, &format!("/v1/reports?token={token}"))).await;
    assert_eq!(got.status, StatusCode::METHOD_NOT_ALLOWED, "what follows links must not act");
}

#[tokio::test]
async fn a_pause_holds_the_applications_mails_to_the_recipient_back() {
    let world = World::new();
    let gateway = world.gateway(&[URL]).await;
    let open = gateway.post("/v1/verifications", &json!({"email": "alice@example.com", "purpose": "other"})).await;
    let asked = gateway.accepted("alice@example.com").await;
    let token = token(&gateway, asked.text("id")).await;
    assert_eq!(report(&gateway, &token, true).await.status, StatusCode::NO_CONTENT);
    // As with a blocked recipient: accepted, and the mailer says that it failed.
    let next = gateway.accepted("Alice+more@example.com").await;
    assert!(gateway.mail(next.text("id")).await.blocked);
    assert!(!gateway.mail(gateway.accepted("bob@example.com").await.text("id")).await.blocked);
    // Another mail of a verification that is still open is one as well.
    assert!(!gateway.mail(open.text("id")).await.blocked);
    let pause = redis_ttl_ms(&world, asked.text("id")).await;
    assert!((86_000_000..=86_400_000).contains(&pause), "{pause}");
    assert!(metrics(&gateway).await.contains("otp_refused_total{policy=\"paused\"} 1"));
}

#[tokio::test]
async fn a_pause_holds_for_what_is_sent_again() {
    let world = World::new();
    let gateway = world.gateway(&[URL, ("OTP_RESEND_COOLDOWN", "1s")]).await;
    let open = gateway.post("/v1/verifications", &json!({"email": "alice@example.com", "purpose": "other"})).await;
    let asked = gateway.accepted("alice@example.com").await;
    let token = token(&gateway, asked.text("id")).await;
    assert_eq!(report(&gateway, &token, true).await.status, StatusCode::NO_CONTENT);
    let resent = otp_nats::testing::eventually(|| async {
        let answer = gateway.resend(open.text("id")).await;
        (answer.status == StatusCode::ACCEPTED).then_some(())
    });
    assert!(resent.await.is_some());
    let mail = gateway.mail(open.text("id")).await;
    assert!(mail.blocked);
}

#[tokio::test]
async fn what_is_forgotten_can_still_be_paused_and_nobody_learns_that_it_was() {
    let world = World::new();
    let gateway = world.gateway(&[URL]).await;
    let asked = gateway.accepted("alice@example.com").await;
    let token = token(&gateway, asked.text("id")).await;
    flush(&world).await;
    assert_eq!(report(&gateway, &token, true).await.status, StatusCode::NO_CONTENT);
    let next = gateway.accepted("alice@example.com").await;
    assert!(gateway.mail(next.text("id")).await.blocked);
    let wrong = gateway.check(next.text("id"), &wrong(&gateway.code(next.text("id")).await)).await;
    assert_eq!(wrong.problem(), "incorrect-code", "the verification looks like any other");
}

#[tokio::test]
async fn reports_are_limited_apart_from_requests() {
    let world = World::new();
    let gateway = world.gateway(&[URL, ("OTP_LIMIT_IP", "2/1h")]).await;
    let asked = gateway.accepted("alice@example.com").await;
    gateway.accepted("bob@example.com").await;
    assert_eq!(gateway.create("carol@example.com").await.status, StatusCode::TOO_MANY_REQUESTS);
    let token = token(&gateway, asked.text("id")).await;
    let statuses = [
        report(&gateway, &token, false).await.status.as_u16(),
        report(&gateway, &token, false).await.status.as_u16(),
        report(&gateway, &token, false).await.status.as_u16(),
    ];
    assert_eq!(statuses, [204, 204, 429]);
}

#[tokio::test]
async fn places_are_believed_from_proxies_alone() {
    let world = World::new();
    let header = ("OTP_PLACE_HEADER", "x-place");
    let ask = async |gateway: &Gateway, email: &str, place: &str| {
        let request = gateway.request(Method::POST, "/v1/verifications").header("x-place", place);
        let answer = gateway.send(request.json(&json!({"email": email}))).await;
        gateway.mail(answer.text("id")).await.place
    };
    let behind = world.gateway(&[header, ("OTP_TRUSTED_PROXIES", "127.0.0.1")]).await;
    assert_eq!(ask(&behind, "alice@example.com", "M%C3%BCnchen, DE").await, "München, DE");
    assert_eq!(ask(&behind, "bob@example.com", "https://evil.test").await, "");
    let alone = world.gateway(&[header]).await;
    assert_eq!(ask(&alone, "carol@example.com", "Berlin").await, "");
    let off = world.gateway(&[("OTP_TRUSTED_PROXIES", "127.0.0.1")]).await;
    assert_eq!(ask(&off, "dave@example.com", "Berlin").await, "");
    let mail = off.mail(off.accepted("eve@example.com").await.text("id")).await;
    assert_eq!(mail.report_url.expose_secret(), "", "no link without a public URL");
}

async fn connection(world: &World) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(world.redis.url("redis")).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

async fn redis_ttl_ms(world: &World, id: &str) -> i64 {
    let key = format!("otp:{{{}}}:b", id.get(..otp_nats::id::TAG_LENGTH).unwrap());
    redis::cmd("PTTL").arg(key).query_async(&mut connection(world).await).await.unwrap()
}

async fn flush(world: &World) {
    let () = redis::cmd("FLUSHALL").query_async(&mut connection(world).await).await.unwrap();
}
