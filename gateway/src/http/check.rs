//! `POST /v1/verifications/{id}/check`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Caller, Gateway, body};
use crate::code::Code;
use crate::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    code: SecretString,
}

impl Body {
    pub(super) fn entered(&self) -> Code {
        Code::entered(self.code.expose_secret())
    }
}

pub(super) async fn check(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| Problem::NotFound)?;
    let app = gateway.actor(&id, request.headers(), caller)?.app;
    let code = body::read::<Body>(request).await?.entered();
    gateway.verifications.check(&app, id, &code, caller.trace).await.map(|verified| body::answer(&verified))
}
