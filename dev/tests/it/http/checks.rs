//! Entering codes: right, wrong, again, too often, and all at once.

use futures_util::future::join_all;
use serde_json::json;

use super::unlimited_system;
use crate::support::{Answer, Api, System, VERIFICATIONS, other_code, send};

/// How a person may write a code.
type Written = fn(&str) -> String;

/// Guesses that come at the same time.
const AT_ONCE: usize = 40;

/// Asks for a verification: its id and its code.
async fn id_and_code(system: &System, address: &str) -> (String, String) {
    let asked = system.api().accepted(address).await;
    (asked.id, system.inbox().code_for(address).await)
}

async fn all_at_once(api: &Api, id: &str, codes: impl Iterator<Item = &str>) -> Vec<Answer> {
    join_all(codes.map(|code| api.check(id, code))).await
}

#[tokio::test]
async fn the_right_code_is_right_once() {
    let system = unlimited_system().await;
    let api = system.api();
    let (id, code) = id_and_code(&system, "once@checks.test").await;
    let verified = api.check(&id, &code).await;
    assert_eq!((verified.status, &verified.body["status"]), (200, &json!("verified")), "{}", verified.text);
    assert_eq!(verified.body["id"], id);
    assert!(verified.body["verified_at"].is_string() && verified.body["token"].is_string(), "{}", verified.text);
    assert_eq!(verified.header("cache-control"), Some("no-store"));
    api.check(&id, &code).await.problem(410, "already-used");
    api.check(&id, &other_code(&code)).await.problem(410, "already-used");
    api.resend(&id).await.problem(410, "already-used");

    let written: [(&str, Written); 4] = [
        ("spaced@checks.test", |code| format!(" {} ", halves(code, " "))),
        ("hyphened@checks.test", |code| halves(code, "-")),
        ("full-width@checks.test", |code| in_script(code, '\u{ff10}')),
        ("arabic@checks.test", |code| in_script(code, '\u{0660}')),
    ];
    for (address, write) in written {
        let (id, code) = id_and_code(&system, address).await;
        let answer = api.check(&id, &write(&code)).await;
        assert_eq!(answer.status, 200, "{address}: {}", answer.text);
    }
    system.stack.stop().await;
}

fn halves(code: &str, between: &str) -> String {
    let (one, other) = code.split_at(code.len() / 2);
    format!("{one}{between}{other}")
}

/// The same digits in the script whose zero this is.
fn in_script(code: &str, zero: char) -> String {
    code.bytes().filter_map(|byte| char::from_u32(u32::from(zero) + u32::from(byte - b'0'))).collect()
}

#[tokio::test]
async fn wrong_codes_are_counted_and_the_fifth_guess_counts_if_right() {
    let system = unlimited_system().await;
    let api = system.api();
    let (id, code) = id_and_code(&system, "fifth@checks.test").await;
    for left in [4, 3, 2, 1] {
        let answer = api.check(&id, &other_code(&code)).await;
        assert_eq!(answer.problem(422, "incorrect-code").body["attempts_left"], left);
        assert!(!answer.text.contains(&code) && !answer.text.contains(&other_code(&code)), "{}", answer.text);
    }
    assert_eq!(api.check(&id, &code).await.status, 200);

    let (id, code) = id_and_code(&system, "sixth@checks.test").await;
    for guess in ["", "x", "12345", "1234567", &other_code(&code)] {
        api.check(&id, guess).await.problem(422, "incorrect-code");
    }
    for guess in [&code, &other_code(&code)] {
        let answer = api.check(&id, guess).await;
        assert_eq!(answer.problem(429, "attempts-exhausted").body["attempts_left"], 0);
    }
    api.resend(&id).await.problem(429, "attempts-exhausted");
    system.stack.stop().await;
}

