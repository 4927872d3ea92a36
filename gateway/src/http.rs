//! The HTTP API and the page.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, routing};
use http::{HeaderName, HeaderValue, Method, header};
use hyper::body::Incoming;
use otp_nats::telemetry;
use otp_nats::trace::{self, TraceParent};
use tower::Service;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::altcha::Level;
use crate::client_ip::{ProxyHeader, TrustedProxies};
use crate::flood::FloodGate;
use crate::place::PlaceHeader;
use crate::problem::{Problem, ProblemSlug};
use crate::report::PublicUrl;
use crate::verification::Verifications;

mod access;
mod body;
mod challenge;
mod check;
mod create;
mod documents;
mod existing;
#[doc(hidden)]
pub mod fuzz;
mod id;
mod language;
mod page;
pub(crate) mod paths;
mod report;
mod traced;

pub(crate) use check::Body as Guess;
pub(crate) use create::Body as NewRequest;
pub(crate) use report::Body as ReportRequest;

/// What a browser may keep of a preflight's answer.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);

/// What all requests share.
#[derive(Debug)]
pub struct Gateway {
    /// What decides.
    pub verifications: Verifications,
    /// The first gate, off when open mode limits no IP addresses.
    pub flood: Option<FloodGate>,
    /// Whose word on the client is believed, and in which header.
    pub trusted_proxies: TrustedProxies,
    /// That header.
    pub proxy_header: ProxyHeader,
    /// The header in which proxies write where roughly somebody asks from, if one is believed.
    pub place_header: Option<PlaceHeader>,
    /// Where people reach the gateway, if that is known.
    pub public_url: Option<PublicUrl>,
    /// What browsers are told of transport security.
    pub transport_security: Option<HeaderValue>,
}

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Who asks, and in which trace.
#[derive(Debug, Clone, Copy)]
struct Caller {
    client: IpAddr,
    /// Whether a trusted proxy speaks for the client.
    through_proxy: bool,
    trace: TraceParent,
    /// How full the flood gate is for the client's network.
    flood: Level,
}

/// All routes.
pub fn router(gateway: Arc<Gateway>) -> Router {
    let api = Router::new()
        .route(paths::CHALLENGE, routing::get(challenge::challenge))
        .route(paths::VERIFICATIONS, routing::post(create::create))
        .route(paths::VERIFICATION, routing::get(existing::status).delete(existing::cancel))
        .route(paths::CHECK, routing::post(check::check))
        .route(paths::RESEND, routing::post(existing::resend))
        .route(paths::REPORTS, routing::post(report::report))
        .route(paths::KEY_SET, routing::get(existing::key_set));
    let public_url = gateway.public_url.as_ref().map(PublicUrl::as_str);
    let documents = documents::router(public_url, &gateway.verifications.events_url);
    let page = page::router(&gateway.verifications.events_url, gateway.verifications.apps.clone());
    Router::new()
        .merge(api)
        .merge(documents)
        .route(paths::HEALTH, routing::get(otp_nats::admin::live))
        .route(paths::READY, routing::get(ready))
        .merge(page)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .fallback(async || Problem::NotFound)
        .layer(cors(&gateway))
        .layer(middleware::from_fn_with_state(Arc::clone(&gateway), watched))
        .with_state(gateway)
}

async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    otp_nats::admin::readiness(gateway.verifications.faults()).await
}

/// The first layer: flood gate, trace, metrics.
async fn watched(
    State(gateway): State<Arc<Gateway>>,
    Extension(Peer(peer)): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let _in_flight = gateway.verifications.metrics.in_flight();
    let client = gateway.trusted_proxies.client(peer, gateway.proxy_header, request.headers());
    let through_proxy = gateway.trusted_proxies.trusts(peer);
    let parent =
        request.headers().get(trace::HEADER).and_then(|value| value.to_str().ok()).and_then(TraceParent::parse);
    // An application's server stands for all its users; what it may do is limited for the application.
    let is_asked = gateway.flood.is_some() || telemetry::is_on();
    let is_server = is_asked && gateway.is_server(request.headers());
    let (mut step, trace) = traced::begin(&request, parent, is_server);
    let route = route(request.extensions().get::<MatchedPath>());
    let gate = gateway.flood.as_ref().filter(|_| !is_server);
    let passed = gate.map_or(Ok(Level::LEAST), |gate| gate.pass(client));
    let mut response = match passed {
        Ok(flood) => {
            request.extensions_mut().insert(Caller { client, through_proxy, trace, flood });
            telemetry::within(trace, next.run(request)).await
        }
        Err(violation) => {
            gateway.verifications.metrics.refused(&violation.policy);
            Problem::RateLimited(vec![violation]).into_response()
        }
    };
    if let Some(value) = &gateway.transport_security {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value.clone());
    }
    let problem = response.extensions().get::<ProblemSlug>().map_or("", |slug| slug.0);
    traced::end(&mut step, response.status(), problem);
    gateway.verifications.metrics.answered(route, response.status().as_u16(), problem, started.elapsed());
    response
}

/// The route's pattern as metrics name it: never a path that a client wrote.
fn route(matched: Option<&MatchedPath>) -> &'static str {
    match matched.map(MatchedPath::as_str) {
        Some(paths::CHALLENGE) => "challenge",
        Some(paths::VERIFICATIONS) => "create",
        Some(paths::VERIFICATION) => "verification",
        Some(paths::CHECK) => "check",
        Some(paths::RESEND) => "resend",
        Some(paths::REPORTS) => "report",
        Some(paths::KEY_SET) => "jwks",
        Some(paths::HEALTH | paths::READY) => "health",
        Some(_) => "page",
        None => "none",
    }
}

fn cors(gateway: &Arc<Gateway>) -> CorsLayer {
    let shown_by = Arc::clone(gateway);
    let origin = AllowOrigin::predicate(move |origin, request| shown_by.shows_to(origin, request));
    let request = [
        header::CONTENT_TYPE,
        header::AUTHORIZATION,
        HeaderName::from_static("idempotency-key"),
        HeaderName::from_static("traceparent"),
    ];
    let response = [
        // The widget's countdowns go by the service's clock.
        header::DATE,
        header::LOCATION,
        header::RETRY_AFTER,
        HeaderName::from_static("ratelimit"),
        HeaderName::from_static("ratelimit-policy"),
    ];
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(request)
        .expose_headers(response)
        .max_age(PREFLIGHT_AGE)
}

/// The router with the peer's address on every request of a connection.
#[derive(Debug, Clone)]
pub struct WithPeer {
    router: Router,
    peer: Peer,
}

impl WithPeer {
    /// Serves one connection's requests.
    pub const fn new(router: Router, peer: Peer) -> Self {
        Self { router, peer }
    }
}

impl Service<http::Request<Incoming>> for WithPeer {
    type Response = Response;
    type Error = std::convert::Infallible;
    type Future = <Router as Service<http::Request<Incoming>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        <Router as Service<http::Request<Incoming>>>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, mut request: http::Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.router.call(request)
    }
}
