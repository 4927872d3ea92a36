//! The HTTP side: the part of Mailpit's API that a test needs, and a page.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::mailbox::{Mail, Mailbox};
use super::view::{self, Summary};
use crate::local_page::answer;

/// Octets of a request's body: the ids of all messages fit.
const BODY_OCTETS_MAX: usize = 512 * 1024;

const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                           img-src data:; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A message's HTML is a stranger's: no script, no network, no origin, and only our page may frame it.
const MAIL_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// The routes over a mailbox.
pub(super) fn router(mailbox: Arc<Mailbox>) -> Router {
    let page = || async { answer("text/html", PAGE_POLICY, include_str!("inbox.html")) };
    let script = || async { answer("text/javascript", PAGE_POLICY, include_str!("inbox.js")) };
    let style = || async { answer("text/css", PAGE_POLICY, include_str!("inbox.css")) };
    Router::new()
        .route("/", get(page))
        .route("/inbox.js", get(script))
        .route("/inbox.css", get(style))
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(async || "ok"))
        .route("/api/v1/messages", get(list).delete(delete))
        .route("/api/v1/search", get(search))
        .route("/api/v1/message/{id}", get(message))
        .route("/api/v1/message/{id}/headers", get(headers))
        .route("/api/v1/message/{id}/raw", get(raw))
        .route("/view/{file}", get(part))
        .layer(DefaultBodyLimit::max(BODY_OCTETS_MAX))
        .with_state(mailbox)
}

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Paging {
    start: usize,
    limit: usize,
}

impl Default for Paging {
    /// Mailpit's defaults. The ring bounds what a larger limit can ask for.
    fn default() -> Self {
        Self { start: 0, limit: 50 }
    }
}

#[derive(Debug, Deserialize)]
struct Searched {
    query: String,
}

#[derive(Debug, Serialize)]
struct Listing<'a> {
    total: usize,
    unread: usize,
    count: usize,
    messages_count: usize,
    messages_unread: usize,
    start: usize,
    tags: [String; 0],
    messages: Vec<Listed<'a>>,
}

#[derive(Debug, Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    #[serde(rename = "Read")]
    read: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Unwanted {
    #[serde(rename = "IDs")]
    ids: Vec<String>,
}

async fn list(State(mailbox): State<Arc<Mailbox>>, Query(paging): Query<Paging>) -> Response {
    let all = mailbox.all();
    page_of(&all, &all, &paging)
}

async fn search(
    State(mailbox): State<Arc<Mailbox>>,
    Query(paging): Query<Paging>,
    Query(searched): Query<Searched>,
) -> Response {
    let Some(term) = recipient_term(&searched.query) else {
        return (StatusCode::BAD_REQUEST, "this inbox searches for to:ADDRESS only").into_response();
    };
    let all = mailbox.all();
    let found: Vec<Arc<Mail>> = all.iter().filter(|mail| is_to(mail, &term)).cloned().collect();
    page_of(&all, &found, &paging)
}

async fn delete(State(mailbox): State<Arc<Mailbox>>, body: Bytes) -> Response {
    let unwanted = if body.is_empty() { Ok(Unwanted::default()) } else { serde_json::from_slice(&body) };
    match unwanted {
        Ok(Unwanted { ids }) if ids.is_empty() => mailbox.clear(),
        Ok(Unwanted { ids }) => mailbox.delete(&ids),
        // Mailpit takes a body that it can't read for a wish to delete everything; a typing error should not do that.
        Err(_) => return (StatusCode::BAD_REQUEST, "not a JSON object with IDs").into_response(),
    }
    "ok".into_response()
}

async fn message(State(mailbox): State<Arc<Mailbox>>, Path(id): Path<String>) -> Response {
    with_mail(&mailbox, &id, |mail| {
        mail.mark_read();
        Json(view::details(mail)).into_response()
    })
}

async fn headers(State(mailbox): State<Arc<Mailbox>>, Path(id): Path<String>) -> Response {
    with_mail(&mailbox, &id, |mail| Json(view::headers(mail)).into_response())
}

async fn raw(State(mailbox): State<Arc<Mailbox>>, Path(id): Path<String>) -> Response {
    with_mail(&mailbox, &id, |mail| answer("text/plain", MAIL_POLICY, mail.raw.to_vec()))
}

async fn part(State(mailbox): State<Arc<Mailbox>>, Path(file): Path<String>) -> Response {
    match file.rsplit_once('.') {
        Some((id, "html")) => {
            with_mail(&mailbox, id, |mail| answer("text/html", MAIL_POLICY, view::details(mail).html))
        }
        Some((id, "txt")) => {
            with_mail(&mailbox, id, |mail| answer("text/plain", MAIL_POLICY, view::details(mail).text))
        }
        _ => missing(),
    }
}

fn page_of(all: &[Arc<Mail>], found: &[Arc<Mail>], paging: &Paging) -> Response {
    let unread = |mails: &[Arc<Mail>]| mails.iter().filter(|mail| !mail.is_read()).count();
    let messages: Vec<Listed<'_>> = found
        .iter()
        .skip(paging.start)
        .take(paging.limit)
        .map(|mail| Listed { summary: mail.summary.get_or_init(|| view::summary(mail)), read: mail.is_read() })
        .collect();
    Json(Listing {
        total: all.len(),
        unread: unread(all),
        count: messages.len(),
        messages_count: found.len(),
        messages_unread: unread(found),
        start: paging.start,
        tags: [],
        messages,
    })
    .into_response()
}

/// The address in `to:ADDRESS` or `to:"ADDRESS"`, in lower case.
fn recipient_term(query: &str) -> Option<String> {
    let term = query.trim().strip_prefix("to:")?;
    let term = term.strip_prefix('"').and_then(|term| term.strip_suffix('"')).unwrap_or(term);
    let fit = !term.is_empty() && !term.contains(|c: char| c.is_whitespace() || c == '"');
    fit.then(|| term.to_ascii_lowercase())
}

/// A whole address matches itself alone: Mailpit's substring would find `ba@example.com` for `a@example.com` too.
fn is_to(mail: &Mail, term: &str) -> bool {
    mail.to
        .iter()
        .map(|address| address.to_ascii_lowercase())
        .any(|address| if term.contains('@') { address == term } else { address.contains(term) })
}

fn with_mail(mailbox: &Mailbox, id: &str, show: impl FnOnce(&Mail) -> Response) -> Response {
    let mail = if id == "latest" { mailbox.newest() } else { mailbox.find(id) };
    mail.map_or_else(missing, |mail| show(&mail))
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "message not found").into_response()
}
