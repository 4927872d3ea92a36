//! Proof of work: who needs one, what counts as one, and that none counts twice.

use data_encoding::{BASE64, HEXLOWER};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Answer, Gateway, World};

/// Little work: what is tested here is not how long it takes.
const CHEAP: (&str, &str) = ("OTP_PROOF_OF_WORK_COST", "3");
const ALWAYS: (&str, &str) = ("OTP_PROOF_OF_WORK", "always");
const PRESSURE: (&str, &str) = ("OTP_PROOF_OF_WORK", "pressure");
const PROXY: (&str, &str) = ("OTP_TRUSTED_PROXIES", "127.0.0.1");

/// What a widget does with a challenge.
fn solved(challenge: &Value) -> String {
    let parameters = &challenge["parameters"];
    let bytes = |member: &str| HEXLOWER.decode(parameters[member].as_str().unwrap().as_bytes()).unwrap();
    let (nonce, salt, prefix) = (bytes("nonce"), bytes("salt"), bytes("keyPrefix"));
    let rounds = u32::try_from(parameters["cost"].as_u64().unwrap()).unwrap();
    let derive = |counter: u32| {
        let mut key = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(&[&nonce[..], &counter.to_be_bytes()].concat(), &salt, rounds, &mut key);
        key
    };
    let (counter, key) = (0..=u32::MAX).map(|n| (n, derive(n))).find(|(_, key)| key.starts_with(&prefix)).unwrap();
    let solution = json!({"counter": counter, "derivedKey": HEXLOWER.encode(&key), "time": 1});
    BASE64.encode(json!({"challenge": challenge, "solution": solution}).to_string().as_bytes())
}

async fn challenge(gateway: &Gateway) -> Value {
    let answer = gateway.send(gateway.request(Method::GET, "/v1/challenge")).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"), "{answer:?}");
    answer.body
}

/// Asks with this solution, from this address, under this idempotency key.
async fn ask(gateway: &Gateway, email: &str, altcha: Option<&str>, from: &str, key: Option<&str>) -> Answer {
    let mut body = json!({"email": email});
    if let Some(altcha) = altcha {
        body["altcha"] = json!(altcha);
    }
    let mut request = gateway.request(Method::POST, "/v1/verifications").header("x-forwarded-for", from).json(&body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    gateway.send(request).await
}

async fn prove(gateway: &Gateway, email: &str, altcha: &str) -> Answer {
    ask(gateway, email, Some(altcha), "192.0.2.1", None).await
}

fn refusal(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.problem())
}

async fn metrics(gateway: &Gateway) -> String {
    reqwest::get(format!("http://{}/metrics", gateway.admin)).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_request_without_proof_is_told_what_to_solve_and_goes_through_with_it() {
    let world = World::new();
    let gateway = world.gateway(&[ALWAYS, CHEAP]).await;
    let refused = gateway.create("a@example.com").await;
    assert_eq!(refusal(&refused), (428, "proof-of-work-required"), "{refused:?}");
    assert_eq!(refused.header("content-type"), "application/problem+json");
    let accepted = prove(&gateway, "a@example.com", &solved(&refused.body["challenge"])).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED, "{accepted:?}");
    // Or ahead of time, as a widget does in a form.
    let accepted = prove(&gateway, "b@example.com", &solved(&challenge(&gateway).await)).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED, "{accepted:?}");
    // Nothing but the request itself needs it.
    let id = accepted.text("id");
    assert_eq!(gateway.check(id, &gateway.code(id).await).await.status, StatusCode::OK);
    let told = metrics(&gateway).await;
    for line in [
        "otp_proof_of_work_challenges_total{given=\"required\",level=\"0\"} 1",
        "otp_proof_of_work_challenges_total{given=\"asked\",level=\"0\"} 1",
        "otp_proof_of_work_solutions_total{outcome=\"accepted\"} 2",
    ] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
}

#[tokio::test]
async fn what_is_no_proof_is_refused_with_a_reason_and_another_challenge() {
    let world = World::new();
    let gateway = world.gateway(&[ALWAYS, CHEAP]).await;
    let asked = challenge(&gateway).await;
    let mut wrong: Value = serde_json::from_slice(&BASE64.decode(solved(&asked).as_bytes()).unwrap()).unwrap();
    wrong["solution"]["derivedKey"] = json!("00".repeat(32));
    let mut easier = wrong.clone();
    easier["challenge"]["parameters"]["keyPrefix"] = json!("00");
    let text = |value: &Value| BASE64.encode(value.to_string().as_bytes());
    for (altcha, reason) in [
        ("nonsense".to_owned(), "malformed"),
        (text(&wrong), "wrong"),
        (text(&easier), "forged"),
        ("A".repeat(8000), "malformed"),
    ] {
        let refused = prove(&gateway, "a@example.com", &altcha).await;
        assert_eq!(refusal(&refused), (422, "invalid-proof-of-work"), "{refused:?}");
        assert_eq!(refused.text("reason"), reason, "{refused:?}");
        let accepted = prove(&gateway, "a@example.com", &solved(&refused.body["challenge"])).await;
        assert_eq!(accepted.status, StatusCode::ACCEPTED, "the new challenge counts: {accepted:?}");
    }
    assert!(metrics(&gateway).await.contains("otp_proof_of_work_solutions_total{outcome=\"malformed\"} 2"));
}

