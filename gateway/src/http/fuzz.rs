//! Doors for the fuzz targets in `dev/`, through which they reach parsers that nobody else outside needs.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::{body, check, create, language};
use crate::code::Code;
use crate::problem::Problem;

/// What a request for a verification asks for: address, purpose, locale and metadata.
pub type Wanted = (String, Option<String>, Option<String>, Option<Value>);

/// Reads the body of a request for a verification.
///
/// # Errors
/// The problem that the client is told.
pub fn create(bytes: &[u8]) -> Result<Wanted, Problem> {
    let wanted = create::wanted(bytes)?;
    Ok((wanted.email.address().expose_secret().to_owned(), wanted.purpose, wanted.locale, wanted.metadata))
}

/// Reads the body of a check.
///
/// # Errors
/// The problem that the client is told.
pub fn check(bytes: &[u8]) -> Result<Code, Problem> {
    body::parse::<check::Body>(bytes).map(|body| body.entered())
}

/// The languages that `Accept-Language` asks for, the preferred one first.
pub fn accepted_languages(header: &str) -> Vec<&str> {
    language::accepted_tags(header)
}
