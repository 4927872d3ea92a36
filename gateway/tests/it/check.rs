//! Codes: right, wrong, too often, too late, all at once.

use futures_util::future::join_all;
use otp_nats::testing::eventually;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{World, wrong};

#[tokio::test]
async fn the_right_code_gives_a_proof_once() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    let accepted = gateway
        .post("/v1/verifications", &json!({"email": "alice@example.com", "purpose": "login", "metadata": {"cart": 7}}))
        .await;
    let (id, code) = (accepted.text("id"), gateway.code(accepted.text("id")).await);
    let miss = gateway.check(id, &wrong(&code)).await;
    assert_eq!((miss.status.as_u16(), miss.problem()), (422, "incorrect-code"));
    assert_eq!(miss.body["attempts_left"], 4);

    let (front, back) = code.split_at(3);
    let right = gateway.check(id, &format!(" {front} {back}\n")).await;
    assert_eq!(right.status, StatusCode::OK, "{right:?}");
    assert_eq!((right.text("id"), right.text("status")), (id, "verified"));
    let payload = right.text("token").split('.').nth(1).unwrap().to_owned();
    let claims: serde_json::Value =
        serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap();
    assert_eq!(claims["sub"], "alice@example.com");
    assert_eq!(claims["jti"], id);
    assert_eq!(claims["purpose"], "login");
    assert_eq!(claims["metadata"], json!({"cart": 7}));

    for guess in [code.as_str(), &wrong(&code)] {
        let again = gateway.check(id, guess).await;
        assert_eq!((again.status.as_u16(), again.problem()), (410, "already-used"));
    }
    gateway.has_events(id, &["rejected", "verified"]).await;
    let status = gateway.status(id, accepted.ticket()).await;
    assert_eq!(status.text("status"), "verified");
    let events: Vec<&str> =
        status.body["timeline"].as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["requested", "rejected", "verified"]);
    let keys = gateway.send(gateway.request(Method::GET, "/.well-known/jwks.json")).await;
    assert_eq!(keys.body["keys"][0]["crv"], "Ed25519");
}

#[tokio::test]
async fn the_last_guess_counts_if_right_and_locks_if_wrong() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    for last_is_right in [true, false] {
        let accepted = gateway.accepted(&format!("{last_is_right}@example.com")).await;
        let (id, code) = (accepted.text("id"), gateway.code(accepted.text("id")).await);
        for left in (1..=4).rev() {
            assert_eq!(gateway.check(id, &wrong(&code)).await.body["attempts_left"], left);
        }
        if last_is_right {
            assert_eq!(gateway.check(id, &code).await.status, StatusCode::OK);
            continue;
        }
        let last = gateway.check(id, &wrong(&code)).await;
        assert_eq!((last.status.as_u16(), last.problem()), (422, "incorrect-code"));
        assert_eq!(last.body["attempts_left"], 0);
        let over = gateway.check(id, &code).await;
        assert_eq!((over.status.as_u16(), over.problem()), (429, "attempts-exhausted"));
        assert!(over.header("retry-after").parse::<u64>().unwrap() >= 1);
        gateway.has_events(id, &["rejected", "rejected", "rejected", "rejected", "locked"]).await;
        assert_eq!(gateway.resend(id).await.problem(), "attempts-exhausted");
    }
}

#[tokio::test]
async fn forty_right_checks_at_once_give_one_proof() {
    let world = World::new();
    let gateways = [world.gateway(&[]).await, world.gateway(&[]).await];
    let accepted = gateways[0].accepted("alice@example.com").await;
    let (id, code) = (accepted.text("id"), gateways[0].code(accepted.text("id")).await);
    let answers = join_all((0..40).map(|n| gateways[n % 2].check(id, &code))).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!((count(200), count(410)), (1, 39), "{answers:?}");
}

#[tokio::test]
async fn guesses_at_once_do_not_exceed_the_limit() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    let accepted = gateway.accepted("alice@example.com").await;
    let (id, code) = (accepted.text("id"), gateway.code(accepted.text("id")).await);
    let guess = wrong(&code);
    let answers = join_all((0..50).map(|_| gateway.check(id, &guess))).await;
    let counted = answers.iter().filter(|answer| answer.status == StatusCode::UNPROCESSABLE_ENTITY).count();
    let refused = answers.iter().filter(|answer| answer.problem() == "attempts-exhausted").count();
    assert_eq!((counted, refused), (5, 45), "{answers:?}");
    assert_eq!(gateway.check(id, &code).await.problem(), "attempts-exhausted");
}

