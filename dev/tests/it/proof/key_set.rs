//! A key set that changes and counts who asks for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use otp_gateway::token::TokenSigner;
use otp_nats::keys::{Key, KeyList};
use tokio::task::AbortHandle;

/// The set, served until it is dropped.
pub(super) struct KeySet {
    url: String,
    shared: Arc<Shared>,
    serving: AbortHandle,
}

#[derive(Default)]
struct Shared {
    /// `None` while it fails.
    text: Mutex<Option<String>>,
    fetches: AtomicU64,
}

impl KeySet {
    pub(super) async fn serve(keys: &KeyList) -> Self {
        let shared = Arc::new(Shared::default());
        *shared.text.lock().expect("whole") = Some(public(keys));
        let router = Router::new().route("/keys.json", get(answer)).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let url = format!("http://{}/keys.json", listener.local_addr().expect("an address"));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self { url, shared, serving }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn fetches(&self) -> u64 {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    pub(super) fn change(&self, keys: &[&Key]) {
        let setting: Vec<String> = keys.iter().map(|key| key.to_setting().to_string()).collect();
        *self.shared.text.lock().expect("whole") = Some(public(&setting.join(",").parse().expect("a list")));
    }

    pub(super) fn fail(&self) {
        *self.shared.text.lock().expect("whole") = None;
    }
}

impl Drop for KeySet {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The public half as the gateway writes it.
fn public(keys: &KeyList) -> String {
    TokenSigner::new(keys, String::new(), String::new(), Duration::ZERO).key_set().to_string()
}

async fn answer(State(shared): State<Arc<Shared>>) -> Response {
    shared.fetches.fetch_add(1, Ordering::SeqCst);
    match shared.text.lock().expect("whole").clone() {
        Some(text) => ([("content-type", "application/jwk-set+json")], text).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
