//! What every gateway has to do: one script in Redis, and one message that JetStream acknowledges.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::{HeaderMap, jetstream};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use redis::aio::MultiplexedConnection;
use tokio::net::TcpListener;

use super::super::PAYLOAD_OCTETS;
use super::super::requests::id;
use super::json::tcp_nodelay;
use crate::stack::StackFile;

/// Reads and writes what a verification needs at least, without a decision: whether the recipient wants mails, which
/// verification was current, which one is now, and the verification, all with an end.
const SCRIPT: &str = "redis.call('EXISTS', KEYS[3]) redis.call('GET', KEYS[2]) \
                      redis.call('SET', KEYS[2], ARGV[1], 'PX', 600000) \
                      redis.call('HSET', KEYS[1], 'st', 'pending', 'h', ARGV[2], 'rec', ARGV[3], 'a', 5, 'g', 1, \
                      'r', ARGV[4], 'x', ARGV[4], 'n', ARGV[4], 'by', ARGV[1]) \
                      redis.call('PEXPIRE', KEYS[1], 600000) return 'ok'";
/// Octets of the hash of a code, as text.
const HASH_OCTETS: usize = 43;
/// Octets of what the gateway keeps of a request, sealed.
const RECORD_OCTETS: usize = 150;
/// Octets of a 202.
const ANSWER_OCTETS: usize = 400;

#[derive(Clone)]
struct Servers {
    redis: MultiplexedConnection,
    jetstream: jetstream::Context,
    script: Arc<redis::Script>,
    count: Arc<AtomicU64>,
    started: u64,
}

pub(super) async fn serve(listener: TcpListener, stack: &Path) -> Result<()> {
    let file = StackFile::read(stack).context("there is no stack")?;
    let servers = Servers {
        redis: file.redis_client()?.get_multiplexed_async_connection().await?,
        jetstream: jetstream::new(file.connect_nats().await?),
        script: Arc::new(redis::Script::new(SCRIPT)),
        count: Arc::default(),
        started: rand::random(),
    };
    super::ready(&listener)?;
    let router = Router::new().route("/v1/verifications", post(answer)).with_state(servers);
    Ok(axum::serve(tcp_nodelay(listener), router).await?)
}

async fn answer(State(mut servers): State<Servers>, _body: Bytes) -> Result<(StatusCode, String), StatusCode> {
    let number = servers.count.fetch_add(1, Ordering::Relaxed);
    let id = id(servers.started, number);
    let key = |kind| format!("otp:{{{}}}:{kind}", id.tag());
    let mut call = servers.script.key(key("v"));
    call.key(key("p")).key(key("b")).arg(id.as_str()).arg("h".repeat(HASH_OCTETS)).arg("r".repeat(RECORD_OCTETS));
    call.arg(number);
    let done: Result<String, _> = call.invoke_async(&mut servers.redis).await;
    done.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let (subject, payload) = (format!("otp.requested.{id}"), "p".repeat(PAYLOAD_OCTETS).into());
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, id.as_str());
    let published = servers.jetstream.publish_with_headers(subject, headers, payload).await;
    let stored = published.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?.await;
    stored.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok((StatusCode::ACCEPTED, "a".repeat(ANSWER_OCTETS)))
}
