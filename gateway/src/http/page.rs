//! The page: the files of `web/`, compiled in (read from the folder in builds with debug assertions), compressed for
//! whoever takes gzip.

use std::collections::{BTreeSet, HashMap};
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing;
use bytes::Bytes;
use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::Gateway;
use crate::apps::Registry;
use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../web"]
struct Files;

/// Routes of the page.
pub(super) fn router(events_url: &str, apps: Registry) -> Router<Arc<Gateway>> {
    let page = Arc::new(Page { policy: content_security_policy(events_url), apps, packed: Mutex::default() });
    Router::new()
        .route(
            "/",
            routing::get(async |State(page): State<Arc<Page>>, headers: HeaderMap| page.file("index.html", &headers)),
        )
        .route(
            "/docs",
            routing::get(async |State(page): State<Arc<Page>>, headers: HeaderMap| page.file("docs.html", &headers)),
        )
        .route(
            "/report",
            routing::get(async |State(page): State<Arc<Page>>, headers: HeaderMap| page.file("report.html", &headers)),
        )
        .route(
            "/{*path}",
            routing::get(async |State(page): State<Arc<Page>>, Path(path): Path<String>, headers: HeaderMap| {
                page.file(&path, &headers)
            }),
        )
        .with_state(page)
}

/// What every answer needs.
struct Page {
    /// All of it but who may frame the page.
    policy: String,
    apps: Registry,
    /// Compressed files by path, each with the tag of what it was made from: never more than there are files.
    packed: Mutex<HashMap<String, (String, Bytes)>>,
}

/// Everything from the page's own origin, and the socket.
fn content_security_policy(events_url: &str) -> String {
    let origin = events_url.split('/').take(3).collect::<Vec<_>>().join("/");
    format!(
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self' {origin}; base-uri 'none'; form-action 'self';"
    )
}

impl Page {
    /// The policy with the origins that applications allow to frame the page; none unless one does.
    fn policy(&self) -> HeaderValue {
        let apps = self.apps.current();
        let frames: BTreeSet<&str> = apps.all().flat_map(|app| &app.frame_origins).map(String::as_str).collect();
        let frames =
            if frames.is_empty() { "'none'".to_owned() } else { frames.into_iter().collect::<Vec<_>>().join(" ") };
        let policy = format!("{} frame-ancestors {frames}", self.policy);
        HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
    }

    fn file(&self, path: &str, request: &HeaderMap) -> Response {
        let Some(kind) = content_type(path) else { return Problem::NotFound.into_response() };
        let Some(found) = Files::get(path) else { return Problem::NotFound.into_response() };
        let hash = HEXLOWER.encode(found.metadata.sha256_hash().get(..16).unwrap_or_default());
        let packed = takes_gzip(request).then(|| self.packed(path, &hash, &found)).flatten();
        // Two forms of a file are two things to a cache.
        let tag = if packed.is_some() { format!("\"{hash}-gz\"") } else { format!("\"{hash}\"") };
        let unchanged = request.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
        let is_packed = packed.is_some();
        let mut response = match packed {
            _ if unchanged => StatusCode::NOT_MODIFIED.into_response(),
            Some(packed) => packed.into_response(),
            None => found.data.into_owned().into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if is_packed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        for (name, value) in [
            (header::VARY, "accept-encoding"),
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

    /// The file compressed, once for each version of it. `None` where that failed: then it goes out as it is.
    fn packed(&self, path: &str, hash: &str, file: &EmbeddedFile) -> Option<Bytes> {
        let mut packed = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = packed.get(path).filter(|(known, _)| known == hash) {
            return Some(bytes.clone());
        }
        let bytes = gzipped(&file.data)?;
        packed.insert(path.to_owned(), (hash.to_owned(), bytes.clone()));
        Some(bytes)
    }
}

/// Compressed as far as it goes; `None` where that failed.
pub(super) fn gzipped(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).ok().map(Bytes::from)
}

/// RFC 9110 §12.5.3, as far as there is gzip or nothing to choose from.
pub(super) fn takes_gzip(request: &HeaderMap) -> bool {
    let Some(accepted) = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    accepted.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// What the page is made of; tests, examples and notes in the same folder are not served.
fn content_type(path: &str) -> Option<&'static str> {
    if path.starts_with("tests/") || path.starts_with("examples/") {
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
