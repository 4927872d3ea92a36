//! The page: the files of `web/`, compiled in (read from the folder in builds with debug assertions).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing;
use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;

use super::Gateway;
use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../web"]
struct Files;

/// Routes of the page.
pub(super) fn router(events_url: &str) -> Router<Arc<Gateway>> {
    let policy = Policy(content_security_policy(events_url));
    Router::new()
        .route(
            "/",
            routing::get(async |State(policy): State<Policy>, headers: HeaderMap| {
                file("index.html", &policy, &headers)
            }),
        )
        .route(
            "/{*path}",
            routing::get(async |State(policy): State<Policy>, Path(path): Path<String>, headers: HeaderMap| {
                file(&path, &policy, &headers)
            }),
        )
        .with_state(policy)
}

#[derive(Clone)]
struct Policy(HeaderValue);

/// Everything from the page's own origin, and the socket.
fn content_security_policy(events_url: &str) -> HeaderValue {
    let origin = events_url.split('/').take(3).collect::<Vec<_>>().join("/");
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {origin}; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

fn file(path: &str, policy: &Policy, request: &HeaderMap) -> Response {
    let Some(kind) = content_type(path) else { return Problem::NotFound.into_response() };
    let Some(found) = Files::get(path) else { return Problem::NotFound.into_response() };
    let tag = format!("\"{}\"", HEXLOWER.encode(found.metadata.sha256_hash().get(..16).unwrap_or_default()));
    let unchanged = request.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response =
        if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { found.data.into_owned().into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.0.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// What the page is made of; tests and notes in the same folder are not served.
fn content_type(path: &str) -> Option<&'static str> {
    if path.starts_with("tests/") {
        return None;
    }
    match path.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "webmanifest" => Some("application/manifest+json"),
        "txt" => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}
