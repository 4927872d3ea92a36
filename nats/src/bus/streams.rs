//! Streams: created when missing, compared when there.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, ReplayPolicy, pull};
use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use tokio_util::sync::CancellationToken;

use super::{Bus, Drift, jittered};
use crate::stream::{self, Discard, Retention, StreamSpec};

/// What JetStream says while it cannot do it yet, beside all that it answers with 503: a cluster that is just forming
/// has too few nodes, services that create the same stream at once each have its bounds counted, and a stream that is
/// being made exists and is not there.
const PASSING: [ErrorCode; 8] = [
    ErrorCode::CLUSTER_INCOMPLETE,
    ErrorCode::CLUSTER_NO_PEERS,
    ErrorCode::CLUSTER_NOT_ACTIVE,
    ErrorCode::CLUSTER_NOT_LEADER,
    ErrorCode::CLUSTER_NOT_ASSIGNED,
    ErrorCode::INSUFFICIENT_RESOURCES,
    ErrorCode::STORAGE_RESOURCES_EXCEEDED,
    ErrorCode::STREAM_NAME_EXIST,
];

/// A stream that another service is making is there within so many looks: it takes some milliseconds.
const LOOKS: usize = 5;
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Why a stream or consumer is not as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// Settings differ; both values of each are named.
    #[error("{name} differs from its configuration: {}", differences.join("; "))]
    Drifted {
        /// The stream or consumer.
        name: &'static str,
        /// One phrase for each setting.
        differences: Vec<String>,
    },
    /// It is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The server did not answer, or not with what was asked for.
    #[error("{0} cannot be read: {1}")]
    Unavailable(&'static str, String),
    /// The server refuses the settings.
    #[error("{0} cannot be made: {1}")]
    Refused(&'static str, String),
}

impl Bus {
    /// Creates the streams that are missing and compares the others, trying again while NATS is away.
    ///
    /// # Errors
    /// [`StreamFault::Drifted`], unless drift shall be mended, and [`StreamFault::Refused`]; and
    /// [`StreamFault::Unavailable`] when `stop` ended the wait.
    pub async fn ensure_streams(&self, stop: &CancellationToken) -> Result<(), StreamFault> {
        for spec in self.settings.streams.streams() {
            self.patiently(stop, || self.ensure_stream(&spec)).await?;
        }
        Ok(())
    }

    /// The durable consumer that all mailers share; created when missing, compared when there, as the streams are.
    ///
    /// # Errors
    /// As [`Bus::ensure_streams`].
    pub async fn mailer_consumer(&self, stop: &CancellationToken) -> Result<PullConsumer, StreamFault> {
        self.patiently(stop, || self.ensure_mailer_consumer()).await
    }

    /// Compares the streams and changes nothing.
    pub(super) async fn check_streams(&self) -> Result<(), StreamFault> {
        for spec in self.settings.streams.streams() {
            let stream = self.jetstream.get_stream(spec.name).await.map_err(|error| unavailable(spec.name, &error))?;
            compare(&spec, &stream.cached_info().config)?;
        }
        Ok(())
    }

    async fn patiently<T, F: Future<Output = Result<T, StreamFault>>>(
        &self,
        stop: &CancellationToken,
        attempt: impl Fn() -> F,
    ) -> Result<T, StreamFault> {
        let mut pause = Duration::from_millis(100);
        loop {
            match attempt().await {
                Err(StreamFault::Unavailable(name, why)) => {
                    tracing::warn!(name, why, "waiting for NATS");
                    tokio::select! {
                        () = tokio::time::sleep(jittered(pause)) => {}
                        () = stop.cancelled() => return Err(StreamFault::Unavailable(name, why)),
                    }
                    pause = (pause * 2).min(Duration::from_secs(3));
                }
                done => return done,
            }
        }
    }

    async fn ensure_stream(&self, spec: &StreamSpec) -> Result<(), StreamFault> {
        let existing = match self.jetstream.get_stream(spec.name).await {
            Ok(stream) => stream,
            Err(error) => {
                if !is_missing(&error) {
                    return Err(unavailable(spec.name, &error));
                }
                tracing::info!(stream = spec.name, "creating the stream");
                match self.jetstream.create_stream(configuration(spec)).await {
                    Ok(stream) => stream,
                    Err(error) => self.made_meanwhile(spec.name).await.ok_or_else(|| refused(spec.name, &error))?,
                }
            }
        };
        match compare(spec, &existing.cached_info().config) {
            Err(StreamFault::Drifted { name, differences }) if self.settings.drift == Drift::Update => {
                tracing::warn!(name, ?differences, "changing the stream's settings");
                self.jetstream.update_stream(configuration(spec)).await.map_err(|error| refused(name, &error))?;
                Ok(())
            }
            Err(fault) if self.settings.drift == Drift::Wait => {
                Err(StreamFault::Unavailable(spec.name, fault.to_string()))
            }
            compared => compared,
        }
    }

    /// The stream that another service has made at the same time. Two that make one with the same settings both succeed,
    /// but nats-server 2.9 at times tells one of them that the subjects overlap with those of another stream: this one.
    async fn made_meanwhile(&self, name: &str) -> Option<Stream> {
        for _ in 0..LOOKS {
            if let Ok(stream) = self.jetstream.get_stream(name).await {
                return Some(stream);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        None
    }

    async fn ensure_mailer_consumer(&self) -> Result<PullConsumer, StreamFault> {
        let stream =
            self.jetstream.get_stream(stream::REQUESTS).await.map_err(|error| unavailable(stream::REQUESTS, &error))?;
        let wanted = pull::Config {
            durable_name: Some(stream::MAILER.to_owned()),
            description: Some("All mailers".to_owned()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: stream::ACK_WAIT,
            max_deliver: -1,
            replay_policy: ReplayPolicy::Instant,
            max_ack_pending: stream::MAX_ACK_PENDING,
            ..pull::Config::default()
        };
        let consumer: PullConsumer = stream
            .get_or_create_consumer(stream::MAILER, wanted.clone())
            .await
            .map_err(|error| unavailable(stream::MAILER, &error))?;
        let found = &consumer.cached_info().config;
        let mut differences = Vec::new();
        differ(&mut differences, "ack_wait", &found.ack_wait, &wanted.ack_wait);
        differ(&mut differences, "max_deliver", &found.max_deliver, &wanted.max_deliver);
        differ(&mut differences, "max_ack_pending", &found.max_ack_pending, &wanted.max_ack_pending);
        differ(&mut differences, "ack_policy", &found.ack_policy, &wanted.ack_policy);
        if differences.is_empty() {
            Ok(consumer)
        } else {
            Err(StreamFault::Drifted { name: stream::MAILER, differences })
        }
    }
}

/// Whether JetStream says that there is no such stream.
pub(super) fn is_missing(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(said) if said.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn unavailable(name: &'static str, error: &dyn std::error::Error) -> StreamFault {
    StreamFault::Unavailable(name, error.to_string())
}

/// A server that cannot do it now is asked again; one that will not is not.
fn refused(name: &'static str, error: &CreateStreamError) -> StreamFault {
    let passing = match error.kind() {
        // The last three are no responders, or a connection that was lost.
        CreateStreamErrorKind::TimedOut
        | CreateStreamErrorKind::JetStreamUnavailable
        | CreateStreamErrorKind::Response
        | CreateStreamErrorKind::ResponseParse
        | CreateStreamErrorKind::NotFound => true,
        CreateStreamErrorKind::JetStream(said) => said.code() == 503 || PASSING.contains(&said.error_code()),
        CreateStreamErrorKind::EmptyStreamName
        | CreateStreamErrorKind::InvalidStreamName
        | CreateStreamErrorKind::DomainAndExternalSet => false,
    };
    let text = error.to_string();
    if passing { StreamFault::Unavailable(name, text) } else { StreamFault::Refused(name, text) }
}

fn configuration(spec: &StreamSpec) -> Config {
    Config {
        name: spec.name.to_owned(),
        description: Some(spec.description.to_owned()),
        subjects: spec.subjects.clone(),
        retention: match spec.retention {
            Retention::Limits => RetentionPolicy::Limits,
            Retention::WorkQueue => RetentionPolicy::WorkQueue,
        },
        discard: match spec.discard {
            Discard::Old => DiscardPolicy::Old,
            Discard::New => DiscardPolicy::New,
        },
        storage: StorageType::File,
        max_age: spec.max_age,
        max_messages: spec.max_messages,
        max_bytes: spec.max_bytes,
        max_messages_per_subject: spec.max_messages_per_subject,
        max_message_size: spec.max_message_size,
        duplicate_window: spec.duplicate_window,
        allow_direct: spec.allow_direct,
        num_replicas: spec.replicas,
        ..Config::default()
    }
}

/// Whether a stream is as configured.
///
/// # Errors
/// [`StreamFault::Drifted`].
pub fn compare(spec: &StreamSpec, found: &Config) -> Result<(), StreamFault> {
    let wanted = configuration(spec);
    let mut differences = Vec::new();
    let sorted = |subjects: &[String]| {
        let mut subjects = subjects.to_vec();
        subjects.sort();
        subjects
    };
    // Further ones are of kinds that come after this build: during a deploy it runs beside services that publish them.
    if !wanted.subjects.iter().all(|subject| found.subjects.contains(subject)) {
        differ(&mut differences, "subjects", &sorted(&found.subjects), &sorted(&wanted.subjects));
    }
    differ(&mut differences, "retention", &found.retention, &wanted.retention);
    differ(&mut differences, "discard", &found.discard, &wanted.discard);
    differ(&mut differences, "storage", &found.storage, &wanted.storage);
    differ(&mut differences, "max_age", &found.max_age, &wanted.max_age);
    differ(&mut differences, "max_msgs", &found.max_messages, &wanted.max_messages);
    differ(&mut differences, "max_bytes", &found.max_bytes, &wanted.max_bytes);
    differ(&mut differences, "max_msgs_per_subject", &found.max_messages_per_subject, &wanted.max_messages_per_subject);
    differ(&mut differences, "max_msg_size", &found.max_message_size, &wanted.max_message_size);
    differ(&mut differences, "duplicate_window", &found.duplicate_window, &wanted.duplicate_window);
    differ(&mut differences, "allow_direct", &found.allow_direct, &wanted.allow_direct);
    differ(&mut differences, "num_replicas", &found.num_replicas, &wanted.num_replicas);
    if differences.is_empty() { Ok(()) } else { Err(StreamFault::Drifted { name: spec.name, differences }) }
}

fn differ<T: PartialEq + std::fmt::Debug>(differences: &mut Vec<String>, name: &str, found: &T, wanted: &T) {
    if found != wanted {
        differences.push(format!("{name} is {found:?}, configured {wanted:?}"));
    }
}
