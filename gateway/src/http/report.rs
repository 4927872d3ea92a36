//! `POST /v1/reports`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use http::StatusCode;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Caller, Gateway, body};
use crate::problem::Problem;

/// A report of a code that nobody here asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Report")]
pub(crate) struct Body {
    /// What stands behind the `#` of the link in the mail.
    #[schemars(with = "String")]
    token: SecretString,
    /// Whether the application's codes for this recipient are held back for a day.
    #[serde(default)]
    pause: bool,
}

pub(super) async fn report(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let Body { token, pause } = body::read(request).await?;
    gateway.verifications.report(token.expose_secret(), pause, caller.client, caller.trace).await?;
    Ok(StatusCode::NO_CONTENT)
}
