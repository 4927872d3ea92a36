//! Limits and budgets that reach over recipients, on several gateways at once.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Answer, Gateway, World};

fn refused_by(answer: &Answer, policy: &str) {
    assert_eq!((answer.status, answer.problem()), (StatusCode::TOO_MANY_REQUESTS, "rate-limited"), "{answer:?}");
    assert_eq!(answer.body["violated-policies"], json!([policy]));
    assert!(answer.header("ratelimit-policy").starts_with(&format!("\"{policy}\"")), "{answer:?}");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
}

/// How many of `count` requests at once, spread over the gateways, are accepted.
async fn admitted(gateways: &[Gateway], count: usize, recipient: impl Fn(usize) -> String) -> usize {
    let asked = join_all((0..count).map(|number| {
        let (gateway, email) = (&gateways[number % gateways.len()], recipient(number));
        async move { gateway.create(&email).await }
    }))
    .await;
    let accepted = asked.iter().filter(|answer| answer.status == StatusCode::ACCEPTED).count();
    let limited = asked.iter().filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).count();
    assert_eq!(accepted + limited, count, "{asked:?}");
    accepted
}

#[tokio::test]
async fn three_gateways_admit_together_what_one_would() {
    for (name, limit, one_recipient, expected) in [
        ("OTP_LIMIT_RECIPIENT", "7/1h", true, 7),
        ("OTP_LIMIT_IP", "20/1h", false, 20),
        ("OTP_LIMIT_DOMAIN", "20/1h", false, 20),
        ("OTP_LIMIT_APP", "20/1h", false, 20),
        // A tenth is kept for further mails of what is open.
        ("OTP_DAILY_BUDGET", "20", false, 18),
    ] {
        let world = World::new();
        let settings = [("OTP_RESEND_COOLDOWN", "0s"), (name, limit)];
        let gateways = [world.gateway(&settings).await, world.gateway(&settings).await, world.gateway(&settings).await];
        let recipient =
            |number| if one_recipient { "ada@example.com".to_owned() } else { format!("p{number}@example.com") };
        assert_eq!(admitted(&gateways, 60, recipient).await, expected, "{name}");
        // A restart forgets nothing.
        let [first, second, third] = gateways;
        for gateway in [first, second, third] {
            gateway.end().await;
        }
        let gateways = [world.gateway(&settings).await];
        assert_eq!(admitted(&gateways, 6, recipient).await, 0, "{name}");
    }
}

#[tokio::test]
async fn what_is_refused_in_the_end_takes_no_place() {
    let world = World::new();
    let settings = [
        ("OTP_LIMIT_RECIPIENT", "1/1h"),
        ("OTP_LIMIT_IP", "3/1h"),
        ("OTP_LIMIT_DOMAIN", "3/1h"),
        ("OTP_LIMIT_APP", "3/1h"),
        ("OTP_DAILY_BUDGET", "3"),
    ];
    let gateway = world.gateway(&settings).await;
    gateway.accepted("ada@example.com").await;
    for _ in 0..6 {
        let refused = gateway.create("ada@example.com").await;
        assert!(refused.body["violated-policies"].as_array().unwrap().contains(&json!("recipient-3600s")));
    }
    gateway.accepted("bob@example.com").await;
    gateway.accepted("cat@example.com").await;
    let refused = gateway.create("dan@example.com").await;
    let mut policies: Vec<&str> =
        refused.body["violated-policies"].as_array().unwrap().iter().filter_map(|policy| policy.as_str()).collect();
    policies.sort_unstable();
    assert_eq!(policies, ["app-3600s", "daily-budget", "domain-3600s", "ip-3600s"], "all that refuse are named");
    assert_eq!(refused.header("retry-after").parse::<u64>().ok(), refused.body["retry_after"].as_u64());
}

#[tokio::test]
async fn domains_are_told_apart_and_a_further_mail_counts() {
    let world = World::new();
    let settings = [("OTP_LIMIT_DOMAIN", "2/1h"), ("OTP_RESEND_COOLDOWN", "0s")];
    let gateway = world.gateway(&settings).await;
    let asked = gateway.accepted("ada@Example.com").await;
    assert_eq!(gateway.resend(asked.text("id")).await.status, StatusCode::ACCEPTED);
    refused_by(&gateway.resend(asked.text("id")).await, "domain-3600s");
    refused_by(&gateway.create("bob@example.COM").await, "domain-3600s");
    gateway.accepted("bob@example.org").await;
    // The refused one is taken back whole: its generation is not used up, and the code still works.
    let event = gateway.requested(asked.text("id")).await;
    assert_eq!(event.generation, 2);
    let code = gateway.code(asked.text("id")).await;
    assert_eq!(gateway.check(asked.text("id"), &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_has_asked_can_finish_when_the_budget_is_spent() {
    let world = World::new();
    let gateway = world.gateway(&[("OTP_DAILY_BUDGET", "10"), ("OTP_RESEND_COOLDOWN", "0s")]).await;
    let mut last = None;
    for number in 0..9 {
        last = Some(gateway.accepted(&format!("p{number}@example.com")).await);
    }
    let last = last.unwrap();
    let refused = gateway.create("late@example.com").await;
    refused_by(&refused, "daily-budget");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 86_400);
    assert_eq!(gateway.resend(last.text("id")).await.status, StatusCode::ACCEPTED, "the reserve is for this");
    refused_by(&gateway.resend(last.text("id")).await, "daily-budget");
    let code = gateway.code(last.text("id")).await;
    assert_eq!(gateway.check(last.text("id"), &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn reads_of_a_verification_are_limited() {
    let world = World::new();
    let gateway = world.gateway(&[("OTP_LIMIT_STATUS", "3/1h")]).await;
    let (asked, other) = (gateway.accepted("ada@example.com").await, gateway.accepted("bob@example.com").await);
    for _ in 0..3 {
        assert_eq!(gateway.status(asked.text("id"), asked.ticket()).await.status, StatusCode::OK);
    }
    refused_by(&gateway.status(asked.text("id"), asked.ticket()).await, "status-3600s");
    assert_eq!(gateway.status(other.text("id"), other.ticket()).await.status, StatusCode::OK);
    let code = gateway.code(asked.text("id")).await;
    assert_eq!(gateway.check(asked.text("id"), &code).await.status, StatusCode::OK);
}
