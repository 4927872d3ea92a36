//! A collector of traces: takes OTLP over HTTP (protobuf), refuses it, or hangs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::net::TcpListener;

/// One step as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Span {
    pub(super) service: String,
    pub(super) trace: String,
    pub(super) id: String,
    pub(super) parent: String,
    pub(super) name: String,
    pub(super) attributes: BTreeMap<String, String>,
}

/// What came, decoded and as it was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Collector {
    taken: Arc<Mutex<(Vec<Span>, Vec<u8>)>>,
}

impl Collector {
    /// Listens, and gives the URL.
    pub(crate) async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, url)
    }

    /// One that answers with this status whatever comes.
    pub(super) async fn refusing(status: StatusCode) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let router = Router::new().fallback(async move || status);
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    /// One that takes connections and never says a word.
    pub(super) async fn hanging() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok(connection) = listener.accept().await {
                held.push(connection);
            }
        });
        url
    }

    pub(super) fn spans(&self) -> Vec<Span> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// All that came, as text as far as it is some.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.taken.lock().unwrap_or_else(PoisonError::into_inner).1).into_owned()
    }
}

async fn take(State(collector): State<Collector>, body: Bytes) {
    let mut taken = collector.taken.lock().unwrap_or_else(PoisonError::into_inner);
    taken.1.extend_from_slice(&body);
    for resource_spans in messages(&body, 1) {
        let resource = messages(resource_spans, 1).next().unwrap_or_default();
        let service = attributes(resource, 1).remove("service.name").unwrap_or_default();
        for scope_spans in messages(resource_spans, 2) {
            for span in messages(scope_spans, 2) {
                let bytes = |field| messages(span, field).next().unwrap_or_default();
                taken.0.push(Span {
                    service: service.clone(),
                    trace: hex(bytes(1)),
                    id: hex(bytes(2)),
                    parent: hex(bytes(4)),
                    name: String::from_utf8_lossy(bytes(5)).into_owned(),
                    attributes: attributes(span, 9),
                });
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Fields of this number that have a length: messages, texts, bytes (protobuf's wire format).
fn messages(mut rest: &[u8], wanted: u64) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let tag = varint(&mut rest);
            let length = match tag & 7 {
                0 => {
                    varint(&mut rest);
                    continue;
                }
                1 => 8,
                5 => 4,
                2 => usize::try_from(varint(&mut rest)).expect("a length"),
                other => panic!("wire type {other}"),
            };
            let (field, left) = rest.split_at(length);
            rest = left;
            if tag >> 3 == wanted && tag & 7 == 2 {
                return Some(field);
            }
        }
        None
    })
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (first, left) = rest.split_first().expect("a whole number");
        *rest = left;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}

/// Names and, where they are texts, values.
fn attributes(message: &[u8], field: u64) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    messages(message, field)
        .map(|pair| {
            let name = messages(pair, 1).next().map(text).unwrap_or_default();
            let value = messages(pair, 2).next().unwrap_or_default();
            (name, messages(value, 1).next().map(text).unwrap_or_default())
        })
        .collect()
}
