//! Neither codes nor addresses in clear, no key without an end.

use std::fmt::Write as _;

use redis::Value;
use secrecy::ExposeSecret;

use crate::support::{World, wrong};

#[tokio::test]
async fn redis_and_the_bus_hold_nothing_in_clear() {
    let world = World::new();
    let limits = [("OTP_LIMIT_IP", "100/1h"), ("OTP_LIMIT_RECIPIENT", "100/1h"), ("OTP_RESEND_COOLDOWN", "1ms")];
    let gateway = world.gateway(&limits).await;
    let post = gateway.request(reqwest::Method::POST, "/v1/verifications").header("idempotency-key", "my-key");
    let accepted = gateway.send(post.json(&serde_json::json!({"email": "alice.secret@example.com"}))).await;
    let id = accepted.text("id");
    let (mail, code) = (gateway.mail(id).await, gateway.code(id).await);
    gateway.check(id, &wrong(&code)).await;
    gateway.resend(id).await;
    gateway.check(id, &code).await;
    gateway.has_events(id, &["rejected", "verified"]).await;

    let client = redis::Client::open(world.redis.url("redis")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert!(keys.len() >= 6, "{keys:?}");
    let mut held = keys.join(" ");
    for key in &keys {
        let ttl: i64 = redis::cmd("PTTL").arg(key).query_async(&mut connection).await.unwrap();
        assert!(ttl > 0, "{key} has no end");
        let kind: String = redis::cmd("TYPE").arg(key).query_async(&mut connection).await.unwrap();
        let read = match kind.as_str() {
            "hash" => redis::cmd("HGETALL").arg(key).to_owned(),
            "list" => redis::cmd("LRANGE").arg(key).arg(0).arg(-1).to_owned(),
            _ => redis::cmd("GET").arg(key).to_owned(),
        };
        let value: Value = read.query_async(&mut connection).await.unwrap();
        write!(held, "{value:?}").unwrap();
    }
    let mut files = Vec::new();
    read_all(world.nats.data(), &mut files);
    let bus = String::from_utf8_lossy(&files);
    let digits: Vec<&str> = held.split(|c: char| !c.is_ascii_digit()).collect();
    assert!(!digits.contains(&code.as_str()));
    for (place, text) in [("Redis", held.as_str()), ("the bus", &bus)] {
        assert!(text.contains(id.get(20..).unwrap()), "{place} holds the verification");
        for secret in ["alice.secret", "my-key", mail.email.expose_secret(), &format!("\"{code}\"")] {
            assert!(!text.contains(secret), "{place} holds {secret}");
        }
    }
}

fn read_all(folder: &std::path::Path, into: &mut Vec<u8>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            read_all(&entry.path(), into);
        } else {
            into.extend(std::fs::read(entry.path()).unwrap_or_default());
        }
    }
}