#[tokio::test]
async fn many_right_codes_at_once_are_right_once() {
    let system = unlimited_system().await;
    let (id, code) = id_and_code(&system, "race@checks.test").await;
    let answers = all_at_once(&system.api(), &id, std::iter::repeat_n(code.as_str(), AT_ONCE)).await;
    let (right, rest): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((right.len(), rest.len()), (1, AT_ONCE - 1));
    for answer in rest {
        answer.problem(410, "already-used");
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn guesses_at_once_are_no_more_than_guesses_one_by_one() {
    let system = unlimited_system().await;
    let api = system.api();
    let (id, code) = id_and_code(&system, "flood@checks.test").await;
    let wrong = other_code(&code);
    let answers = all_at_once(&api, &id, std::iter::repeat_n(wrong.as_str(), AT_ONCE)).await;
    let (counted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 422);
    let mut left: Vec<u64> =
        counted.iter().map(|answer| answer.body["attempts_left"].as_u64().expect("left")).collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4], "each guess is counted once");
    for answer in refused {
        answer.problem(429, "attempts-exhausted");
    }
    api.check(&id, &code).await.problem(429, "attempts-exhausted");

    // The right one among many wrong ones: whatever comes first, it is right at most once and never after the fifth.
    let (id, code) = id_and_code(&system, "mixed@checks.test").await;
    let wrong = other_code(&code);
    let mixed = (0..AT_ONCE).map(|n| if n % 4 == 0 { code.as_str() } else { wrong.as_str() });
    let answers = all_at_once(&api, &id, mixed).await;
    let with = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert!(with(200) <= 1 && with(422) <= 5 && with(200) + with(422) >= 1, "{} {}", with(200), with(422));
    assert_eq!(with(200) + with(422) + with(410) + with(429), AT_ONCE);
    system.stack.stop().await;
}

#[tokio::test]
async fn wrong_guesses_are_limited_across_codes() {
    let system = unlimited_system().await;
    let api = system.api();
    let address = "persistent@checks.test";
    for _ in 0..3 {
        let (id, code) = fresh_code(&system, address).await;
        for _ in 0..5 {
            api.check(&id, &other_code(&code)).await.problem(422, "incorrect-code");
        }
    }
    // Fifteen wrong ones today: not even the right one counts now.
    let again = api.ask(&json!({"email": address})).await;
    if again.status == 202 {
        let id = again.accepted().id;
        let code = newest_code(&system, address, 4).await;
        let answer = api.check(&id, &code).await;
        assert!(answer.problem(429, "attempts-exhausted").retry_after_s() > 3_600, "{}", answer.text);
    } else {
        assert!(again.problem(429, "rate-limited").retry_after_s() > 3_600, "{}", again.text);
    }
    let (id, code) = id_and_code(&system, "another@checks.test").await;
    assert_eq!(api.check(&id, &code).await.status, 200, "another recipient is not affected");
    system.stack.stop().await;
}

/// Asks once more for an address that has had mail: the new id and code.
async fn fresh_code(system: &System, address: &str) -> (String, String) {
    let had = system.inbox().to(address).await.len();
    let id = system.api().accepted(address).await.id;
    (id, newest_code(system, address, had + 1).await)
}

/// The code in the newest mail once there are so many.
async fn newest_code(system: &System, address: &str, mails: usize) -> String {
    crate::support::eventually("the next mail", async || {
        (system.inbox().to(address).await.len() >= mails).then_some(())
    })
    .await;
    system.inbox().code_for(address).await
}

#[tokio::test]
async fn ids_that_were_never_given_are_not_found() {
    let system = unlimited_system().await;
    let api = system.api();
    let asked = api.accepted("known@checks.test").await;
    let mut mangled = asked.id.clone();
    let last = mangled.pop().expect("a letter");
    mangled.push(if last == 'a' { 'b' } else { 'a' });
    let never = ["x", "%00", "a%2Fb", "otp.sent.%3E", &"a".repeat(40), &"a".repeat(4_000), &mangled];
    for id in never {
        api.check(id, "123456").await.problem(404, "not-found");
        api.resend(id).await.problem(404, "not-found");
        for answer in [api.read(id, Some(&asked.ticket)).await, api.cancel(id, Some(&asked.ticket)).await] {
            assert!([401, 404].contains(&answer.status), "{id}: {} {}", answer.status, answer.text);
        }
    }
    let upper = asked.id.to_uppercase();
    send(api.request(reqwest::Method::GET, &format!("{VERIFICATIONS}/{upper}"))).await.problem(404, "not-found");
    system.stack.stop().await;
}
