//! Reading, cancelling and resending a verification, and the public keys.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use otp_nats::VerificationId;

use super::access::Asker;
use super::{Caller, Gateway, body, create};
use crate::problem::Problem;

/// A key that is taken out of use disappears within this time from what others keep.
const KEY_SET_AGE: &str = "public, max-age=300";

pub(super) async fn status(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let app = gateway.owner(&id, request.headers())?;
    let status = gateway.verifications.status(&app, id).await?;
    Ok(body::answer(&status))
}

pub(super) async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let id = parse(&id)?;
    gateway.owner(&id, request.headers())?;
    gateway.verifications.cancel(id, caller.trace).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn resend(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let id = parse(&id)?;
    let Asker { app, client, .. } = gateway.actor(&id, request.headers(), caller)?;
    let accepted = gateway.verifications.resend(&app, id, client, caller.trace).await?;
    Ok(create::accepted_answer(&accepted))
}

pub(super) async fn key_set(State(gateway): State<Arc<Gateway>>) -> Response {
    let keys = gateway.verifications.signer.key_set().to_string();
    let kind = "application/jwk-set+json";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEY_SET_AGE)], keys).into_response()
}

fn parse(id: &str) -> Result<VerificationId, Problem> {
    id.parse().map_err(|_| Problem::NotFound)
}
