//! Traces that nobody takes: they are dropped and counted, and no request waits for them.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use otp_dev::stack::Part;

use super::collector::Collector;
use super::traces::{asked, traced};
use crate::support::{System, eventually_or};

/// How many of the gateway's steps came to this.
async fn spans(system: &System, outcome: &str) -> u64 {
    let file = system.stack.file();
    let url = format!("{}/metrics", file.admin.get(Part::Gateway.name()).expect("an admin port"));
    let text = system.client.get(url).send().await.expect("an answer").text().await.expect("text");
    let series = format!("otp_spans_total{{outcome=\"{outcome}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&series)).unwrap_or_else(|| panic!("{text}"));
    value.parse().expect("a number")
}

async fn until_some(system: &System, outcome: &str) {
    eventually_or(async || (spans(system, outcome).await > 0).then_some(()), || format!("spans that are {outcome}"))
        .await;
}

fn warnings(system: &System) -> usize {
    let log = std::fs::read_to_string(system.stack.log(Part::Gateway)).expect("a log");
    log.matches("the collector does not take traces").count()
}

#[tokio::test]
async fn a_collector_that_hangs_holds_nobody_up() {
    let url = Collector::hanging().await;
    // The queue is full at once, and stays so.
    let limits = [("OTEL_BSP_MAX_QUEUE_SIZE", "4"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4"), ("OTP_LIMIT_IP", "off")];
    let system = traced(&url, &limits).await;
    let started = Instant::now();
    for number in 0..20 {
        asked(&system, &format!("hanging.{number}@metrics.test"), "none").await;
    }
    // One post to the collector alone takes five seconds, and there are dozens of steps.
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert!(spans(&system, "dropped").await > 0);
    assert_eq!(spans(&system, "sent").await, 0);
    system.stack.stop().await;
}

#[tokio::test]
async fn a_collector_that_refuses_or_is_away_is_logged_once() {
    for (url, status) in [
        (Collector::refusing(StatusCode::BAD_REQUEST).await, "status=400"),
        (Collector::refusing(StatusCode::SERVICE_UNAVAILABLE).await, "status=503"),
        // No program listens there.
        ("http://127.0.0.1:1".to_owned(), ""),
    ] {
        let system = traced(&url, &[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")]).await;
        for number in 0..3 {
            asked(&system, &format!("refused.{number}@metrics.test"), "none").await;
        }
        until_some(&system, "failed").await;
        assert_eq!(spans(&system, "sent").await, 0);
        assert_eq!(warnings(&system), 1);
        let log = std::fs::read_to_string(system.stack.log(Part::Gateway)).expect("a log");
        assert!(log.lines().any(|line| line.contains("does not take traces") && line.contains(status)));
        system.stack.stop().await;
    }
}