#[tokio::test]
async fn a_solution_counts_once_on_all_gateways_together() {
    let world = World::new();
    let settings = [ALWAYS, CHEAP];
    let gateways = [world.gateway(&settings).await, world.gateway(&settings).await, world.gateway(&settings).await];
    for round in 0..4 {
        let altcha = solved(&challenge(&gateways[0]).await);
        let asked = (0..9).map(|n| {
            let (gateway, altcha) = (&gateways[n % 3], &altcha);
            async move { prove(gateway, &format!("r{round}n{n}@example.com"), altcha).await }
        });
        let answers = futures_util::future::join_all(asked).await;
        let accepted = answers.iter().filter(|answer| answer.status == StatusCode::ACCEPTED).count();
        let replayed = answers.iter().filter(|answer| answer.text("reason") == "replayed").count();
        assert_eq!((accepted, replayed), (1, 8), "{answers:?}");
    }
}

#[tokio::test]
async fn a_retry_under_its_idempotency_key_is_no_replay() {
    let world = World::new();
    let gateway = world.gateway(&[ALWAYS, CHEAP]).await;
    let altcha = solved(&challenge(&gateway).await);
    let retry =
        async |altcha: Option<&str>, key: &str| ask(&gateway, "a@example.com", altcha, "192.0.2.1", Some(key)).await;
    // Without proof nothing is remembered, and the same key serves the request that has it.
    assert_eq!(refusal(&retry(None, "k1").await).0, 428);
    let first = retry(Some(&altcha), "k1").await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{first:?}");
    for again in [Some(altcha.as_str()), None, Some("what is no proof any more")] {
        let answer = retry(again, "k1").await;
        assert_eq!((answer.status, answer.text("id")), (StatusCode::ACCEPTED, first.text("id")), "{answer:?}");
    }
    let other = retry(Some(&altcha), "k2").await;
    assert_eq!((refusal(&other).0, other.text("reason")), (422, "replayed"));
    let reused = ask(&gateway, "other@example.com", None, "192.0.2.1", Some("k1")).await;
    assert_eq!(refusal(&reused), (422, "idempotency-key-reused"));
}

#[tokio::test]
async fn a_refused_request_keeps_its_solution() {
    let world = World::new();
    let gateway =
        world.gateway(&[ALWAYS, CHEAP, ("OTP_LIMIT_RECIPIENT", "1/1h"), PROXY, ("OTP_LIMIT_IP", "3/1h")]).await;
    assert_eq!(
        prove(&gateway, "a@example.com", &solved(&challenge(&gateway).await)).await.status,
        StatusCode::ACCEPTED
    );
    let altcha = solved(&challenge(&gateway).await);
    for _ in 0..3 {
        let refused = prove(&gateway, "a@example.com", &altcha).await;
        assert_eq!(refusal(&refused), (429, "rate-limited"), "{refused:?}");
    }
    let accepted = prove(&gateway, "b@example.com", &altcha).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED, "{accepted:?}");
    assert_eq!(prove(&gateway, "c@example.com", &altcha).await.text("reason"), "replayed");
    // A refused proof takes no place among the network's limits: the third is free.
    assert_eq!(
        prove(&gateway, "d@example.com", &solved(&challenge(&gateway).await)).await.status,
        StatusCode::ACCEPTED
    );
}

#[tokio::test]
async fn a_request_that_the_bus_does_not_take_keeps_its_solution() {
    let mut world = World::new();
    let gateway = world.gateway(&[ALWAYS, CHEAP]).await;
    let altcha = solved(&challenge(&gateway).await);
    world.nats.stop().unwrap();
    let refused = ask(&gateway, "a@example.com", Some(&altcha), "192.0.2.1", Some("k1")).await;
    assert_eq!(refusal(&refused), (503, "unavailable"));
    world.nats.start().unwrap();
    gateway.becomes_ready().await;
    let accepted = prove(&gateway, "b@example.com", &altcha).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED, "{accepted:?}");
}

