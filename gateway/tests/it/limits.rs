//! Limits: on recipients and networks, over replicas and restarts, and what a refusal costs.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn all_spellings_of_a_recipient_count_as_one_on_all_gateways() {
    let world = World::new();
    let settings = [("OTP_LIMIT_RECIPIENT", "3/1h"), ("OTP_RESEND_COOLDOWN", "0s")];
    let gateways = [world.gateway(&settings).await, world.gateway(&settings).await];
    for (number, spelling) in ["jo.hn@gmail.com", "John+1@GMAIL.com", "joh.n@googlemail.com"].into_iter().enumerate() {
        assert_eq!(gateways[number % 2].create(spelling).await.status, StatusCode::ACCEPTED, "{spelling}");
    }
    for gateway in &gateways {
        let refused = gateway.create("j.o.h.n+x@gmail.com").await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (429, "rate-limited"));
        assert_eq!(refused.body["violated-policies"], json!(["recipient-3600s"]));
        assert_eq!(refused.header("ratelimit-policy"), "\"recipient-3600s\";q=3;w=3600");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((3590..=3600).contains(&wait), "{wait}");
    }
    assert_eq!(gateways[0].create("john.smith@gmail.com").await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn the_cooldown_of_a_recipient_doubles() {
    let world = World::new();
    let gateway = world.gateway(&[("OTP_LIMIT_RECIPIENT", "100/1h"), ("OTP_RESEND_COOLDOWN", "1s")]).await;
    gateway.accepted("alice@example.com").await;
    let refused = gateway.create("alice@example.com").await;
    assert_eq!(refused.body["violated-policies"], json!(["cooldown"]));
    assert_eq!(refused.header("retry-after"), "1");
    let second = otp_nats::testing::eventually(|| async {
        let answer = gateway.create("alice@example.com").await;
        (answer.status == StatusCode::ACCEPTED).then_some(answer)
    });
    second.await.expect("the cooldown ends");
    assert_eq!(gateway.create("alice@example.com").await.header("retry-after"), "2");
}

#[tokio::test]
async fn a_network_is_limited_and_a_refusal_spends_nothing() {
    let world = World::new();
    let settings = [("OTP_LIMIT_IP", "4/1m"), ("OTP_LIMIT_RECIPIENT", "1/1h"), ("OTP_TRUSTED_PROXIES", "127.0.0.1")];
    let gateway = world.gateway(&settings).await;
    let create = async |from: &str, email: &str| {
        let request = gateway.request(Method::POST, "/v1/verifications").header("x-forwarded-for", from);
        gateway.send(request.json(&json!({"email": email}))).await
    };
    assert_eq!(create("192.0.2.1", "a@example.com").await.status, StatusCode::ACCEPTED);
    // Refused for the recipient's sake: the network's budget stays whole.
    for _ in 0..5 {
        let refused = create("192.0.2.1", "a@example.com").await;
        assert!(
            refused.body["violated-policies"].as_array().unwrap().contains(&json!("recipient-3600s")),
            "{refused:?}"
        );
    }
    for recipient in ["b@example.com", "c@example.com", "d@example.com"] {
        assert_eq!(create("192.0.2.1", recipient).await.status, StatusCode::ACCEPTED, "{recipient}");
    }
    let refused = create("192.0.2.1", "e@example.com").await;
    assert_eq!(refused.body["violated-policies"], json!(["ip-60s"]));
    // Refused for the network's sake: the recipient's budget stays whole.
    assert_eq!(create("192.0.2.2", "e@example.com").await.status, StatusCode::ACCEPTED);
    assert_eq!(create("203.0.113.5, 192.0.2.1", "f@example.com").await.status.as_u16(), 429);
    assert_eq!(create("2001:db8:1:2::1", "g@example.com").await.status, StatusCode::ACCEPTED);
}
