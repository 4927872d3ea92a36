//! The connection to NATS: settings, streams created or checked, publishing.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;

use crate::settings::{Setting, Settings};
use crate::stream::StreamSettings;

mod access;
mod acks;
mod connection;
mod examine;
mod levels;
mod metrics;
mod publish;
mod streams;
mod watchdog;

pub use examine::DialFault;
pub use levels::StreamLevels;
pub use metrics::BusMetrics;
pub use publish::{PublishFault, Stored};
pub use streams::{StreamFault, compare};

use access::Access;
use acks::Acks;
use connection::Connection;
use watchdog::Trouble;

/// Longest wait for the streams' state: less than a whole readiness check has, so that it can say who hangs.
const FAULTS_WAIT: Duration = Duration::from_millis(1500);
/// Longest wait for an answer of JetStream's to a question of ours.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What to do with a stream whose settings differ from the configured ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// Do not start.
    Refuse,
    /// Change the stream.
    Update,
    /// Wait until another service has changed it: for those that may not.
    Wait,
}

impl Setting for Drift {
    const FORM: &'static str = "refuse, update or wait";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "update" => Ok(Self::Update),
            "wait" => Ok(Self::Wait),
            _ => Err(String::new()),
        }
    }
}

/// How to reach NATS and what the streams shall be.
#[derive(Debug, Clone)]
pub struct BusSettings {
    access: Access,
    /// The streams' settings.
    pub streams: StreamSettings,
    drift: Drift,
}

impl BusSettings {
    /// Declares and reads the settings.
    pub fn read(settings: &mut Settings<'_>) -> Option<Self> {
        let access = Access::read(settings);
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
            access: access?,
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

/// Why the bus cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum ConnectFault {
    /// The credentials file cannot be used.
    #[error("the NATS credentials file cannot be read: {0}")]
    Credentials(std::io::ErrorKind),
    /// A file of certificates or of a key cannot be used.
    #[error("{0} cannot be read: {1}")]
    Certificate(&'static str, std::io::ErrorKind),
    /// The connection cannot be set up at all, whatever the servers do.
    #[error("NATS cannot be connected to: {0}")]
    Setup(async_nats::ConnectErrorKind),
    /// The client ended at once.
    #[error("the NATS client ended")]
    Ended,
}

/// The connection to NATS. Clones share it.
#[derive(Debug, Clone)]
pub struct Bus {
    connection: Connection,
    jetstream: jetstream::Context,
    settings: BusSettings,
    metrics: BusMetrics,
    acks: Arc<Acks>,
    trouble: Arc<Trouble>,
}

impl Bus {
    /// Connects under this name. Returns at once: while no server can be reached, the connection is tried again in the
    /// background, and everything that needs it fails with its own fault until then.
    ///
    /// # Errors
    /// [`ConnectFault`], as its variants say.
    pub async fn connect(name: &str, settings: &BusSettings, metrics: BusMetrics) -> Result<Self, ConnectFault> {
        let connection = Connection::open(name, settings, metrics.clone()).await?;
        let jetstream =
            jetstream::context::ContextBuilder::new().timeout(ANSWER_WITHIN).build(connection.client.clone());
        let acks = Arc::new(Acks::open(&connection.client).await.ok_or(ConnectFault::Ended)?);
        let (settings, trouble) = (settings.clone(), Arc::new(Trouble::default()));
        let watched = (jetstream.clone(), connection.clone(), settings.clone(), Arc::downgrade(&trouble));
        tokio::spawn(watchdog::watch(watched.0, watched.1, watched.2, watched.3));
        Ok(Self { connection, jetstream, settings, metrics, acks, trouble })
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
        self.connection.is_made()
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
        let flushed = tokio::time::timeout(Duration::from_secs(2), self.connection.client.flush()).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("what was still to be sent to NATS could not be flushed");
        }
    }
}

/// Between half of the duration and all of it.
pub fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(rand::random_range(0.5..=1.0))
}
