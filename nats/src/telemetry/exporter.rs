//! From steps to the collector: OpenTelemetry's own encoding, and hyper's client on the service's runtime.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::HeaderMap;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use tokio::runtime::Handle;

use super::queue::{Counts, Queue};
use super::settings::{Collector, Sampling, TelemetrySettings};

/// One batch is posted within this time.
const POST_WITHIN: Duration = Duration::from_secs(5);

/// Most bytes of an answer: it says what was refused, in some words.
const ANSWER_MAX: usize = 64 * 1024;

static EXPORTER: OnceLock<Exporter> = OnceLock::new();

/// Takes the steps of this process.
pub(super) struct Exporter {
    queue: Queue,
    pub(super) scope: InstrumentationScope,
    pub(super) sampling: Sampling,
}

/// What takes steps; `None` while traces are off.
pub(super) fn current() -> Option<&'static Exporter> {
    EXPORTER.get()
}

/// Switches traces on. A second call in one process changes nothing.
pub(super) fn start(settings: TelemetrySettings, collector: &Collector, service: &'static str, runtime: Handle) {
    let client = OnRuntime {
        client: Client::builder(TokioExecutor::new()).build_http(),
        headers: settings.headers.0,
        runtime,
        troubled: AtomicBool::new(false),
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&collector.0)
        .with_timeout(POST_WITHIN)
        .build();
    let exporter = match exporter {
        Ok(exporter) => exporter,
        Err(error) => {
            tracing::error!(%error, "traces cannot be sent");
            return;
        }
    };
    let attributes = settings.attributes.0.into_iter().map(|(name, value)| KeyValue::new(name, value));
    let resource = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.namespace", "distotp"))
        .with_attributes(attributes)
        .with_service_name(settings.name.unwrap_or_else(|| service.to_owned()))
        .build();
    let queue = Queue::new(exporter, settings.limits, &resource, Counts::of_process());
    let scope = InstrumentationScope::builder(service).with_version(env!("CARGO_PKG_VERSION")).build();
    drop(EXPORTER.set(Exporter { queue, scope, sampling: settings.sampling }));
}

impl Exporter {
    /// Never waits: a step that finds the queue full is gone.
    pub(super) fn take(&self, span: SpanData) {
        self.queue.take(span);
    }

    pub(super) fn flush(&self, within: Duration) {
        if !self.queue.end(within) {
            tracing::warn!("the last traces could not be sent");
        }
    }
}

/// Posts from the queue's thread, which has no runtime, on that of the service.
#[derive(Debug)]
struct OnRuntime {
    client: Client<HttpConnector, Full<Bytes>>,
    /// What the collector wants to see.
    headers: HeaderMap,
    runtime: Handle,
    /// The collector did not take the last batch.
    troubled: AtomicBool,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        request.headers_mut().extend(self.headers.clone());
        let posted = self.runtime.spawn(post(self.client.clone(), request)).await;
        let answer = posted.map_err(HttpError::from).and_then(|answer| answer);
        let taken = answer.as_ref().is_ok_and(|answer| answer.status().is_success());
        // Once for each time that it begins: a collector that is away is no news every second.
        match (taken, self.troubled.swap(!taken, Ordering::Relaxed)) {
            (false, false) => {
                let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
                tracing::warn!(status, "the collector does not take traces");
            }
            (true, true) => tracing::info!("the collector takes traces again"),
            (true, false) | (false, true) => {}
        }
        answer
    }
}

async fn post(
    client: Client<HttpConnector, Full<Bytes>>,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    tokio::time::timeout(POST_WITHIN, async {
        let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    })
    .await?
}
