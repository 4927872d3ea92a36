//! What every gateway has to do: one script in Redis, and one message that JetStream acknowledges.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use async_nats::jetstream;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use otp_nats::VerificationId;
use otp_nats::id::IdParts;
use redis::aio::MultiplexedConnection;
use tokio::net::TcpListener;

use super::json::tcp_nodelay;
use crate::stack::StackFile;

/// Writes what a verification needs at least: a hash that ends.
const SCRIPT: &str = "redis.call('HSET', KEYS[1], 'state', 'pending', 'hash', ARGV[1], 'record', ARGV[2]) \
                      redis.call('PEXPIRE', KEYS[1], 300000) return 'ok'";
/// Octets of the hash of a code, as text.
const HASH_OCTETS: usize = 43;
/// Octets of what the gateway keeps of a request, sealed.
const RECORD_OCTETS: usize = 150;
/// Octets of what it gives to the mailer, sealed.
const PAYLOAD_OCTETS: usize = 450;
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
    let mut call = servers.script.key(format!("otp:{{{}}}:anchor", id.tag()));
    call.arg("h".repeat(HASH_OCTETS)).arg("r".repeat(RECORD_OCTETS));
    let done: Result<String, _> = call.invoke_async(&mut servers.redis).await;
    done.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let published = servers.jetstream.publish(format!("otp.requested.{id}"), "p".repeat(PAYLOAD_OCTETS).into()).await;
    let stored = published.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?.await;
    stored.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok((StatusCode::ACCEPTED, "a".repeat(ANSWER_OCTETS)))
}

/// Another one each time, as subjects of requests are.
fn id(started: u64, number: u64) -> VerificationId {
    let (mut tag, mut nonce) = ([0; 10], [0; 10]);
    for (place, byte) in tag.iter_mut().zip(number.to_be_bytes()) {
        *place = byte;
    }
    for (place, byte) in nonce.iter_mut().zip(started.to_be_bytes()) {
        *place = byte;
    }
    VerificationId::from_parts(&IdParts { tag, nonce, check: [0; 5] })
}
