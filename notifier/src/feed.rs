//! The one consumer of this process: every event of `OTP_EVENTS`, in order, without gaps and without repeats.
//!
//! The consumer is ephemeral and needs no acknowledgement. Order is checked by the consumer's own count; at the first
//! doubt (a gap, a missed heartbeat, a new connection to NATS) it is dropped and made anew behind the last sequence
//! seen. That is what an ordered consumer of the client library does too, save that here nothing is ever started at
//! another place than the last one seen, and a lost connection is noticed at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, ReplayPolicy, pull};
use async_nats::jetstream::{self, stream as jetstream_stream};
use futures_util::{FutureExt, StreamExt};
use otp_nats::bus::{Bus, jittered};
use otp_nats::event::EventError;
use otp_nats::trace::{self, TraceParent};
use otp_nats::{Timestamp, stream, subject, telemetry};
use tokio_util::sync::CancellationToken;

use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::notice::Notice;

/// One pull asks for so many events; a lost one repeats at most these.
const BATCH: usize = 512;
/// So many events that have come are taken at once, before anything else is looked at.
const AT_ONCE: usize = 64;
/// One pull stays open so long.
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// Without events the server says so often that it is still there; twice this without a word is a loss.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How often the connection is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// The server forgets the consumer so long after the last pull.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// So few events behind counts as caught up: under load the count seldom is exactly zero.
const NEARLY: u64 = 256;
/// Between attempts at most.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Why a consumer was dropped.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the stream cannot be read: {0}")]
    Stream(String),
    #[error("the consumer cannot be made: {0}")]
    Consumer(String),
    #[error("the pull broke: {0}")]
    Pull(String),
    #[error("events are missing between two deliveries")]
    Gap,
    #[error("NATS was connected anew")]
    Reconnected,
    #[error("the service stops")]
    Stopped,
}

/// Feeds the hub until `stop` is cancelled.
pub(crate) async fn run(bus: Bus, hub: Arc<Hub>, metrics: Metrics, ring_events: usize, stop: CancellationToken) {
    let mut pause = Duration::from_millis(50);
    while !stop.is_cancelled() {
        let before = hub.position();
        let broken = consume(&bus, &hub, &metrics, ring_events, &stop).await;
        hub.set_state(false, false);
        if matches!(broken, Broken::Stopped) {
            return;
        }
        metrics.feed_restarts.inc();
        tracing::warn!(%broken, "the consumer of events is made anew");
        pause = if hub.position() == before { (pause * 2).min(PAUSE_MAX) } else { Duration::from_millis(50) };
        tokio::select! {
            () = tokio::time::sleep(jittered(pause)) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn consume(bus: &Bus, hub: &Hub, metrics: &Metrics, ring_events: usize, stop: &CancellationToken) -> Broken {
    let connects = connects(bus);
    let opened = tokio::select! {
        opened = open(bus, hub, ring_events) => opened,
        () = stop.cancelled() => return Broken::Stopped,
    };
    let (mut messages, pending) = match opened {
        Ok(opened) => opened,
        Err(broken) => return broken,
    };
    let mut caught_up = pending == 0;
    hub.set_state(true, caught_up);
    metrics.feed_lag.set(i64::try_from(pending).unwrap_or(i64::MAX));
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut expected = 1;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Broken::Stopped,
            _ = look.tick() => {
                let now = self::connects(bus);
                if now != connects {
                    return Broken::Reconnected;
                }
                hub.set_state(bus.is_connected(), caught_up);
            }
            next = messages.next() => {
                let (mut came, mut taken) = (Some(next), 0);
                while let Some(next) = came {
                    match deliver(next, &mut expected, hub, metrics) {
                        Ok(left) if !caught_up && left <= NEARLY => {
                            caught_up = true;
                            hub.set_state(true, true);
                        }
                        Ok(_) => {}
                        Err(broken) => return broken,
                    }
                    taken += 1;
                    came = if taken < AT_ONCE { messages.next().now_or_never() } else { None };
                }
            }
        }
    }
}

/// Gives the hub what has come; how many events the stream then has beyond it.
fn deliver(
    next: Option<Result<jetstream::Message, pull::MessagesError>>,
    expected: &mut u64,
    hub: &Hub,
    metrics: &Metrics,
) -> Result<u64, Broken> {
    let message = next.ok_or_else(|| Broken::Pull("it ended".to_owned()))?;
    let message = message.map_err(|error| Broken::Pull(error.to_string()))?;
    let info = message.info().map_err(|_| Broken::Gap)?;
    if info.consumer_sequence != *expected {
        return Err(Broken::Gap);
    }
    *expected += 1;
    hub.deliver(info.stream_sequence, read(&message, info.stream_sequence, metrics), stored_at(&info));
    metrics.feed_seq.set(i64::try_from(info.stream_sequence).unwrap_or(i64::MAX));
    metrics.feed_lag.set(i64::try_from(info.pending).unwrap_or(i64::MAX));
    Ok(info.pending)
}

/// Makes a consumer behind the last sequence seen, or, at the first start, so far back as the ring reaches. Also gives
/// how many events are to come at once.
async fn open(bus: &Bus, hub: &Hub, ring_events: usize) -> Result<(pull::Stream, u64), Broken> {
    let events = bus.jetstream().get_stream(stream::EVENTS).await.map_err(|error| Broken::Stream(error.to_string()))?;
    let start = start(&events.cached_info().state, hub, ring_events);
    let config = pull::Config {
        description: Some("A notifier's feed".to_owned()),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: start },
        ack_policy: AckPolicy::None,
        replay_policy: ReplayPolicy::Instant,
        memory_storage: true,
        num_replicas: 1,
        inactive_threshold: FORGOTTEN_AFTER,
        ..pull::Config::default()
    };
    let consumer = events.create_consumer(config).await.map_err(|error| Broken::Consumer(error.to_string()))?;
    let pending = consumer.cached_info().num_pending;
    let messages = consumer
        .stream()
        .max_messages_per_batch(BATCH)
        .expires(PULL_EXPIRES)
        .heartbeat(HEARTBEAT)
        .messages()
        .await
        .map_err(|error| Broken::Pull(error.to_string()))?;
    tracing::info!(start, pending, "consuming events");
    Ok((messages, pending))
}

