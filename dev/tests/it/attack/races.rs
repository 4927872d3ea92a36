//! What happens at once, at three gateways that share one Redis: each thing that may happen once happens once.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, join_all};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use serde_json::json;

use super::fleet::{Fleet, rounds};
use crate::support::{Answer, Asked, PATIENCE, VERIFICATIONS, eventually, other_code, send};

/// Rounds of each race in the tests; `OTP_TEST_ROUNDS` asks for more.
const ROUNDS: usize = 12;
/// Requests of one race: more than a gateway has threads, so that some always overtake others.
const CROWD: usize = 24;
/// Guesses that a code has.
const GUESSES: u64 = 5;

fn count() -> usize {
    super::setting("OTP_TEST_ROUNDS", ROUNDS)
}

/// All of both at once, one before the other as it is drawn.
async fn mixed<'a>(
    one: Vec<LocalBoxFuture<'a, Answer>>,
    other: Vec<LocalBoxFuture<'a, Answer>>,
    random: &mut StdRng,
) -> (Vec<Answer>, Vec<Answer>) {
    let tagged =
        |tag: bool| move |request: LocalBoxFuture<'a, Answer>| async move { (tag, request.await) }.boxed_local();
    let mut all: Vec<_> = one.into_iter().map(tagged(true)).chain(other.into_iter().map(tagged(false))).collect();
    all.shuffle(random);
    let (one, other): (Vec<_>, Vec<_>) = join_all(all).await.into_iter().partition(|(tag, _)| *tag);
    let untagged = |answers: Vec<(bool, Answer)>| answers.into_iter().map(|(_, answer)| answer).collect();
    (untagged(one), untagged(other))
}

fn with(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test]
async fn the_right_code_from_everywhere_is_right_once() {
    let fleet = Fleet::start(&[]).await;
    rounds("right codes", count(), async |number, mut random| {
        let (asked, code) = fleet.verification(&format!("right{number}@race.test"), &mut random).await;
        let checks = (0..CROWD).map(|_| fleet.any(&mut random).check(&asked.id, &code));
        let answers = join_all(checks.collect::<Vec<_>>()).await;
        assert_eq!(with(&answers, 200), 1, "round {number}");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.problem(410, "already-used");
        }
        let told = fleet.told(&asked, &["verified"]).await;
        assert_eq!(told.iter().filter(|name| *name == "verified").count(), 1, "{told:?}");
    })
    .await;
    fleet.end().await;
}

/// One who guesses without a pause: what each answer said was left, and the answers that are no guess.
async fn guesser(fleet: &Fleet, id: &str, guesses: &[String], mut random: StdRng) -> Vec<Answer> {
    let mut answers = Vec::new();
    for guess in guesses {
        answers.push(fleet.any(&mut random).check(id, guess).await);
    }
    let left: Vec<u64> = answers.iter().filter_map(|answer| answer.body["attempts_left"].as_u64()).collect();
    assert!(left.is_sorted_by(|one, next| one >= next), "guesses came back: {left:?}");
    answers
}

