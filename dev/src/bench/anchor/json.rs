//! What any HTTP server costs that takes JSON and gives JSON.

use anyhow::Result;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Asked {
    email: String,
}

pub(super) async fn serve(listener: TcpListener) -> Result<()> {
    super::ready(&listener)?;
    let router = Router::new().route("/v1/verifications", post(answer));
    Ok(axum::serve(tcp_nodelay(listener), router).await?)
}

async fn answer(Json(asked): Json<Asked>) -> (StatusCode, Json<Value>) {
    (StatusCode::ACCEPTED, Json(json!({"email": asked.email})))
}

/// Small answers at once, as the gateway gives them.
pub(super) fn tcp_nodelay(listener: TcpListener) -> impl axum::serve::Listener<Addr = std::net::SocketAddr> {
    use axum::serve::ListenerExt as _;
    listener.tap_io(|stream| drop(stream.set_nodelay(true)))
}
