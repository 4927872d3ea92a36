//! Errors as clients see them: problem details (RFC 9457).

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::altcha::{Challenge, Refusal};
use crate::email::InvalidEmail;
use crate::limits::Violation;

/// What went wrong, as far as the client is concerned. A 5xx never shows its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The body is no JSON of the expected shape. The text says where, without repeating it.
    MalformedRequest(String),
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// The body is over 16 KiB.
    PayloadTooLarge,
    /// The body did not come in time.
    RequestTimeout,
    /// The address cannot be one.
    InvalidEmail(InvalidEmail),
    /// The domain takes no mail.
    UndeliverableDomain,
    /// Mailboxes of the domain are thrown away after use.
    DisposableDomain,
    /// The request has to bring proof of work.
    ProofOfWorkRequired {
        /// What to solve.
        challenge: Box<Challenge>,
    },
    /// The proof of work does not count.
    InvalidProofOfWork {
        /// Why.
        refusal: Refusal,
        /// What to solve instead.
        challenge: Box<Challenge>,
    },
    /// A limit refuses; the first is the one to wait longest for.
    RateLimited(Vec<Violation>),
    /// The code is wrong.
    IncorrectCode {
        /// Guesses left.
        attempts_left: u32,
    },
    /// No guesses left, for this verification or for the recipient today.
    AttemptsExhausted {
        /// How long until a new verification can be asked for, or guessed at.
        retry_after: Duration,
    },
    /// The verification's time is over.
    Expired,
    /// The verification was completed before.
    AlreadyUsed,
    /// The verification was canceled.
    Canceled,
    /// A newer verification took its place.
    Superseded,
    /// No such verification, page or method of it.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed,
    /// No ticket or key, or not this verification's.
    Unauthorized,
    /// The key works from other origins only.
    OriginNotAllowed,
    /// The header `Idempotency-Key` is not 1 to 255 printable characters.
    InvalidIdempotencyKey,
    /// The idempotency key was used with another body.
    IdempotencyKeyReused,
    /// A request with this idempotency key is under way.
    IdempotencyConflict {
        /// When to try again.
        retry_after: Duration,
    },
    /// The token of a report is none of ours.
    InvalidReport,
    /// Something that the gateway needs is away. Nothing was promised.
    Unavailable,
    /// A defect.
    Internal,
}

