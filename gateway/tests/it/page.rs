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
    for hidden in [
        "/README.md",
        "/tests/flow.test.js",
        "/examples/messages-ar.js",
        "/package.json",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/nothing",
    ] {
        let answer = gateway.send(gateway.request(Method::GET, hidden)).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"), "{hidden}");
    }
}

#[tokio::test]
async fn files_are_compressed_for_whoever_takes_gzip() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    let get = async |accepted: &str| {
        gateway.send(gateway.request(Method::GET, "/js/otp-verify.js").header("accept-encoding", accepted)).await
    };
    let plain = get("br, gzip;q=0").await;
    assert!(plain.headers.get("content-encoding").is_none());
    let packed = get("br;q=1.0, gzip;q=0.8").await;
    assert_eq!(
        (packed.header("content-encoding"), packed.header("content-type")),
        ("gzip", "text/javascript; charset=utf-8")
    );
    let (plain_tag, packed_tag) = (plain.header("etag"), packed.header("etag"));
    assert_ne!(plain_tag, packed_tag);
    for answer in [&plain, &packed] {
        let varies =
            answer.headers.get_all("vary").iter().any(|value| value.to_str().unwrap().contains("accept-encoding"));
        assert!(varies, "{:?}", answer.headers);
    }
    let known = gateway.request(Method::GET, "/js/otp-verify.js");
    let known = gateway.send(known.header("accept-encoding", "gzip").header("if-none-match", packed_tag)).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn pages_elsewhere_may_load_the_widget_where_they_are_allowed() {
    let world = World::new();
    let gateway = world.gateway(&[("OTP_ALLOWED_ORIGINS", "https://shop.test")]).await;
    let from = async |origin: &str| {
        gateway.send(gateway.request(Method::GET, "/js/otp-verify.js").header("origin", origin)).await
    };
    let ours = from("https://shop.test").await;
    assert_eq!(ours.header("access-control-allow-origin"), "https://shop.test");
    assert!(ours.header("access-control-expose-headers").contains("date"), "countdowns need the service's clock");
    assert!(from("https://other.test").await.headers.get("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn the_descriptions_are_for_everybody_and_known_by_their_tags() {
    let world = World::new();
    let gateway = world.gateway(&[("OTP_PUBLIC_URL", "https://otp.example.com")]).await;
    for path in ["/openapi.json", "/asyncapi.json"] {
        let get = || gateway.request(Method::GET, path).header("origin", "https://anywhere.test");
        let answer = gateway.send(get()).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert!(answer.header("cache-control").contains("max-age"));
        let known = gateway.send(get().header("if-none-match", answer.header("etag"))).await;
        assert_eq!((known.status, known.header("etag")), (StatusCode::NOT_MODIFIED, answer.header("etag")));
        let servers = answer.body["servers"].to_string();
        let expected = if path == "/openapi.json" { "https://otp.example.com" } else { "events.test" };
        assert!(servers.contains(expected), "{servers}");
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
