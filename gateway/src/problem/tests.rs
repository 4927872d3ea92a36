use std::fmt::Write as _;

use super::*;
use crate::limits::Limit;

fn every_variant() -> Vec<Problem> {
    let limit = Limit { count: 5, period: Duration::from_secs(3600) };
    vec![
        Problem::MalformedRequest("line 1 column 2".into()),
        Problem::UnsupportedMediaType,
        Problem::PayloadTooLarge,
        Problem::RequestTimeout,
        Problem::InvalidEmail(InvalidEmail::BadDomain),
        Problem::UndeliverableDomain,
        Problem::DisposableDomain,
        Problem::ProofOfWorkRequired { challenge: golden() },
        Problem::InvalidProofOfWork { refusal: Refusal::TooEasy, challenge: golden() },
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
        Problem::Unavailable,
        Problem::Internal,
    ]
}

/// The challenge that the web client's tests read.
fn golden() -> Box<Challenge> {
    let golden: Value = serde_json::from_str(include_str!("../../golden/altcha.json")).unwrap();
    serde_json::from_value(golden["challenge"].clone()).unwrap()
}

#[test]
fn every_problem_reads_as_its_snapshot() {
    let mut text = String::new();
    for problem in every_variant() {
        let response = problem.clone().into_response();
        writeln!(text, "{}", response.status()).unwrap();
        for name in ["content-type", "retry-after", "ratelimit", "ratelimit-policy", "www-authenticate"] {
            if let Some(value) = response.headers().get(name) {
                writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        write!(text, "{}\n\n", serde_json::to_string_pretty(&problem.to_json()).unwrap()).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn slugs_differ_and_waits_are_said() {
    let mut slugs = std::collections::HashSet::new();
    for problem in every_variant() {
        assert!(slugs.insert(problem.slug()), "{} twice", problem.slug());
        if matches!(problem.status().as_u16(), 429 | 503) {
            assert!(problem.retry_after_secs().is_some_and(|seconds| seconds >= 1), "{}", problem.slug());
        }
    }
}
