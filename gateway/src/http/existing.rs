//! Reading, cancelling and resending a verification, and the public keys.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use super::access::Asker;
use super::id::Id;
use super::{Caller, Gateway, body, create};
use crate::problem::Problem;

/// A key that is taken out of use disappears within this time from what others keep.
const KEY_SET_AGE: &str = "public, max-age=300";

pub(super) async fn status(
    State(gateway): State<Arc<Gateway>>,
    Id(id): Id,
    request: Request,
) -> Result<Response, Problem> {
    let app = gateway.owner(&id, request.headers())?;
    let status = gateway.verifications.status(&app, id).await?;
    Ok(body::answer(&status))
}

pub(super) async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Id(id): Id,
    request: Request,
) -> Result<StatusCode, Problem> {
    gateway.owner(&id, request.headers())?;
    gateway.verifications.cancel(id, caller.trace).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn resend(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Id(id): Id,
    request: Request,
) -> Result<Response, Problem> {
    let Asker { app, client, is_server } = gateway.actor(&id, request.headers(), caller)?;
    let place = gateway.place(request.headers(), caller, is_server);
    let accepted = gateway.verifications.resend(&app, id, client, place, caller.trace).await?;
    Ok(create::accepted_answer(&accepted))
}

pub(super) async fn key_set(State(gateway): State<Arc<Gateway>>) -> Response {
    let keys = gateway.verifications.signer.key_set().to_string();
    let kind = "application/jwk-set+json";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEY_SET_AGE)], keys).into_response()
}
