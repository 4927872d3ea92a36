//! The page, and the admin port.

use reqwest::{Method, StatusCode};

use crate::support::World;

#[tokio::test]
async fn the_page_is_served_under_a_strict_policy() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    let page = gateway.send(gateway.request(Method::GET, "/")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("connect-src 'self' ws://events.test;"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let again = gateway.request(Method::GET, "/").header("if-none-match", page.header("etag"));
    assert_eq!(gateway.send(again).await.status, StatusCode::NOT_MODIFIED);
    for hidden in
        ["/README.md", "/tests/flow.test.js", "/package.json", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "/nothing"]
    {
        let answer = gateway.send(gateway.request(Method::GET, hidden)).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"), "{hidden}");
    }
}

#[tokio::test]
async fn health_readiness_and_metrics() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    gateway.accepted("alice@example.com").await;
    let get = async |path: &str| reqwest::get(format!("http://{}{path}", gateway.admin)).await.unwrap();
    for path in ["/health", "/ready"] {
        assert_eq!(get(path).await.status(), StatusCode::OK);
        assert_eq!(gateway.send(gateway.request(Method::GET, path)).await.status, StatusCode::OK);
    }
    let metrics = get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("otp_http_answers_total{route=\"create\",status=\"202\",problem=\"\"} 1"), "{metrics}");
    assert!(metrics.contains("otp_published_total{event=\"requested\",outcome=\"stored\"} 1"), "{metrics}");
    assert!(!metrics.contains("alice"));
    assert_eq!(gateway.send(gateway.request(Method::GET, "/metrics")).await.status.as_u16(), 404);
}
