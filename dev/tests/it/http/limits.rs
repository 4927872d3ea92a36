//! The limits that are on unless someone turns them off.

use futures_util::future::join_all;
use serde_json::json;

use super::default_system;
use crate::support::{Answer, System};

fn limited(answer: &Answer, policy: &str, window_s: u64) {
    assert_eq!(answer.problem(429, "rate-limited").policies(), [policy]);
    let wait = answer.retry_after_s();
    assert!((1..=window_s).contains(&wait), "Retry-After {wait} in a window of {window_s} s");
}

#[tokio::test]
async fn a_recipient_has_a_minute_between_mails() {
    let system = default_system().await;
    let api = system.api().from("203.0.113.1");
    let asked = api.accepted("minute@limits.test").await;
    for answer in [api.ask(&json!({"email": "minute@limits.test"})).await, api.resend(&asked.id).await] {
        limited(&answer, "cooldown", 60);
        assert!(answer.retry_after_s() > 30, "a minute, not less: {}", answer.text);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"cooldown\";q=1;w=60"));
    }
    // Whoever asks: the recipient is what counts.
    limited(&system.api().from("203.0.113.2").ask(&json!({"email": "minute@limits.test"})).await, "cooldown", 60);
    system.stack.stop().await;
}

#[tokio::test]
async fn a_network_has_ten_requests_a_minute() {
    let system = default_system().await;
    let api = system.api();
    let ask =
        async |from: &str, name: &str| api.from(from).ask(&json!({"email": format!("{name}@network.test")})).await;
    for n in 0..10 {
        ask("203.0.113.3", &format!("a{n}")).await.accepted();
    }
    let refused = ask("203.0.113.3", "one-more").await;
    limited(&refused, "ip-60s", 60);
    assert_eq!(refused.header("ratelimit-policy"), Some("\"ip-60s\";q=10;w=60"));
    // A refused request has spent nothing of the recipient's.
    ask("203.0.113.4", "one-more").await.accepted();
    // Read from the right: what a client writes itself does not count.
    limited(&ask("192.0.2.77, 203.0.113.3", "forged").await, "ip-60s", 60);
    // All of a /64 is one network.
    for n in 0..10 {
        ask(&format!("2001:db8:0:1::{n:x}"), &format!("six{n}")).await.accepted();
    }
    limited(&ask("2001:db8:0:1:ffff::1", "six").await, "ip-60s", 60);
    ask("2001:db8:0:2::1", "six").await.accepted();
    // All at once are counted as one by one.
    let answers = join_all((0..30).map(|n| {
        let api = api.from("203.0.113.5");
        async move { api.ask(&json!({"email": format!("burst{n}@network.test")})).await }
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 10);
    system.stack.stop().await;
}

#[tokio::test]
async fn nobody_is_trusted_to_say_who_a_client_is_by_default() {
    let system = System::start().await;
    let api = system.api();
    for n in 0..10 {
        let from = format!("203.0.113.{n}");
        api.from(&from).accepted(&format!("claims{n}@limits.test")).await;
    }
    limited(&api.from("203.0.113.200").ask(&json!({"email": "claims@limits.test"})).await, "ip-60s", 60);
    system.stack.stop().await;
}

#[tokio::test]
async fn a_recipient_has_five_mails_an_hour() {
    let system = System::with(|options| options.caller.set("OTP_RESEND_COOLDOWN", "0")).await;
    let api = system.api();
    let first = api.accepted("hour@limits.test").await;
    api.resend(&first.id).await.accepted();
    for purpose in ["one", "two", "three"] {
        api.ask(&json!({"email": "hour@limits.test", "purpose": purpose})).await.accepted();
    }
    for answer in [api.ask(&json!({"email": "Hour@limits.test"})).await, api.resend(&first.id).await] {
        limited(&answer, "recipient-3600s", 3_600);
        assert!(answer.retry_after_s() > 3_000, "{}", answer.text);
    }
    // Refused is refused: none of them was mailed.
    api.accepted("after@limits.test").await;
    system.inbox().wait_for("after@limits.test").await;
    assert_eq!(system.inbox().to("hour@limits.test").await.len(), 5);
    system.stack.stop().await;
}

#[tokio::test]
async fn a_flood_is_refused_at_the_door() {
    let system = default_system().await;
    let api = system.api().from("203.0.113.6");
    let id = "a".repeat(40);
    let mut refused = None;
    // 500 at once and 100 a second: 3,000 are too many for any machine that answers them within twenty seconds.
    for _ in 0..30 {
        let answers = join_all((0..100).map(|_| api.check(&id, "123456"))).await;
        refused = answers.into_iter().find(|answer| answer.status == 429);
        if refused.is_some() {
            break;
        }
    }
    limited(&refused.expect("a bound"), "flood", 60);
    system.api().from("203.0.113.7").check(&id, "123456").await.problem(404, "not-found");
    system.stack.stop().await;
}
