//! A server that hangs and wakes up: what it kept is over.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::StatusCode;

use super::servers::{Server, becomes};
use crate::support::{World, wrong};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hanging_server_kept_is_not_run_when_it_wakes() {
    let world = World::new();
    let redis = Server::new(&[]);
    let url = format!("redis://{}", redis.address());
    let limits = [("OTP_LIMIT_RECIPIENT", "3/1h"), ("OTP_RESEND_COOLDOWN", "0s"), ("OTP_REDIS_URL", url.as_str())];
    let gateway = world.gateway(&limits).await;
    let alice = gateway.accepted("alice@example.com").await;
    let (id, code) = (alice.text("id"), gateway.code(alice.text("id")).await);
    // The server knows all scripts before it hangs: nothing but their lateness keeps them from being run.
    let guess = wrong(&code);
    assert_eq!(gateway.check(id, &guess).await.body["attempts_left"], 4);
    gateway.resend(id).await;
    redis.freeze(true);
    let started = Instant::now();
    let (created, checked, resent, right) = tokio::join!(
        join_all((0..20).map(|number| {
            let gateway = &gateway;
            async move { gateway.create(&format!("u{number}@example.com")).await }
        })),
        gateway.check(id, &guess),
        gateway.resend(id),
        gateway.check(id, &code),
    );
    for answer in created.iter().chain([&checked, &resent, &right]) {
        assert_eq!((answer.status.as_u16(), answer.problem()), (503, "unavailable"), "{answer:?}");
    }
    let took = started.elapsed();
    println!("a hanging server is answered for after {took:?}");
    assert!(took < Duration::from_secs(15), "{took:?}");
    redis.freeze(false);
    becomes("it answers again", async || (gateway.status(id, alice.ticket()).await.status == 200).then_some(())).await;
    assert_eq!(redis.keys("otp:*:v:*").len(), 1, "nothing was issued behind a 503");
    let status = gateway.status(id, alice.ticket()).await;
    assert_eq!((status.text("status"), &status.body["attempts_left"]), ("queued", &4.into()), "no guess was counted");
    assert_eq!(gateway.resend(id).await.status, StatusCode::ACCEPTED, "the mail that was not sent is still to be had");
    assert_eq!(gateway.check(id, &code).await.status, StatusCode::OK, "the code is not used up");
}
