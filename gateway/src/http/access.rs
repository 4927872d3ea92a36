//! Who asks: which application, by which key, from which page, for which client.

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use otp_nats::VerificationId;

use super::paths::VERIFICATIONS;
use super::{Caller, Gateway};
use crate::apps::key::KeyKind;
use crate::apps::{App, Apps};
use crate::problem::Problem;

/// In it an application's server says whom it asks for, so that limits count on that one's network.
const CLIENT_IP: HeaderName = HeaderName::from_static("otp-client-ip");

/// An application that asks, and for whom.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) app: Arc<App>,
    /// Whose network limits count on; `None` when the application's server does not say.
    pub(super) client: Option<IpAddr>,
    /// Whether it is the application's own server.
    pub(super) is_server: bool,
}

impl Gateway {
    /// Who asks for a verification.
    pub(super) fn asker(&self, headers: &HeaderMap, caller: Caller) -> Result<Asker, Problem> {
        let apps = self.verifications.apps.current();
        let Some(key) = bearer(headers) else {
            let app = apps.open().map(Arc::clone).ok_or(Problem::Unauthorized)?;
            return Ok(Asker { app, client: Some(caller.client), is_server: false });
        };
        let (kind, app) = apps.with_key(key).ok_or(Problem::Unauthorized)?;
        let is_server = kind == KeyKind::Secret;
        Ok(Asker { client: client(kind, app, headers, caller)?, app: Arc::clone(app), is_server })
    }

    /// Who acts on a verification: whoever knows its id may, and a key that is shown must be its application's.
    pub(super) fn actor(&self, id: &VerificationId, headers: &HeaderMap, caller: Caller) -> Result<Asker, Problem> {
        let app = self.verifications.app_of(id)?;
        let person = |app| Asker { app, client: Some(caller.client), is_server: false };
        let Some(key) = bearer(headers) else { return Ok(person(app)) };
        // A ticket proves more than the id, which is enough here.
        if self.verifications.is_ticket(id, key) {
            return Ok(person(app));
        }
        let asker = self.asker(headers, caller)?;
        if asker.app.id == app.id { Ok(asker) } else { Err(Problem::Unauthorized) }
    }

    /// Lets through whoever may read and cancel a verification: its ticket's holder and its application's servers.
    pub(super) fn owner(&self, id: &VerificationId, headers: &HeaderMap) -> Result<Arc<App>, Problem> {
        let app = self.verifications.app_of(id)?;
        let proof = bearer(headers).ok_or(Problem::Unauthorized)?;
        let apps = self.verifications.apps.current();
        let is_secret_key =
            apps.with_key(proof).is_some_and(|(kind, owner)| kind == KeyKind::Secret && owner.id == app.id);
        if is_secret_key || self.verifications.is_ticket(id, proof) { Ok(app) } else { Err(Problem::Unauthorized) }
    }

    /// Where roughly a person asks from, as far as a trusted proxy says it. What stands in the request of an
    /// application's server is where that server is.
    pub(super) fn place(&self, headers: &HeaderMap, caller: Caller, is_server: bool) -> String {
        let header = self.place_header.as_ref().filter(|_| caller.through_proxy && !is_server);
        header.map(|header| header.place(headers)).unwrap_or_default()
    }

    /// Whether a request shows a secret key: it comes from an application's server, which asks for many clients.
    pub(super) fn is_server(&self, headers: &HeaderMap) -> bool {
        let secret =
            |key| self.verifications.apps.current().with_key(key).is_some_and(|(kind, _)| kind == KeyKind::Secret);
        bearer(headers).is_some_and(secret)
    }

    /// Whether a page of this origin may read the answer: the origin is compared with those of the one application that
    /// the request names by its key or its path. A preflight for a new verification names none, so there any one's do.
    pub(super) fn shows_to(&self, origin: &HeaderValue, request: &Parts) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        let apps = self.verifications.apps.current();
        match named_app(self, &apps, request) {
            Some(app) => app.allowed_origins.allow(origin),
            None => apps.any_allows(origin),
        }
    }
}

fn named_app(gateway: &Gateway, apps: &Apps, request: &Parts) -> Option<Arc<App>> {
    if let Some(path) = request.uri.path().strip_prefix(VERIFICATIONS).and_then(|rest| rest.strip_prefix('/')) {
        let id = path.split('/').next()?.parse().ok()?;
        return gateway.verifications.app_of(&id).ok();
    }
    if request.method == http::Method::OPTIONS {
        return None;
    }
    match bearer(&request.headers) {
        Some(key) => apps.with_key(key).map(|(_, app)| Arc::clone(app)),
        None => apps.open().map(Arc::clone),
    }
}

/// A publishable key works from its application's pages; a server says for whom it asks, or nothing.
fn client(kind: KeyKind, app: &App, headers: &HeaderMap, caller: Caller) -> Result<Option<IpAddr>, Problem> {
    match kind {
        KeyKind::Publishable => {
            let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
            let allowed = origin.is_some_and(|origin| app.allowed_origins.allow(origin));
            if allowed { Ok(Some(caller.client)) } else { Err(Problem::OriginNotAllowed) }
        }
        KeyKind::Secret => {
            let stated = headers.get(CLIENT_IP).map(|value| value.to_str().ok()?.trim().parse().ok());
            match stated {
                Some(None) => Err(Problem::MalformedRequest("OTP-Client-IP is no IP address".to_owned())),
                Some(client) => Ok(client),
                None => Ok(None),
            }
        }
    }
}

/// What stands in `Authorization: Bearer` (RFC 6750 §2.1): a ticket or a key.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