/// The sequence to start at; the hub is told when this is a beginning and no resumption.
fn start(state: &jetstream_stream::State, hub: &Hub, ring_events: usize) -> u64 {
    let (first, next) = (state.first_sequence.max(1), state.last_sequence + 1);
    match hub.position() {
        Some(position) if position < next => position + 1,
        known => {
            if known.is_some() {
                tracing::error!("the stream of events lost its newest events or was made anew; clients must resume");
            }
            let start = first.max(next.saturating_sub(ring_events as u64));
            hub.begin(start - 1, start <= first);
            start
        }
    }
}

fn read(message: &jetstream::Message, seq: u64, metrics: &Metrics) -> Option<Arc<Notice>> {
    match Notice::read_traced(seq, &message.payload, traced(message)) {
        // JetStream stores its answers wherever they are to be sent: a user who may read one event can have it stored
        // under the subject of another.
        Ok(notice) if subject::event(notice.kind, &notice.id) != message.subject.as_str() => {
            metrics.feed_skipped.inc();
            tracing::warn!(seq, "an event that stands where another belongs is skipped");
            None
        }
        Ok(notice) => Some(notice),
        Err(error) => {
            metrics.feed_skipped.inc();
            match error {
                EventError::Unsupported => tracing::debug!(seq, "an event of a newer version is skipped"),
                EventError::Malformed => tracing::warn!(seq, "an event that cannot be read is skipped"),
            }
            None
        }
    }
}

/// What told of an event, if that is recorded.
fn traced(message: &jetstream::Message) -> Option<TraceParent> {
    let headers = message.headers.as_ref().filter(|_| telemetry::is_on())?;
    TraceParent::parse(headers.get(trace::HEADER)?.as_str()).filter(TraceParent::is_sampled)
}

fn stored_at(info: &jetstream::message::Info<'_>) -> Timestamp {
    let millis = info.published.unix_timestamp_nanos().div_euclid(1_000_000);
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// How often NATS was connected to.
fn connects(bus: &Bus) -> u64 {
    bus.jetstream().client().statistics().connects.load(Ordering::Relaxed)
}
