//! The pages. They have no script; the mails in their frames may load and run nothing.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use anyhow::Result;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use minijinja::{Environment, Value, context};
use serde::Deserialize;

use super::sample::{self, Sample, Scheme, Wish};
use crate::local_page::answer;

const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; \
                           base-uri 'none'; frame-ancestors 'none'";
/// A template under work is anybody's HTML: no script, no network, no origin, and only our page may frame it.
const MAIL_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                           form-action 'none'; frame-ancestors 'self'";

static PAGES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.add_template("preview.html", include_str!("preview.html"))?;
    Ok(pages)
});

type Templates = Arc<Option<PathBuf>>;

#[derive(Debug, Deserialize)]
struct Coloured {
    scheme: Option<Scheme>,
}

pub(super) fn router(templates: Option<PathBuf>) -> Router {
    Router::new()
        .route("/", get(all))
        .route("/preview.css", get(async || answer("text/css", PAGE_POLICY, include_str!("preview.css"))))
        .route("/{language}", get(one))
        .route("/mail/{file}", get(part))
        .with_state(Arc::new(templates))
}

async fn all(State(templates): State<Templates>, Query(wish): Query<Wish>) -> Response {
    told(page(&templates, None, &wish))
}

async fn one(State(templates): State<Templates>, Path(language): Path<String>, Query(wish): Query<Wish>) -> Response {
    told(page(&templates, Some(&language), &wish))
}

async fn part(
    State(templates): State<Templates>,
    Path(file): Path<String>,
    Query(wish): Query<Wish>,
    Query(coloured): Query<Coloured>,
) -> Response {
    let Some((language, kind)) = file.rsplit_once('.') else { return StatusCode::NOT_FOUND.into_response() };
    let sample = Sample::of(language, &wish, templates.as_deref());
    told(sample.map(|sample| match (kind, coloured.scheme) {
        ("html", None) => answer("text/html", MAIL_POLICY, sample.html),
        ("html", Some(scheme)) => answer("text/html", MAIL_POLICY, sample.html_in(scheme)),
        ("txt", _) => answer("text/plain", MAIL_POLICY, sample.text),
        _ => StatusCode::NOT_FOUND.into_response(),
    }))
}

/// The page for one language, or for all.
fn page(templates: &Templates, language: Option<&str>, wish: &Wish) -> Result<Response> {
    let folder = templates.as_deref();
    let languages = sample::languages(folder)?;
    if language.is_some_and(|language| !languages.iter().any(|other| other == language)) {
        return Ok((StatusCode::NOT_FOUND, format!("there are: {}\n", languages.join(", "))).into_response());
    }
    let mail = language.map(|language| Sample::of(language, wish, folder)).transpose()?;
    let query = reqwest::Url::parse_with_params("http://localhost/", fields(wish)?)?;
    let pages = PAGES.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    let html = pages.get_template("preview.html")?.render(context! {
        languages, language,
        wish => Value::from_pairs(fields(wish)?),
        apps => sample::applications(folder)?,
        query => query.query(),
        subject => mail.as_ref().map(|mail| mail.subject.as_str()),
        text => mail.as_ref().map(|mail| mail.text.as_str()),
        bytes => mail.as_ref().map(|mail| mail.html.len()),
    })?;
    Ok(answer("text/html", PAGE_POLICY, html))
}

/// What is wished for, as a query has it.
fn fields(wish: &Wish) -> Result<Vec<(String, String)>> {
    let serde_json::Value::Object(fields) = serde_json::to_value(wish)? else { return Ok(Vec::new()) };
    let text = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(fields.into_iter().map(|(name, value)| (name, text(value))).collect())
}

/// Templates under work are faulty now and then: what is wrong is the page.
fn told(answer: Result<Response>) -> Response {
    answer.unwrap_or_else(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response())
}