#[tokio::test]
async fn pressure_asks_for_proof_when_a_network_has_used_more_than_half_and_for_more_the_fuller_it_gets() {
    let world = World::new();
    let gateway = world.gateway(&[PRESSURE, CHEAP, PROXY, ("OTP_LIMIT_IP", "10/1h")]).await;
    for n in 0..6 {
        assert_eq!(
            ask(&gateway, &format!("a{n}@example.com"), None, "192.0.2.1", None).await.status,
            StatusCode::ACCEPTED
        );
    }
    let levels = [(6, 1), (7, 1), (8, 2), (9, 3)];
    let old = solved(&challenge(&gateway).await);
    for (used, level) in levels {
        let email = format!("a{used}@example.com");
        let refused = ask(&gateway, &email, None, "192.0.2.1", None).await;
        assert_eq!(refusal(&refused), (428, "proof-of-work-required"), "{used}: {refused:?}");
        assert_eq!(refused.body["challenge"]["parameters"]["data"]["level"], json!(level), "{used}");
        if level > 1 {
            let easy = ask(&gateway, &email, Some(&old), "192.0.2.1", None).await;
            assert_eq!(easy.text("reason"), "too-easy", "{used}: {easy:?}");
        }
        let altcha = solved(&refused.body["challenge"]);
        let accepted = ask(&gateway, &email, Some(&altcha), "192.0.2.1", None).await;
        assert_eq!(accepted.status, StatusCode::ACCEPTED, "{used}: {accepted:?}");
    }
    // Full is full, whatever is computed; and others are not held up.
    let altcha = solved(&ask(&gateway, "b@example.com", None, "192.0.2.1", None).await.body["challenge"]);
    assert_eq!(refusal(&ask(&gateway, "b@example.com", Some(&altcha), "192.0.2.1", None).await), (429, "rate-limited"));
    assert_eq!(ask(&gateway, "b@example.com", None, "192.0.2.2", None).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn pressure_on_the_application_holds_for_all_its_clients() {
    let world = World::new();
    let gateway = world.gateway(&[PRESSURE, CHEAP, PROXY, ("OTP_LIMIT_APP", "4/1h")]).await;
    for n in 0..3 {
        let from = format!("192.0.2.{n}");
        assert_eq!(ask(&gateway, &format!("a{n}@example.com"), None, &from, None).await.status, StatusCode::ACCEPTED);
    }
    let refused = ask(&gateway, "b@example.com", None, "198.51.100.1", None).await;
    assert_eq!(refusal(&refused), (428, "proof-of-work-required"), "{refused:?}");
    let asked = challenge(&gateway).await;
    assert_eq!(asked["parameters"]["data"]["level"], json!(2), "a widget is given as much as a request needs");
    let accepted = ask(&gateway, "b@example.com", Some(&solved(&asked)), "198.51.100.1", None).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED, "{accepted:?}");
}

#[tokio::test]
async fn without_a_policy_no_proof_is_looked_at() {
    let world = World::new();
    let gateway = world.gateway(&[CHEAP]).await;
    assert_eq!(gateway.create("a@example.com").await.status, StatusCode::ACCEPTED);
    assert_eq!(prove(&gateway, "b@example.com", "nonsense").await.status, StatusCode::ACCEPTED);
    challenge(&gateway).await;
}

#[tokio::test]
async fn without_redis_no_proof_counts() {
    let mut world = World::new();
    let gateway = world.gateway(&[ALWAYS, CHEAP]).await;
    let altcha = solved(&challenge(&gateway).await);
    world.redis.stop().unwrap();
    assert_eq!(refusal(&prove(&gateway, "a@example.com", &altcha).await), (503, "unavailable"));
    world.redis.start().unwrap();
    gateway.becomes_ready().await;
    assert_eq!(prove(&gateway, "a@example.com", &altcha).await.status, StatusCode::ACCEPTED);
}

/// Each application has its own challenges, and its servers decide by themselves.
#[tokio::test]
async fn a_solution_for_one_application_is_none_for_another() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("apps.toml");
    let hash = |key: &str| {
        use sha2::Digest as _;
        format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(key.as_bytes())))
    };
    let keys = [("otp_sk_", "shop"), ("otp_sk_", "forum")].map(|(kind, app)| format!("{kind}{}", app.repeat(11)));
    let text = format!(
        "[apps.shop]\nsecret_keys = [\"{}\"]\nproof_of_work = \"always\"\n[apps.forum]\nsecret_keys = [\"{}\"]\nproof_of_work = \"always\"\n",
        hash(&keys[0]),
        hash(&keys[1])
    );
    std::fs::write(&file, text).unwrap();
    let gateway = world.gateway(&[CHEAP, ("OTP_APPS_FILE", file.to_str().unwrap())]).await;
    let send = async |key: &str, method: Method, path: &str, body: Value| {
        gateway.send(gateway.request(method, path).bearer_auth(key).json(&body)).await
    };
    let asked = send(&keys[0], Method::GET, "/v1/challenge", json!(null)).await.body;
    let body = json!({"email": "a@example.com", "altcha": solved(&asked)});
    let foreign = send(&keys[1], Method::POST, "/v1/verifications", body.clone()).await;
    assert_eq!(foreign.text("reason"), "forged", "{foreign:?}");
    let own = send(&keys[0], Method::POST, "/v1/verifications", body).await;
    assert_eq!(own.status, StatusCode::ACCEPTED, "{own:?}");
    let without = send(&keys[0], Method::POST, "/v1/verifications", json!({"email": "b@example.com"})).await;
    assert_eq!(without.status, StatusCode::ACCEPTED, "{without:?}");
}