#[tokio::test]
async fn no_crowd_has_more_guesses_than_one() {
    let fleet = Fleet::start(&[]).await;
    rounds("wrong codes", count(), async |number, mut random| {
        let (asked, code) = fleet.verification(&format!("wrong{number}@race.test"), &mut random).await;
        let wrong = other_code(&code);
        // In every other round somebody knows the code, and comes in at some point.
        let knows = (number % 2 == 1).then(|| random.random_range(0..CROWD));
        let guessers = (0..CROWD).map(|guesser_number| {
            let guess = if knows == Some(guesser_number) { &code } else { &wrong };
            let guesses = vec![guess.clone(), wrong.clone(), wrong.clone()];
            let (fleet, asked, random) = (&fleet, &asked, random.fork());
            async move { guesser(fleet, &asked.id, &guesses, random).await }
        });
        let answers: Vec<Answer> = join_all(guessers.collect::<Vec<_>>()).await.into_iter().flatten().collect();
        let (wrong_ones, right_ones) = (with(&answers, 422), with(&answers, 200));
        assert!(wrong_ones as u64 <= GUESSES && right_ones <= 1, "{wrong_ones} wrong, {right_ones} right");
        assert!(right_ones == 1 || wrong_ones as u64 == GUESSES, "{wrong_ones} wrong ones count, none is right");
        let left: HashSet<u64> = answers
            .iter()
            .filter(|answer| answer.status == 422)
            .filter_map(|answer| answer.body["attempts_left"].as_u64())
            .collect();
        assert_eq!(left.len(), wrong_ones, "no guess is counted as another: {left:?}");
        assert_eq!(wrong_ones + right_ones + with(&answers, 410) + with(&answers, 429), answers.len());
        // It stays over, even for who knows the code.
        assert!([410, 429].contains(&fleet.any(&mut random).check(&asked.id, &code).await.status));
        let told = fleet.told(&asked, &["verified", "locked"]).await;
        let compared = told.iter().filter(|name| ["rejected", "locked", "verified"].contains(&name.as_str())).count();
        assert!(compared <= wrong_ones + right_ones, "{told:?} for {wrong_ones} wrong, {right_ones} right");
    })
    .await;
    fleet.end().await;
}

#[tokio::test]
async fn resends_at_once_are_one_mail_in_the_cooldown() {
    /// Longer than a crowd takes, so that one crowd meets one cooldown.
    const COOLDOWN: Duration = Duration::from_secs(4);
    let fleet = Fleet::start(&[("OTP_RESEND_COOLDOWN", "4s")]).await;
    rounds("resends", count(), async |number, mut random| {
        let address = format!("resend{number}@race.test");
        let (asked, _code) = fleet.verification(&address, &mut random).await;
        let (mut sent, deadline) = (0, Instant::now() + PATIENCE);
        while sent == 0 {
            assert!(Instant::now() < deadline, "no resend is let through");
            let started = Instant::now();
            let resends: Vec<_> = (0..CROWD).map(|_| fleet.any(&mut random).resend(&asked.id)).collect();
            let answers = join_all(resends).await;
            sent = with(&answers, 202);
            assert!(sent <= 1 || started.elapsed() > COOLDOWN, "{sent} resends at once in round {number}");
            for answer in answers.iter().filter(|answer| answer.status != 202) {
                assert_eq!(answer.problem(429, "rate-limited").policies(), ["cooldown"]);
            }
        }
        let inbox = fleet.system.inbox();
        eventually("the second mail", async || (inbox.to(&address).await.len() > sent).then_some(())).await;
        after_all_others(&fleet, &format!("resend-marker{number}@race.test"), &mut random).await;
        assert_eq!(inbox.to(&address).await.len(), 1 + sent, "a mail for each that was let through");
    })
    .await;
    fleet.end().await;
}

/// Waits for a mail that was asked for after all others: what comes later than it was not under way before.
async fn after_all_others(fleet: &Fleet, address: &str, random: &mut StdRng) {
    let (asked, _code) = fleet.verification(address, random).await;
    fleet.told(&asked, &["sent"]).await;
}

#[tokio::test]
async fn what_is_canceled_is_not_verified_as_well() {
    let fleet = Fleet::start(&[]).await;
    let verified = std::cell::Cell::new(0);
    rounds("cancel and check", count(), async |number, mut random| {
        let (asked, code) = fleet.verification(&format!("cancel{number}@race.test"), &mut random).await;
        let cancels = (0..4).map(|_| fleet.any(&mut random).cancel(&asked.id, Some(&asked.ticket)).boxed_local());
        let cancels: Vec<_> = cancels.collect();
        let checks = (0..4).map(|_| fleet.any(&mut random).check(&asked.id, &code).boxed_local()).collect();
        let (canceled, checked) = mixed(cancels, checks, &mut random).await;
        assert_eq!(with(&canceled, 204), canceled.len(), "canceling is allowed at any time");
        let right = with(&checked, 200);
        assert!(right <= 1, "{right} right ones");
        let slug = if right == 1 { "already-used" } else { "canceled" };
        for answer in checked.iter().filter(|answer| answer.status != 200) {
            answer.problem(410, slug);
        }
        let told = fleet.told(&asked, &["verified", "canceled"]).await;
        let ends: Vec<&String> = told.iter().filter(|name| ["verified", "canceled"].contains(&name.as_str())).collect();
        assert_eq!(ends, [if right == 1 { "verified" } else { "canceled" }], "round {number}");
        verified.set(verified.get() + right);
    })
    .await;
    println!("{} of {} were verified before they were canceled", verified.get(), count());
    fleet.end().await;
}

