//! What traces say of a request: its method and route, never a path that a client wrote, and what it was answered.

use axum::extract::{MatchedPath, Request};
use http::{Method, StatusCode};
use otp_nats::telemetry::{self, Step};
use otp_nats::trace::TraceParent;

/// Where the API begins: the page, its files and health checks are in no trace.
const API: &str = "/v1/";

/// Begins the step of a request, and the trace that it belongs to.
pub(super) fn begin(request: &Request, parent: Option<TraceParent>, is_server: bool) -> (Step, TraceParent) {
    let route = if telemetry::is_on() { request.extensions().get::<MatchedPath>() } else { None };
    let Some(route) = route.map(MatchedPath::as_str).filter(|route| route.starts_with(API)) else {
        return (Step::default(), parent.map_or_else(TraceParent::start, |parent| parent.child()).sampled(false));
    };
    let method = known(request.method());
    let (mut step, trace) = Step::entrance(parent, is_server, || format!("{method} {route}").into());
    step.set("http.request.method", method);
    step.set_with("http.route", || route.to_owned());
    (step, trace)
}

/// Says what became of it.
pub(super) fn end(step: &mut Step, status: StatusCode, problem: &'static str) {
    step.set("http.response.status_code", i64::from(status.as_u16()));
    if !problem.is_empty() {
        step.set("otp.problem", problem);
    }
    if status.is_server_error() {
        step.failed(if problem.is_empty() { "500" } else { problem });
    }
}

/// Methods are a bounded set, whatever clients write.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}
