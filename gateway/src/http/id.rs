//! The verification that a path names.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use otp_nats::VerificationId;

use crate::problem::Problem;

/// `{id}` of a route. What is no id, or not even text once its escapes are resolved, was never made here.
#[derive(Debug)]
pub(super) struct Id(pub(super) VerificationId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Problem::NotFound)?;
        text.parse().map(Self).map_err(|_| Problem::NotFound)
    }
}
