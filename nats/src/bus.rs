//! The connection to NATS: settings, streams created or checked, publishing.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, ConnectOptions, Event as ConnectionEvent, ServerAddr};
use tokio::time::Instant;

use crate::event::Event;
use crate::request::DeadLetter;
use crate::settings::{List, Setting, Settings};
use crate::stream::StreamSettings;
use crate::subject;
use crate::trace::{self, TraceParent};

mod metrics;
mod streams;

pub use metrics::BusMetrics;
pub use streams::StreamFault;

/// Longest wait for the streams' state: less than a whole readiness check has, so that it can say who hangs.
const FAULTS_WAIT: Duration = Duration::from_millis(1500);
/// One attempt of a publish waits so long for its acknowledgement: longer than any healthy server takes, short enough
/// for a second and third attempt within the deadline of a request.
const ATTEMPT: Duration = Duration::from_millis(1200);
/// Longest wait between attempts of a publish, and before connecting again.
const BACKOFF_MAX: Duration = Duration::from_secs(4);
/// Publishes that wait for their acknowledgement at once; beyond it a publisher is told at once that the bus is busy.
const MAX_IN_FLIGHT: usize = 8192;

/// What to do with a stream whose settings differ from the configured ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// Do not start.
    Refuse,
    /// Change the stream.
    Update,
}

impl Setting for Drift {
    const FORM: &'static str = "refuse or update";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "update" => Ok(Self::Update),
            _ => Err(String::new()),
        }
    }
}

impl Setting for ServerAddr {
    const FORM: &'static str = "nats://[user:password@]host[:port] or tls://...";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| String::new())
    }
}

/// How to reach NATS and what the streams shall be.
#[derive(Debug, Clone)]
pub struct BusSettings {
    /// The servers to try.
    servers: Vec<ServerAddr>,
    credentials: Option<PathBuf>,
    ca: Option<PathBuf>,
    /// The streams' settings.
    pub streams: StreamSettings,
    drift: Drift,
}

impl BusSettings {
    /// Declares and reads the settings.
    pub fn read(settings: &mut Settings<'_>) -> Option<Self> {
        let servers: Option<List<ServerAddr>> =
            settings.secret_or("OTP_NATS_URL", "nats://127.0.0.1:4222", "NATS servers");
        let credentials = settings.optional("OTP_NATS_CREDENTIALS_FILE", "NATS credentials file (JWT and seed)");
        let ca = settings.optional("OTP_NATS_CA_FILE", "Certificate authority of the NATS servers (PEM)");
        let code_ttl: Option<Duration> = settings.or("OTP_CODE_TTL", "300s", "Life of a code");
        let replicas = settings.or("OTP_STREAM_REPLICAS", "1", "Copies of each stream: 1, 3 or 5");
        let backlog_messages = settings.or("OTP_BACKLOG_MESSAGES", "1000000", "Most requests waiting for a mailer");
        let backlog_bytes = settings.or("OTP_BACKLOG_BYTES", "1073741824", "Most bytes of requests waiting");
        let events_bytes = settings.or("OTP_EVENTS_BYTES", "4294967296", "Most bytes of events kept");
        let drift = settings.or("OTP_STREAM_DRIFT", "refuse", "What to do when a stream's settings differ");
        if code_ttl.is_some_and(|ttl| !(Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&ttl)) {
            settings.fault("OTP_CODE_TTL must lie between 1 s and 24 h");
        }
        if replicas.is_some_and(|replicas| ![1, 3, 5].contains(&replicas)) {
            settings.fault("OTP_STREAM_REPLICAS must be 1, 3 or 5");
        }
        Some(Self {
            servers: servers?.0,
            credentials: credentials?,
            ca: ca?,
            streams: StreamSettings {
                code_ttl: code_ttl?,
                replicas: replicas?,
                backlog_messages: backlog_messages?,
                backlog_bytes: backlog_bytes?,
                events_bytes: events_bytes?,
            },
            drift: drift?,
        })
    }
}

impl BusSettings {
    /// User and password of the first server whose URL has them; a client logs in alike at all servers of a cluster.
    fn login(&self) -> Option<(String, String)> {
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        self.servers.iter().find_map(|server| Some((decoded(server.username()?), decoded(server.password()?))))
    }
}

/// Why the bus cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum ConnectFault {
    /// The credentials file cannot be used.
    #[error("the NATS credentials file cannot be read: {0}")]
    Credentials(std::io::ErrorKind),
    /// The connection cannot be set up at all, whatever the servers do.
    #[error("NATS cannot be connected to: {0}")]
    Setup(async_nats::ConnectErrorKind),
}

