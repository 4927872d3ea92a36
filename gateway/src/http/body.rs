//! JSON bodies: bounded in size and time, of exactly the expected shape.

use std::error::Error as _;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::problem::Problem;

/// Largest body in bytes: an address, a purpose and 2 KiB of metadata fit many times.
const MAX_BODY: usize = 16 * 1024;
/// A body that size has arrived by then on any line that a person would use.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// What is said of JSON that is not the contract.
const WRONG_MEMBER: &str = "a member that is unknown, missing or of the wrong type";

/// Reads a JSON body.
///
/// # Errors
/// The problem that the client is told.
pub(super) async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    if !is_json(request.headers().get(header::CONTENT_TYPE)) {
        return Err(Problem::UnsupportedMediaType);
    }
    let body = axum::body::to_bytes(request.into_body(), MAX_BODY);
    let bytes = match tokio::time::timeout(BODY_WITHIN, body).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) if is_broken(&error) => {
            return Err(Problem::MalformedRequest("a body that breaks off".to_owned()));
        }
        Ok(Err(_)) => return Err(Problem::PayloadTooLarge),
        Err(_elapsed) => return Err(Problem::RequestTimeout),
    };
    parse(&bytes)
}

/// What a body says.
///
/// # Errors
/// [`Problem::MalformedRequest`]
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let parsed = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
    // serde also takes the values of all members in a list, which nobody was promised.
    let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
    is_object.then_some(parsed).ok_or_else(|| Problem::MalformedRequest(format!("{WRONG_MEMBER}, at line 1 column 1")))
}

/// Whether a body could not be read because of its chunks or its connection, and not because of its size.
fn is_broken(error: &axum::Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |error| (*error).source());
    causes.any(<dyn std::error::Error>::is::<hyper::Error>)
}

fn is_json(content_type: Option<&HeaderValue>) -> bool {
    let essence = content_type.and_then(|value| value.to_str().ok()).and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Says where the fault is. serde's own words may repeat a value, so they are not used.
fn malformed(error: &serde_json::Error) -> Problem {
    let what = match error.classify() {
        Category::Syntax => "not JSON",
        Category::Eof => "JSON that ends too early",
        Category::Data => WRONG_MEMBER,
        Category::Io => "unreadable",
    };
    Problem::MalformedRequest(format!("{what}, at line {} column {}", error.line(), error.column()))
}

/// A JSON answer that no cache keeps.
pub(super) fn answer(value: &impl Serialize) -> Response {
    // Our own types with strings and numbers: serialising them into memory cannot fail.
    let body = serde_json::to_vec(value).unwrap_or_default();
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, body).into_response()
}
