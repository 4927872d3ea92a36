//! One problem of each kind, for the description and for tests.

use std::time::Duration;

use super::Problem;
use crate::altcha::{Challenge, Refusal};
use crate::email::InvalidEmail;
use crate::limits::{Limit, Violation};

/// One of each kind. A test of the running system fails on one that is missing here.
pub fn examples() -> Vec<Problem> {
    let limit = Limit { count: 5, period: Duration::from_secs(3600) };
    let mut examples = vec![
        Problem::MalformedRequest("line 1 column 2".into()),
        Problem::UnsupportedMediaType,
        Problem::PayloadTooLarge,
        Problem::RequestTimeout,
        Problem::InvalidEmail(InvalidEmail::BadDomain),
        Problem::UndeliverableDomain,
        Problem::DisposableDomain,
        Problem::RateLimited(vec![
            Violation::of("recipient", limit, Duration::from_millis(1500)),
            Violation::of(
                "recipient",
                Limit { count: 12, period: Duration::from_secs(86_400) },
                Duration::from_secs(9),
            ),
        ]),
        Problem::IncorrectCode { attempts_left: 4 },
        Problem::AttemptsExhausted { retry_after: Duration::from_secs(30) },
        Problem::Expired,
        Problem::AlreadyUsed,
        Problem::Canceled,
        Problem::Superseded,
        Problem::NotFound,
        Problem::MethodNotAllowed,
        Problem::Unauthorized,
        Problem::OriginNotAllowed,
        Problem::InvalidIdempotencyKey,
        Problem::IdempotencyKeyReused,
        Problem::IdempotencyConflict { retry_after: Duration::from_secs(2) },
        Problem::InvalidReport,
        Problem::Unavailable,
        Problem::Internal,
    ];
    if let Some(challenge) = challenge() {
        let refusal = Refusal::TooEasy;
        examples.push(Problem::ProofOfWorkRequired { challenge: challenge.clone() });
        examples.push(Problem::InvalidProofOfWork { refusal, challenge });
    }
    examples
}

/// The challenge that the web client's tests read.
fn challenge() -> Option<Box<Challenge>> {
    let mut golden: serde_json::Value = serde_json::from_str(include_str!("../../golden/altcha.json")).ok()?;
    serde_json::from_value(golden["challenge"].take()).ok()
}
