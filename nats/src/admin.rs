//! The admin port of a service: `GET /health`, `GET /ready`, `GET /metrics`.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use prometheus_client::registry::Registry;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::telemetry;

mod classic;
mod process;

/// Longest wait for one readiness check; an answer that comes later says "not ready" already.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// Tells whether a service can do its work now.
pub trait Readiness: Send + Sync + 'static {
    /// What stands in the way, one phrase each; empty when ready.
    fn faults(&self) -> Pin<Box<dyn Future<Output = Vec<String>> + Send + '_>>;
}

/// The admin port, bound.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

#[derive(Clone)]
struct Shared {
    registry: Arc<Registry>,
    readiness: Arc<dyn Readiness>,
}

impl Admin {
    /// Binds the port; 0 takes a free one.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { address: listener.local_addr()?, listener })
    }

    /// The address that is listened on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is cancelled. A service cancels it last, so that its drain can be watched.
    pub async fn run(self, mut registry: Registry, readiness: Arc<dyn Readiness>, stop: CancellationToken) {
        process::register(&mut registry);
        telemetry::register(&mut registry);
        let router = Router::new()
            .route("/health", routing::get(live))
            .route("/ready", routing::get(ready))
            .route("/metrics", routing::get(metrics))
            .with_state(Shared { registry: Arc::new(registry), readiness });
        let served = axum::serve(self.listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the admin port ended");
        }
    }
}

/// The answer to `GET /health`: the process runs and answers.
pub async fn live() -> Json<serde_json::Value> {
    Json(json!({"status": "live"}))
}

/// The answer to `GET /ready`: 200, or 503 naming what stands in the way.
pub async fn readiness(faults: impl Future<Output = Vec<String>>) -> Response {
    let faults = match tokio::time::timeout(READY_TIMEOUT, faults).await {
        Ok(faults) => faults,
        Err(_) => vec!["the readiness check took too long".to_owned()],
    };
    if faults.is_empty() {
        return Json(json!({"status": "ready"})).into_response();
    }
    let body = Json(json!({"status": "unavailable", "faults": faults}));
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], body).into_response()
}

async fn ready(State(shared): State<Shared>) -> Response {
    readiness(shared.readiness.faults()).await
}

/// OpenMetrics for those that ask for it, as Prometheus does, else the older text format.
async fn metrics(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut text = String::new();
    if prometheus_client::encoding::text::encode(&mut text, &shared.registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if classic::reads_open_metrics(accept) {
        ([(header::CONTENT_TYPE, classic::OPEN)], text).into_response()
    } else {
        ([(header::CONTENT_TYPE, classic::CLASSIC)], classic::from_open_metrics(&text)).into_response()
    }
}
