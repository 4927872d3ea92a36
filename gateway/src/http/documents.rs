//! `GET /openapi.json` and `GET /asyncapi.json`: made once, for everybody to read.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::page::{gzipped, takes_gzip};
use super::{Gateway, paths};
use crate::description;

/// Asked for again after five minutes, with the tag of what is known.
const AGE: &str = "public, max-age=300";

/// Routes of the descriptions.
pub(super) fn router(public_url: Option<&str>, events_url: &str) -> Router<Arc<Gateway>> {
    let (openapi, asyncapi) = (
        Document::of(&description::openapi(public_url)),
        Document::of(&otp_nats::description::asyncapi(Some(events_url))),
    );
    Router::new()
        .route(paths::OPENAPI, routing::get(async move |headers: HeaderMap| openapi.answer(&headers)))
        .route(paths::ASYNCAPI, routing::get(async move |headers: HeaderMap| asyncapi.answer(&headers)))
}

#[derive(Clone)]
struct Document {
    text: Bytes,
    /// `None` where compressing failed: then it goes out as it is.
    packed: Option<Bytes>,
    tag: HeaderValue,
}

impl Document {
    fn of(value: &Value) -> Self {
        let text = value.to_string();
        let hash = HEXLOWER.encode(Sha256::digest(&text).get(..16).unwrap_or_default());
        let tag = HeaderValue::from_str(&format!("W/\"{hash}\"")).unwrap_or(HeaderValue::from_static("W/\"0\""));
        Self { packed: gzipped(text.as_bytes()), text: text.into(), tag }
    }

    fn answer(&self, request: &HeaderMap) -> Response {
        let packed = self.packed.as_ref().filter(|_| takes_gzip(request));
        let kind = (header::CONTENT_TYPE, "application/json");
        let mut response = match (request.get(header::IF_NONE_MATCH), packed) {
            (Some(known), _) if *known == self.tag => StatusCode::NOT_MODIFIED.into_response(),
            (_, Some(packed)) => ([kind, (header::CONTENT_ENCODING, "gzip")], packed.clone()).into_response(),
            (_, None) => ([kind], self.text.clone()).into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(AGE));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }
}