/// Why an event was not published. Only `Unavailable` may have been stored all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishFault {
    /// The stream is at its bound.
    #[error("the stream is full")]
    Full,
    /// The server refuses the message itself.
    #[error("the server refuses the message")]
    Refused,
    /// No acknowledgement came in time.
    #[error("no acknowledgement in time")]
    Unavailable,
}

/// What JetStream said of a stored message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The sequence in its stream.
    pub seq: u64,
    /// Whether a message of this id was there already.
    pub duplicate: bool,
}

/// The connection to NATS. Clones share it.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Client,
    jetstream: jetstream::Context,
    settings: BusSettings,
    metrics: BusMetrics,
}

impl Bus {
    /// Connects under this name. Returns at once: while no server can be reached, the connection is tried again in the
    /// background, and everything that needs it fails with its own fault until then.
    ///
    /// # Errors
    /// [`ConnectFault`], as its variants say.
    pub async fn connect(name: &str, settings: &BusSettings, metrics: BusMetrics) -> Result<Self, ConnectFault> {
        let connected = metrics.clone();
        let mut options = ConnectOptions::new()
            .name(name)
            .retry_on_initial_connect()
            .connection_timeout(Duration::from_secs(3))
            .ping_interval(Duration::from_secs(15))
            .request_timeout(Some(Duration::from_secs(5)))
            .reconnect_delay_callback(reconnect_delay)
            .event_callback(move |event| {
                note(&connected, &event);
                std::future::ready(())
            });
        // The client library does not read the login out of the URL by itself.
        if let Some((user, password)) = settings.login() {
            options = options.user_and_password(user, password);
        }
        if let Some(path) = &settings.credentials {
            options = options.credentials_file(path).await.map_err(|error| ConnectFault::Credentials(error.kind()))?;
        }
        if let Some(path) = &settings.ca {
            options = options.add_root_certificates(path.clone()).require_tls(true);
        }
        let client =
            options.connect(settings.servers.as_slice()).await.map_err(|error| ConnectFault::Setup(error.kind()))?;
        let jetstream = jetstream::context::ContextBuilder::new()
            .timeout(Duration::from_secs(5))
            .ack_timeout(ATTEMPT)
            .max_ack_inflight(MAX_IN_FLIGHT)
            .backpressure_on_inflight(false)
            .build(client.clone());
        Ok(Self { client, jetstream, settings: settings.clone(), metrics })
    }

    /// The JetStream context, for reading and consuming.
    pub const fn jetstream(&self) -> &jetstream::Context {
        &self.jetstream
    }

    /// The settings that the bus was joined with.
    pub const fn settings(&self) -> &BusSettings {
        &self.settings
    }

    /// Whether a server is connected now.
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// Publishes an event and waits until JetStream has it, trying again with the same `Nats-Msg-Id` until `within` is
    /// over. At most one copy is stored.
    ///
    /// # Errors
    /// [`PublishFault`], as its variants say.
    pub async fn publish(&self, event: &Event, trace: &TraceParent, within: Duration) -> Result<Stored, PublishFault> {
        let message = PublishMessage::build()
            .payload(event.to_json().into())
            .header(trace::HEADER, trace.to_string().as_str())
            .message_id(event.message_id());
        let started = Instant::now();
        let result = self.acknowledged(event.subject(), message, within).await;
        self.metrics.published(event.kind(), result.as_ref().err().copied(), started.elapsed());
        result
    }

    /// Publishes an event and does not wait: for what is best effort. Nothing is sent while no server is connected.
    pub async fn publish_best_effort(&self, event: &Event, trace: &TraceParent) {
        if !self.is_connected() {
            return;
        }
        let mut headers = async_nats::HeaderMap::new();
        headers.insert(trace::HEADER, trace.to_string().as_str());
        headers.insert(async_nats::header::NATS_MESSAGE_ID, event.message_id().as_str());
        let published = self.client.publish_with_headers(event.subject(), headers, event.to_json().into()).await;
        if published.is_err() {
            tracing::debug!(event = %event.kind(), "not published");
        }
    }

    /// Files a request that is given up, and waits until JetStream has it.
    ///
    /// # Errors
    /// [`PublishFault`], as its variants say.
    pub async fn publish_dead_letter(&self, letter: &DeadLetter, within: Duration) -> Result<Stored, PublishFault> {
        let subject = letter.id.as_ref().map_or_else(subject::dead_letter_without_id, subject::dead_letter);
        let payload = serde_json::to_vec(letter).map_err(|_| PublishFault::Refused)?;
        let mut message = PublishMessage::build().payload(payload.into());
        if let (Some(id), Some(generation)) = (&letter.id, letter.generation) {
            message = message.message_id(format!("{id}.dead.{generation}"));
        }
        self.acknowledged(subject, message, within).await
    }

