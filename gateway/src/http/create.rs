//! `POST /v1/verifications`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode, header};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::access::Asker;
use super::language::{self, is_tag};
use super::{Caller, Gateway, body};
use crate::email::EmailAddress;
use crate::problem::Problem;
use crate::verification::{Accepted, IdempotencyKey, NewVerification};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest purpose in characters.
const MAX_PURPOSE: usize = 64;
/// Largest metadata as JSON text in bytes: it stands in the proof, which travels in headers.
const MAX_METADATA: usize = 2048;

/// A request for a verification.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewVerification")]
pub(crate) struct Body {
    /// The address (RFC 5321, RFC 6531).
    #[schemars(with = "String", extend("format" = "idn-email"))]
    email: SecretString,
    /// What it is for. A new request supersedes the older one of the same recipient and purpose.
    #[schemars(length(min = 1, max = MAX_PURPOSE), regex(pattern = "^[A-Za-z0-9._:-]+$"))]
    purpose: Option<String>,
    /// The mail's language, a BCP 47 tag; where it has none, the next of `Accept-Language`.
    #[schemars(length(max = language::MAX_TAG), regex(pattern = "^[A-Za-z0-9-]*$"))]
    locale: Option<String>,
    /// Stands in the proof: 2,048 bytes of JSON at most.
    metadata: Option<Map<String, Value>>,
    /// Proof of work, where the application asks for it: the payload of an ALTCHA widget.
    altcha: Option<String>,
}

/// What is asked for, parsed.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) email: EmailAddress,
    pub(super) purpose: Option<String>,
    pub(super) locale: Option<String>,
    pub(super) metadata: Option<Value>,
    pub(super) altcha: Option<String>,
}

impl TryFrom<Body> for Wanted {
    type Error = Problem;

    fn try_from(body: Body) -> Result<Self, Problem> {
        Ok(Self {
            email: EmailAddress::parse(body.email.expose_secret()).map_err(Problem::InvalidEmail)?,
            purpose: body.purpose.map(purpose).transpose()?,
            locale: body.locale.map(locale).transpose()?,
            metadata: body.metadata.map(metadata).transpose()?,
            altcha: body.altcha,
        })
    }
}

/// Reads a body's bytes.
///
/// # Errors
/// The problem that the client is told.
pub(super) fn wanted(bytes: &[u8]) -> Result<Wanted, Problem> {
    body::parse::<Body>(bytes)?.try_into()
}

pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let Asker { app, client, is_server } = gateway.asker(request.headers(), caller)?;
    let key =
        request.headers().get(IDEMPOTENCY_KEY).map(|value| IdempotencyKey::parse(value.as_bytes())).transpose()?;
    let place = gateway.place(request.headers(), caller, is_server);
    let accepted = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let accepted = accepted.map(str::to_owned);
    let Wanted { email, purpose, locale, metadata, altcha } = body::read::<Body>(request).await?.try_into()?;
    let new = NewVerification {
        email,
        purpose,
        locale: language::wished(locale.as_deref(), accepted.as_deref(), &app.locale),
        metadata,
        altcha,
        client,
        place,
        is_server,
        flood: caller.flood,
        app,
        trace: caller.trace,
    };
    gateway.verifications.create(&new, key.as_ref()).await.map(|accepted| accepted_answer(&accepted))
}

/// The answer 202 with the place to ask.
pub(super) fn accepted_answer(accepted: &Accepted) -> Response {
    let location = ["/v1/verifications/", accepted.id.as_str()].concat();
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], body::answer(accepted)).into_response()
}

fn purpose(text: String) -> Result<String, Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    let fits = (1..=MAX_PURPOSE).contains(&text.len()) && text.bytes().all(plain);
    fits.then_some(text).ok_or_else(|| malformed("purpose must have 1 to 64 of letters, digits, . _ : -"))
}

fn locale(text: String) -> Result<String, Problem> {
    is_tag(&text).then_some(text).ok_or_else(|| malformed("locale must be a language tag"))
}

fn metadata(members: Map<String, Value>) -> Result<Value, Problem> {
    let value = Value::Object(members);
    let fits = value.to_string().len() <= MAX_METADATA;
    fits.then_some(value).ok_or_else(|| malformed("metadata must have 2048 bytes at most"))
}

fn malformed(why: &str) -> Problem {
    Problem::MalformedRequest(why.to_owned())
}
