//! Redis or NATS away, a full stream, a drain.

use futures_util::future::join_all;
use otp_nats::testing::eventually;
use reqwest::StatusCode;

use crate::support::World;

#[tokio::test]
async fn without_redis_nothing_is_let_through_and_it_recovers() {
    let mut world = World::new();
    let gateway = world.gateway(&[]).await;
    let accepted = gateway.accepted("alice@example.com").await;
    let (id, code) = (accepted.text("id"), gateway.code(accepted.text("id")).await);
    world.redis.stop().unwrap();
    for answer in [gateway.create("bob@example.com").await, gateway.check(id, &code).await] {
        assert_eq!((answer.status.as_u16(), answer.problem()), (503, "unavailable"), "{answer:?}");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let ready = gateway.send(gateway.request(reqwest::Method::GET, "/ready")).await;
    assert_eq!(ready.status.as_u16(), 503);
    assert!(ready.body.to_string().contains("Redis"), "{ready:?}");
    world.redis.start().unwrap();
    gateway.becomes_ready().await;
    assert_eq!(gateway.check(id, &code).await.status, StatusCode::OK, "Redis kept its data");
}

#[tokio::test]
async fn without_nats_checks_go_on_and_their_events_follow() {
    let mut world = World::new();
    let gateway = world.gateway(&[("OTP_LIMIT_RECIPIENT", "2/1h"), ("OTP_RESEND_COOLDOWN", "0s")]).await;
    let accepted = gateway.accepted("alice@example.com").await;
    let (id, code) = (accepted.text("id"), gateway.code(accepted.text("id")).await);
    world.nats.stop().unwrap();
    let refused = gateway.create("bob@example.com").await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (503, "unavailable"));
    assert_eq!(gateway.check(id, &code).await.status, StatusCode::OK);
    let status = gateway.status(id, accepted.ticket()).await;
    assert_eq!((status.text("status"), &status.body["timeline_complete"]), ("verified", &false.into()));
    world.nats.start().unwrap();
    gateway.becomes_ready().await;
    gateway.has_events(id, &["verified"]).await;
    // What was refused has spent nothing: both of bob's mails are still his.
    for _ in 0..2 {
        gateway.accepted("bob@example.com").await;
    }
    assert_eq!(gateway.create("bob@example.com").await.status.as_u16(), 429);
}

#[tokio::test]
async fn a_503_leaves_the_older_code_alone() {
    let mut world = World::new();
    let gateway = world.gateway(&[]).await;
    let older = gateway.accepted("alice@example.com").await;
    let (id, code) = (older.text("id"), gateway.code(older.text("id")).await);
    world.nats.stop().unwrap();
    assert_eq!(gateway.create("alice@example.com").await.status.as_u16(), 503);
    assert_eq!(gateway.check(id, &code).await.status, StatusCode::OK, "nothing took its place");
    world.nats.start().unwrap();
    gateway.becomes_ready().await;
    let newer = gateway.accepted("alice@example.com").await;
    gateway.accepted("alice@example.com").await;
    let code = gateway.code(newer.text("id")).await;
    assert_eq!(gateway.check(newer.text("id"), &code).await.problem(), "superseded");
}

#[tokio::test]
async fn a_retry_after_a_503_has_the_same_id() {
    let mut world = World::new();
    let gateway = world.gateway(&[]).await;
    let post = async || {
        let request = gateway.request(reqwest::Method::POST, "/v1/verifications").header("idempotency-key", "k");
        gateway.send(request.json(&serde_json::json!({"email": "alice@example.com"}))).await
    };
    world.nats.stop().unwrap();
    assert_eq!(post().await.status.as_u16(), 503);
    world.nats.start().unwrap();
    let accepted = eventually(|| async { Some(post().await).filter(|answer| answer.status == StatusCode::ACCEPTED) });
    let accepted = accepted.await.expect("NATS is back");
    // The publish that got no answer may have been stored when the server came back: it has the same message id.
    let requests = gateway.bus().jetstream().get_stream(otp_nats::stream::REQUESTS).await.unwrap();
    assert_eq!(requests.cached_info().state.messages, 1);
    let code = gateway.code(accepted.text("id")).await;
    assert_eq!(gateway.check(accepted.text("id"), &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_retry_after_a_503_pays_for_its_mail() {
    let mut world = World::new();
    let gateway = world.gateway(&[("OTP_LIMIT_RECIPIENT", "1/1h"), ("OTP_RESEND_COOLDOWN", "0s")]).await;
    let post = async || {
        let request = gateway.request(reqwest::Method::POST, "/v1/verifications").header("idempotency-key", "k");
        gateway.send(request.json(&serde_json::json!({"email": "alice@example.com"}))).await
    };
    world.nats.stop().unwrap();
    assert_eq!(post().await.status.as_u16(), 503);
    world.nats.start().unwrap();
    gateway.becomes_ready().await;
    assert_eq!(post().await.status, StatusCode::ACCEPTED);
    assert_eq!(gateway.create("alice@example.com").await.status.as_u16(), 429, "what was given back was paid again");
}

#[tokio::test]
async fn a_full_backlog_is_a_503_and_no_loss() {
    let world = World::new();
    let gateway = world.gateway(&[("OTP_BACKLOG_MESSAGES", "3")]).await;
    let mut statuses = Vec::new();
    for number in 0..5 {
        statuses.push(gateway.create(&format!("u{number}@example.com")).await.status.as_u16());
    }
    assert_eq!(statuses, [202, 202, 202, 503, 503]);
    let mut requests = gateway.bus().jetstream().get_stream(otp_nats::stream::REQUESTS).await.unwrap();
    assert_eq!(requests.info().await.unwrap().state.messages, 3);
    requests.purge().await.unwrap();
    gateway.accepted("u9@example.com").await;
}

#[tokio::test]
async fn a_drain_ends_what_is_under_way() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    let requests = join_all((0..50).map(|number| {
        let request = gateway.request(reqwest::Method::POST, "/v1/verifications");
        request.json(&serde_json::json!({"email": format!("u{number}@example.com")})).send()
    }));
    let (answers, ()) = tokio::join!(requests, async {
        eventually(|| async {
            let mut stream = gateway.bus().jetstream().get_stream(otp_nats::stream::REQUESTS).await.ok()?;
            (stream.info().await.ok()?.state.messages > 0).then_some(())
        })
        .await
        .expect("the first request is stored");
    });
    let accepted =
        answers.into_iter().filter(|answer| answer.as_ref().is_ok_and(|a| a.status() == StatusCode::ACCEPTED));
    let accepted = accepted.count();
    let bus = gateway.bus().clone();
    gateway.end().await;
    let stream = bus.jetstream().get_stream(otp_nats::stream::REQUESTS).await.unwrap();
    assert_eq!(usize::try_from(stream.cached_info().state.messages).unwrap(), accepted);
}

#[tokio::test]
async fn a_drifted_stream_stops_the_gateway() {
    let world = World::new();
    world.gateway(&[]).await.end().await;
    let started = std::panic::AssertUnwindSafe(world.gateway(&[("OTP_CODE_TTL", "60s")]));
    let outcome =
        tokio::time::timeout(std::time::Duration::from_secs(2), futures_util::FutureExt::catch_unwind(started));
    assert!(!matches!(outcome.await, Ok(Ok(_))), "it must not become ready");
    world.gateway(&[("OTP_CODE_TTL", "60s"), ("OTP_STREAM_DRIFT", "update")]).await.end().await;
}
