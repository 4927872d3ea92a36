//! One server: it comes back with its data, or without.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use reqwest::StatusCode;

use super::load::{Load, SETTINGS};
use super::servers::{Server, becomes};
use crate::support::{World, wrong};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_with_its_data_loses_nothing() {
    let world = World::new();
    let mut redis = Server::new(&["--appendonly", "yes"]);
    let url = format!("redis://{}", redis.address());
    let gateway = Arc::new(world.gateway(&[&SETTINGS, [("OTP_REDIS_URL", url.as_str())].as_slice()].concat()).await);
    let kept = gateway.accepted("kept@example.com").await;
    let (id, code) = (kept.text("id"), gateway.code(kept.text("id")).await);
    assert_eq!(gateway.check(id, &wrong(&code)).await.body["attempts_left"], 4);
    let load = Load::start("s", &[Arc::clone(&gateway)]);
    let seen = Arc::clone(&load.seen);
    for restart in 1..=3 {
        let before = seen.verified.load(Ordering::Relaxed);
        becomes("the load runs", async || (seen.verified.load(Ordering::Relaxed) > before + 20).then_some(())).await;
        redis.stop();
        becomes("clients notice", async || (gateway.create("x@example.com").await.status == 503).then_some(())).await;
        redis.start();
        let started = Instant::now();
        becomes("it is back", async || (gateway.check(id, "0").await.status != 503).then_some(())).await;
        println!("restart {restart}: served again {:?} after the server listened", started.elapsed());
    }
    load.end("restarts with data").await;
    assert_eq!(gateway.check(id, &code).await.status, StatusCode::OK);
    assert_eq!(gateway.check(id, &code).await.problem(), "already-used");
}

#[tokio::test]
async fn a_restart_without_data_forgets_codes_and_limits() {
    let world = World::new();
    let mut redis = Server::new(&[]);
    let url = format!("redis://{}", redis.address());
    let gateway = world.gateway(&[&SETTINGS, [("OTP_REDIS_URL", url.as_str())].as_slice()].concat()).await;
    let first = gateway.accepted("alice@example.com").await;
    let (id, code) = (first.text("id"), gateway.code(first.text("id")).await);
    gateway.accepted("alice@example.com").await;
    assert_eq!(gateway.create("alice@example.com").await.status.as_u16(), 429);
    redis.stop();
    redis.forget();
    redis.start();
    gateway.becomes_ready().await;
    let gone = gateway.check(id, &code).await;
    assert_eq!((gone.status.as_u16(), gone.problem()), (410, "expired"));
    assert_eq!(gateway.resend(id).await.problem(), "expired");
    // The server knows no script any more, and the limits start over.
    let anew = gateway.accepted("alice@example.com").await;
    let code = gateway.code(anew.text("id")).await;
    assert_eq!(gateway.check(anew.text("id"), &code).await.status, StatusCode::OK);
}
