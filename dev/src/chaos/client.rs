//! A client as the contract wants it: it repeats what got no answer, under the same idempotency key.

use std::time::Duration;

use otp_nats::{Timestamp, VerificationId};
use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::time::Instant;

use super::promises::{Promise, Promises};
use crate::accepted::Accepted;

/// A client gives up after so long without a 202.
const PATIENCE: Duration = Duration::from_secs(90);
/// An answer is waited for so long: more than the gateway's own longest hold (3 s) and than most stalls.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Shortest and longest pause before another attempt, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 100..600;

/// What became of a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guessed {
    /// 200.
    Verified,
    /// It was wrong, or the code is over: also by a guess whose answer got lost.
    Refused,
    /// Nobody answered within the client's patience.
    Unknown,
}

/// The gateways as clients reach them.
#[derive(Debug)]
pub(super) struct Gateways {
    client: Client,
    urls: Vec<String>,
}

impl Gateways {
    pub(super) fn new(urls: Vec<String>) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().timeout(ANSWER_WITHIN).build()?;
        Ok(Self { client, urls })
    }

    /// Asks for a verification until it is promised; the promise is noted.
    pub(super) async fn promise(&self, email: &str, promises: &Promises) -> Option<Accepted> {
        let started = Instant::now();
        let body = json!({"email": email});
        while started.elapsed() < PATIENCE {
            let post = self.client.post(format!("{}/v1/verifications", self.any())).header("idempotency-key", email);
            match answer(post.json(&body), promises).await {
                Some((StatusCode::ACCEPTED, body)) => {
                    let Ok(accepted) = serde_json::from_slice::<Accepted>(&body) else {
                        promises.violated(format!("a 202 that can't be read for {email}"));
                        return None;
                    };
                    let promise =
                        Promise { email: email.to_owned(), accepted_at: Timestamp::now(), watched: None, verified: 0 };
                    promises.made(accepted.id, promise, started.elapsed());
                    return Some(accepted);
                }
                Some((StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT, _)) | None => {}
                Some((status, body)) => {
                    promises.violated(format!("{email} was answered {status} {}", String::from_utf8_lossy(&body)));
                    return None;
                }
            }
            pause().await;
        }
        promises.count(|counts| counts.refused += 1);
        None
    }

    /// Guesses until somebody decides. `lost_before` tells whether an earlier answer to a right code may have been lost.
    pub(super) async fn guess(&self, id: &VerificationId, code: &str, promises: &Promises) -> Guessed {
        let started = Instant::now();
        let mut lost = false;
        while started.elapsed() < PATIENCE {
            let post = self.client.post(format!("{}/v1/verifications/{id}/check", self.any()));
            match answer(post.json(&json!({"code": code})), promises).await {
                Some((StatusCode::OK, _)) => {
                    promises.verified(id);
                    return Guessed::Verified;
                }
                Some((StatusCode::UNPROCESSABLE_ENTITY, _)) => return Guessed::Refused,
                // What an earlier answer that got lost has already decided.
                Some((StatusCode::GONE | StatusCode::TOO_MANY_REQUESTS, _)) if lost => return Guessed::Unknown,
                Some((StatusCode::SERVICE_UNAVAILABLE, _)) | None => lost = true,
                Some((status, body)) => {
                    promises.violated(format!("a guess was answered {status} {}", String::from_utf8_lossy(&body)));
                    return Guessed::Unknown;
                }
            }
            pause().await;
        }
        Guessed::Unknown
    }

    fn any(&self) -> &str {
        let at = rand::random_range(0..self.urls.len().max(1));
        self.urls.get(at).map_or("", String::as_str)
    }
}

/// Status and body, or `None` without a whole answer.
async fn answer(request: reqwest::RequestBuilder, promises: &Promises) -> Option<(StatusCode, Vec<u8>)> {
    let answered = async {
        let answer = request.send().await?;
        let status = answer.status();
        Ok::<_, reqwest::Error>((status, answer.bytes().await?.to_vec()))
    };
    let answered = answered.await.ok();
    promises.count(|counts| match &answered {
        Some((StatusCode::SERVICE_UNAVAILABLE, _)) => counts.unavailable += 1,
        None => counts.unanswered += 1,
        Some(_) => {}
    });
    answered
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(rand::random_range(PAUSE_MS))).await;
}