#[tokio::test]
async fn what_is_superseded_is_not_verified_as_well() {
    let fleet = Fleet::start(&[("OTP_DNS_POLICY", "off")]).await;
    let verified = std::cell::Cell::new(0);
    rounds("supersede and check", count(), async |number, mut random| {
        let address = format!("newer{number}@race.test");
        let (asked, code) = fleet.verification(&address, &mut random).await;
        let body = json!({"email": address});
        let newer: Vec<_> = (0..6).map(|_| fleet.any(&mut random).ask(&body).boxed_local()).collect();
        let checks = (0..2).map(|_| fleet.any(&mut random).check(&asked.id, &code).boxed_local()).collect();
        let (newer, checked) = mixed(newer, checks, &mut random).await;
        let newer: Vec<Asked> = newer.iter().map(Answer::accepted).collect();
        let right = with(&checked, 200);
        assert!(right <= 1, "{right} right ones");
        let slug = if right == 1 { "already-used" } else { "superseded" };
        for answer in checked.iter().filter(|answer| answer.status != 200) {
            answer.problem(410, slug);
        }
        let told = fleet.told(&asked, &["verified", "superseded"]).await;
        let ends: Vec<&String> =
            told.iter().filter(|name| ["verified", "superseded"].contains(&name.as_str())).collect();
        assert_eq!(ends, [slug_event(right)], "round {number}");
        // Of the newer ones exactly one lives: the others are superseded in their turn.
        let wrong = join_all(newer.iter().map(|asked| fleet_check(&fleet, &asked.id))).await;
        assert_eq!((with(&wrong, 422), with(&wrong, 410)), (1, newer.len() - 1), "round {number}");
        verified.set(verified.get() + right);
    })
    .await;
    println!("{} of {} were verified before they were superseded", verified.get(), count());
    fleet.end().await;
}

const fn slug_event(right: usize) -> &'static str {
    if right == 1 { "verified" } else { "superseded" }
}

/// A guess that is no code at all: wrong while the verification lives.
async fn fleet_check(fleet: &Fleet, id: &str) -> Answer {
    fleet.system.api().check(id, "none").await
}

#[tokio::test]
async fn one_idempotency_key_is_one_verification_and_one_mail() {
    let fleet = Fleet::start(&[]).await;
    rounds("idempotent requests", count(), async |number, mut random| {
        let address = format!("once{number}@race.test");
        let (body, key) = (json!({"email": address}), format!("key-{number}-{}", random.random::<u64>()));
        let ask = |api: &crate::support::Api| {
            send(api.request(Method::POST, VERIFICATIONS).json(&body).header("idempotency-key", &key))
        };
        let asking: Vec<_> = (0..CROWD).map(|_| ask(fleet.any(&mut random))).collect();
        let mut answers = join_all(asking).await;
        assert!(with(&answers, 202) >= 1, "nobody was first in round {number}");
        // Who came while the first was under way asks again.
        for _ in 0..with(&answers, 409) {
            let again = eventually("the first to be done", async || {
                let answer = ask(fleet.any(&mut random)).await;
                (answer.status != 409).then_some(answer)
            })
            .await;
            answers.push(again);
        }
        let ids: HashSet<String> =
            answers.iter().filter(|answer| answer.status != 409).map(|answer| answer.accepted().id).collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
        after_all_others(&fleet, &format!("once-marker{number}@race.test"), &mut random).await;
        let inbox = fleet.system.inbox();
        inbox.wait_for(&address).await;
        assert_eq!(inbox.to(&address).await.len(), 1, "round {number}");
    })
    .await;
    fleet.end().await;
}