    async fn acknowledged(
        &self,
        subject: String,
        message: PublishMessage,
        within: Duration,
    ) -> Result<Stored, PublishFault> {
        let deadline = Instant::now() + within;
        // Each attempt may leave an entry for a reply that never comes in the client (nats.rs#1617), so their number
        // is bounded by the time: at most three in the three seconds that a request has.
        for attempt in 1_u32.. {
            match tokio::time::timeout_at(deadline, self.attempt(subject.clone(), message.clone())).await {
                Ok(Ok(stored)) => return Ok(stored),
                Ok(Err(Some(fault))) => return Err(fault),
                Ok(Err(None)) => {}
                Err(_elapsed) => break,
            }
            let pause = jittered(Duration::from_millis(50) * 2_u32.saturating_pow(attempt.min(5)));
            if Instant::now() + pause >= deadline {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        Err(PublishFault::Unavailable)
    }

    /// One attempt; the inner `None` says that another may succeed.
    async fn attempt(&self, subject: String, message: PublishMessage) -> Result<Stored, Option<PublishFault>> {
        let sent = self.jetstream.send_publish(subject, message).await.map_err(|error| transient(error.kind()))?;
        let acknowledged = match tokio::time::timeout(ATTEMPT, sent.into_future()).await {
            Ok(acknowledged) => acknowledged,
            Err(_elapsed) => return Err(None),
        };
        match acknowledged {
            Ok(ack) => Ok(Stored { seq: ack.sequence, duplicate: ack.duplicate }),
            Err(error) => {
                let source = std::error::Error::source(&error).and_then(|s| s.downcast_ref::<jetstream::Error>());
                match source {
                    Some(said) if said.error_code() == ErrorCode::STREAM_STORE_FAILED => Err(Some(PublishFault::Full)),
                    Some(said) if said.code() == 400 => Err(Some(PublishFault::Refused)),
                    Some(_) | None => Err(transient(error.kind())),
                }
            }
        }
    }

    /// What keeps the bus from working, one phrase each; empty when the streams are there as configured.
    pub async fn faults(&self) -> Vec<String> {
        if !self.is_connected() {
            return vec!["NATS is not connected".to_owned()];
        }
        match tokio::time::timeout(FAULTS_WAIT, self.check_streams()).await {
            Ok(Ok(())) => Vec::new(),
            Ok(Err(fault)) => vec![fault.to_string()],
            Err(_) => vec!["NATS does not answer".to_owned()],
        }
    }

    /// Sends what is still buffered and closes the connection.
    pub async fn close(&self) {
        let flushed = tokio::time::timeout(Duration::from_secs(2), self.client.flush()).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("what was still to be sent to NATS could not be flushed");
        }
    }
}

const fn transient(kind: PublishErrorKind) -> Option<PublishFault> {
    match kind {
        PublishErrorKind::MaxPayloadExceeded => Some(PublishFault::Refused),
        PublishErrorKind::MaxAckPending => Some(PublishFault::Unavailable),
        // `StreamNotFound` is what a cluster says while it elects a leader.
        PublishErrorKind::StreamNotFound
        | PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence
        | PublishErrorKind::TimedOut
        | PublishErrorKind::BrokenPipe
        | PublishErrorKind::Other => None,
    }
}

/// Full jitter on a doubling delay, so that a thousand clients do not come back at once.
fn reconnect_delay(attempts: usize) -> Duration {
    let doubling = u32::try_from(attempts.min(8)).unwrap_or(8);
    jittered((Duration::from_millis(50) * 2_u32.saturating_pow(doubling)).min(BACKOFF_MAX))
}

/// Between half of the duration and all of it.
pub fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(rand::random_range(0.5..=1.0))
}

fn note(metrics: &BusMetrics, event: &ConnectionEvent) {
    match event {
        ConnectionEvent::Connected => {
            metrics.connected(true);
            tracing::info!("connected to NATS");
        }
        ConnectionEvent::Disconnected => {
            metrics.connected(false);
            tracing::warn!("disconnected from NATS");
        }
        ConnectionEvent::LameDuckMode | ConnectionEvent::Draining | ConnectionEvent::Closed => {
            tracing::info!(%event, "the NATS connection changes");
        }
        ConnectionEvent::SlowConsumer(_) | ConnectionEvent::ServerError(_) | ConnectionEvent::ClientError(_) => {
            tracing::warn!(%event, "the NATS connection has trouble");
        }
    }
}