#[tokio::test]
async fn wrong_guesses_count_for_the_recipient_across_codes() {
    let world = World::new();
    let gateway = world.gateway(&[("OTP_LIMIT_GUESSES", "7/1d")]).await;
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let accepted = gateway.accepted("alice@example.com").await;
        let (id, code) = (accepted.text("id"), gateway.code(accepted.text("id")).await);
        for _ in 0..4 {
            outcomes.push(gateway.check(id, &wrong(&code)).await.status.as_u16());
        }
    }
    assert_eq!(outcomes, [422, 422, 422, 422, 422, 422, 422, 429]);
    let accepted = gateway.accepted("alice+new@example.com").await;
    let code = gateway.code(accepted.text("id")).await;
    assert_eq!(gateway.check(accepted.text("id"), &code).await.status.as_u16(), 429);
}

#[tokio::test]
async fn a_code_ends_with_its_time() {
    let world = World::new();
    let gateway = world.gateway(&[("OTP_CODE_TTL", "1s")]).await;
    let accepted = gateway.accepted("alice@example.com").await;
    let (id, code) = (accepted.text("id"), gateway.code(accepted.text("id")).await);
    let over = eventually(|| async {
        let answer = gateway.check(id, &wrong(&code)).await;
        (answer.status == StatusCode::GONE).then_some(answer)
    });
    // A wrong guess every ten milliseconds would lock it first, so the guesses themselves are few.
    let status = eventually(|| async {
        let status = gateway.status(id, accepted.ticket()).await;
        (status.text("status") == "expired").then_some(status)
    });
    assert!(status.await.is_some());
    assert_eq!(over.await.unwrap().problem(), "expired");
    assert_eq!(gateway.check(id, &code).await.problem(), "expired");
    assert_eq!(gateway.resend(id).await.problem(), "expired");
    gateway.has_events(id, &["expired"]).await;
}

#[tokio::test]
async fn ids_that_are_unknown_or_lost_are_told_apart() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    let accepted = gateway.accepted("alice@example.com").await;
    let (id, code) = (accepted.text("id").to_owned(), gateway.code(accepted.text("id")).await);
    let foreign = id.replace(['a', 'b'], "c").replacen('c', "d", 1);
    for unknown in ["nothing", "..%2f..", foreign.as_str(), &id.to_uppercase(), &format!("{id}x")] {
        let answer = gateway.check(unknown, &code).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"), "{unknown}");
        assert_eq!(gateway.resend(unknown).await.status.as_u16(), 404, "{unknown}");
        assert_eq!(gateway.status(unknown, accepted.ticket()).await.status.as_u16(), 404, "{unknown}");
    }
    let client = redis::Client::open(world.redis.url("redis")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("FLUSHALL").query_async::<()>(&mut connection).await.unwrap();
    let lost = gateway.check(&id, &code).await;
    assert_eq!((lost.status.as_u16(), lost.problem()), (410, "expired"));
}

#[tokio::test]
async fn a_ticket_reads_and_cancels_its_own_verification_only() {
    let world = World::new();
    let gateway = world.gateway(&[]).await;
    let (alice, bob) = (gateway.accepted("alice@example.com").await, gateway.accepted("bob@example.com").await);
    let (id, code) = (alice.text("id"), gateway.code(alice.text("id")).await);
    for ticket in ["", "nonsense", bob.ticket()] {
        let (read, canceled) = (gateway.status(id, ticket).await, gateway.cancel(id, ticket).await);
        assert_eq!((read.status.as_u16(), canceled.status.as_u16()), (401, 401), "{ticket}");
        assert_eq!(read.header("www-authenticate"), "Bearer");
    }
    let none = gateway.send(gateway.request(Method::GET, &format!("/v1/verifications/{id}"))).await;
    assert_eq!((none.status.as_u16(), none.problem()), (401, "unauthorized"));

    assert_eq!(gateway.cancel(id, alice.ticket()).await.status.as_u16(), 204);
    assert_eq!(gateway.cancel(id, alice.ticket()).await.status.as_u16(), 204);
    let dead = gateway.check(id, &code).await;
    assert_eq!((dead.status.as_u16(), dead.problem()), (410, "canceled"));
    assert_eq!(gateway.resend(id).await.problem(), "canceled");
    assert_eq!(gateway.status(id, alice.ticket()).await.text("status"), "canceled");
    gateway.has_events(id, &["canceled"]).await;
}
