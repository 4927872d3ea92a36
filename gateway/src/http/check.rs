//! `POST /v1/verifications/{id}/check`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::id::Id;
use super::{Caller, Gateway, body};
use crate::code::Code;
use crate::problem::Problem;

/// A guess.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Guess")]
pub(crate) struct Body {
    /// The code as entered.
    #[schemars(with = "String")]
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
    id: Result<Id, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    // What is wrong with the request comes before what is wrong with what it asks for.
    let code = body::read::<Body>(request).await?.entered();
    let Id(id) = id?;
    let app = gateway.actor(&id, &headers, caller)?.app;
    gateway.verifications.check(&app, id, &code, caller.trace).await.map(|verified| body::answer(&verified))
}
