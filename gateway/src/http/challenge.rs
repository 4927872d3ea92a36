//! `GET /v1/challenge`: proof of work for a request that is still to come.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::access::Asker;
use super::{Caller, Gateway, body};
use crate::problem::Problem;

/// Answers with a challenge and nothing around it, as widgets of the protocol expect.
pub(super) async fn challenge(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let Asker { app, client, .. } = gateway.asker(request.headers(), caller)?;
    let challenge = gateway.verifications.challenge(&app, client, caller.flood).await?;
    Ok(body::answer(&challenge))
}
