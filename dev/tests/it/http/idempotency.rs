//! `Idempotency-Key`: the same request twice is one request.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::default_system;
use crate::support::{Answer, Api, VERIFICATIONS, eventually, send};

async fn ask(api: &Api, key: &str, body: &Value) -> Answer {
    send(api.request(Method::POST, VERIFICATIONS).header("idempotency-key", key).json(body)).await
}

#[tokio::test]
async fn the_same_key_and_body_give_the_same_answer() {
    let system = default_system().await;
    let api = system.api().from("198.51.100.10");
    let body = json!({"email": "same@key.test", "purpose": "login"});
    let first = ask(&api, "key-1", &body).await;
    first.accepted();
    // Beyond the cooldown and the network's ten a minute: what was answered once is answered, and nothing is mailed.
    for key in ["key-1", "\"key-1\""].repeat(8) {
        let again = ask(&api, key, &body).await;
        assert_eq!((again.status, &again.body), (202, &first.body));
        assert_eq!(again.header("location"), first.header("location"));
    }
    let other = [json!({"email": "same@key.test"}), json!({"email": "other@key.test", "purpose": "login"})];
    for body in &other {
        ask(&api, "key-1", body).await.problem(422, "idempotency-key-reused");
    }
    ask(&api, "key-2", &body).await.problem(429, "rate-limited");
    for key in ["", "\"\"", "tab\there", &"k".repeat(256)] {
        ask(&api, key, &body).await.problem(400, "invalid-idempotency-key");
    }
    system.inbox().wait_for("same@key.test").await;
    api.accepted("after@key.test").await;
    system.inbox().wait_for("after@key.test").await;
    assert_eq!(system.inbox().count().await, 2, "one mail for the key, one for the request after it");
    system.stack.stop().await;
}

#[tokio::test]
async fn one_key_at_once_is_one_verification() {
    let system = default_system().await;
    let api = system.api().from("198.51.100.11");
    let body = json!({"email": "once@key.test"});
    let answers = join_all((0..20).map(|_| ask(&api, "racing", &body))).await;
    let mut ids = Vec::new();
    for answer in &answers {
        match answer.status {
            202 => ids.push(answer.accepted().id),
            _ => drop(answer.problem(409, "idempotency-conflict")),
        }
    }
    assert!(!ids.is_empty());
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    // Who was told to wait gets that very answer.
    let settled = eventually("an answer", async || {
        let answer = ask(&api, "racing", &body).await;
        (answer.status == 202).then_some(answer)
    })
    .await;
    assert_eq!(settled.accepted().id, ids[0]);
    system.inbox().wait_for("once@key.test").await;
    api.accepted("after@key.test").await;
    system.inbox().wait_for("after@key.test").await;
    assert_eq!(system.inbox().to("once@key.test").await.len(), 1);
    system.stack.stop().await;
}