impl Problem {
    /// The last part of the problem's `type`, stable.
    pub const fn slug(&self) -> &'static str {
        match self {
            Self::MalformedRequest(_) => "malformed-request",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::PayloadTooLarge => "payload-too-large",
            Self::RequestTimeout => "request-timeout",
            Self::InvalidEmail(_) => "invalid-email",
            Self::UndeliverableDomain => "undeliverable-domain",
            Self::DisposableDomain => "disposable-domain",
            Self::ProofOfWorkRequired { .. } => "proof-of-work-required",
            Self::InvalidProofOfWork { .. } => "invalid-proof-of-work",
            Self::RateLimited(_) => "rate-limited",
            Self::IncorrectCode { .. } => "incorrect-code",
            Self::AttemptsExhausted { .. } => "attempts-exhausted",
            Self::Expired => "expired",
            Self::AlreadyUsed => "already-used",
            Self::Canceled => "canceled",
            Self::Superseded => "superseded",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Unauthorized => "unauthorized",
            Self::OriginNotAllowed => "origin-not-allowed",
            Self::InvalidIdempotencyKey => "invalid-idempotency-key",
            Self::IdempotencyKeyReused => "idempotency-key-reused",
            Self::IdempotencyConflict { .. } => "idempotency-conflict",
            Self::InvalidReport => "invalid-report",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal-error",
        }
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::MalformedRequest(_) | Self::InvalidIdempotencyKey => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::OriginNotAllowed => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::IdempotencyConflict { .. } => StatusCode::CONFLICT,
            Self::Expired | Self::AlreadyUsed | Self::Canceled | Self::Superseded => StatusCode::GONE,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidEmail(_)
            | Self::UndeliverableDomain
            | Self::DisposableDomain
            | Self::InvalidProofOfWork { .. }
            | Self::IncorrectCode { .. }
            | Self::IdempotencyKeyReused
            | Self::InvalidReport => StatusCode::UNPROCESSABLE_ENTITY,
            Self::ProofOfWorkRequired { .. } => StatusCode::PRECONDITION_REQUIRED,
            Self::RateLimited(_) | Self::AttemptsExhausted { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the problem is, in a few words that do not change.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::MalformedRequest(_) => "The request is malformed",
            Self::UnsupportedMediaType => "The body must be application/json",
            Self::PayloadTooLarge => "The body is too large",
            Self::RequestTimeout => "The body did not arrive in time",
            Self::InvalidEmail(_) => "This is not an e-mail address",
            Self::UndeliverableDomain => "This domain does not take mail",
            Self::DisposableDomain => "Mailboxes of this domain are thrown away after use",
            Self::ProofOfWorkRequired { .. } => "The request needs a proof of work",
            Self::InvalidProofOfWork { .. } => "The proof of work does not count",
            Self::RateLimited(_) => "Too many requests",
            Self::IncorrectCode { .. } => "The code is wrong",
            Self::AttemptsExhausted { .. } => "Too many wrong codes",
            Self::Expired => "The code has expired",
            Self::AlreadyUsed => "The code was used before",
            Self::Canceled => "The verification was canceled",
            Self::Superseded => "A newer code was asked for",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::Unauthorized => "This needs the verification's ticket or an application's key",
            Self::OriginNotAllowed => "The key does not work from this origin",
            Self::InvalidIdempotencyKey => "The Idempotency-Key is malformed",
            Self::IdempotencyKeyReused => "The Idempotency-Key was used with another request",
            Self::IdempotencyConflict { .. } => "The same request is still under way",
            Self::InvalidReport => "The link to report a code is incomplete or not one of ours",
            Self::Unavailable => "The service is unavailable for the moment",
            Self::Internal => "Something went wrong here",
        }
    }

    /// Seconds to wait, for the problems that carry `Retry-After`.
    pub fn retry_after_secs(&self) -> Option<u64> {
        let rounded = |wait: &Duration| u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
        match self {
            Self::RateLimited(violations) => {
                Some(violations.iter().map(Violation::retry_after_secs).max().unwrap_or(1))
            }
            Self::AttemptsExhausted { retry_after } | Self::IdempotencyConflict { retry_after } => {
                Some(rounded(retry_after))
            }
            Self::Unavailable => Some(1),
            _ => None,
        }
    }

    /// The problem as JSON.
    pub fn to_json(&self) -> Value {
        let mut members = Map::new();
        members.insert("type".into(), json!(format!("/problems/{}", self.slug())));
        members.insert("title".into(), json!(self.title()));
        members.insert("status".into(), json!(self.status().as_u16()));
        match self {
            Self::MalformedRequest(detail) => {
                members.insert("detail".into(), json!(detail));
            }
            Self::InvalidEmail(reason) => {
                members.insert("detail".into(), json!(reason.to_string()));
            }
            Self::ProofOfWorkRequired { challenge } => {
                members.insert("challenge".into(), json!(challenge));
            }
            Self::InvalidProofOfWork { refusal, challenge } => {
                members.insert("reason".into(), json!(refusal.as_str()));
                members.insert("challenge".into(), json!(challenge));
            }
            Self::IncorrectCode { attempts_left } => {
                members.insert("attempts_left".into(), json!(attempts_left));
            }
            Self::AttemptsExhausted { .. } => {
                members.insert("attempts_left".into(), json!(0));
                members.insert("violated-policies".into(), json!(["guesses"]));
            }
            Self::RateLimited(violations) => {
                let policies: Vec<&str> = violations.iter().map(|violation| violation.policy.as_str()).collect();
                members.insert("violated-policies".into(), json!(policies));
            }
            _ => {}
        }
        if let Some(seconds) = self.retry_after_secs() {
            members.insert("retry_after".into(), json!(seconds));
        }
        Value::Object(members)
    }

    /// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10) of a 429.
    fn rate_limit_headers(&self) -> Option<(String, String)> {
        match self {
            Self::RateLimited(violations) => {
                let limit = |v: &Violation| format!("\"{}\";r=0;t={}", v.policy, v.retry_after_secs());
                let policy = |v: &Violation| format!("\"{}\";q={};w={}", v.policy, v.quota, v.window.as_secs().max(1));
                let join =
                    |part: &dyn Fn(&Violation) -> String| violations.iter().map(part).collect::<Vec<_>>().join(", ");
                Some((join(&limit), join(&policy)))
            }
            Self::AttemptsExhausted { .. } => {
                let seconds = self.retry_after_secs().unwrap_or(1);
                Some((format!("\"guesses\";r=0;t={seconds}"), "\"guesses\";q=1".to_owned()))
            }
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json().to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_secs() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some((limit, policy)) = self.rate_limit_headers() {
            let named = [("ratelimit", limit), ("ratelimit-policy", policy)];
            for (name, value) in named {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    headers.insert(HeaderName::from_static(name), value);
                }
            }
        }
        if self == Self::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // The last layer counts outcomes by this, without parsing the body.
        response.extensions_mut().insert(ProblemSlug(self.slug()));
        response
    }
}

/// The slug of the problem that a response carries.
#[derive(Debug, Clone, Copy)]
pub struct ProblemSlug(pub &'static str);

mod examples;

pub use examples::examples;

#[cfg(test)]
mod tests;
