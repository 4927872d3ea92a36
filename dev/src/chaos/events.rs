//! What `OTP_EVENTS` tells: read along while everything breaks, so that nothing ages out before it is compared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{self, stream};
use futures_util::StreamExt as _;
use otp_nats::{Event, EventKind, Timestamp, VerificationId, subject};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::stack::StackFile;

/// So long without a message before the stream is asked anew: a consumer that lost its server says nothing.
const SILENCE: Duration = Duration::from_secs(3);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_millis(300);

/// An event as it stands in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    /// Its position.
    pub(super) seq: u64,
    /// What happened.
    pub(super) kind: EventKind,
    /// To which of the verification's mails.
    pub(super) generation: u32,
    /// When the stream took it.
    pub(super) at: Timestamp,
}

/// The events of each verification, in the order of the stream.
pub(super) type Timelines = HashMap<VerificationId, Vec<Stored>>;

/// Reads along until it is dropped.
#[derive(Debug)]
pub(super) struct Follower {
    read: Arc<Mutex<Timelines>>,
    _stop: DropGuard,
}

impl Follower {
    /// Follows the stream from its first message on, at the servers themselves.
    ///
    /// # Errors
    /// The connection can't be set up at all.
    pub(super) async fn start(stack: &StackFile) -> anyhow::Result<Self> {
        let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
        let client = stack.connect_nats_at([&stack.nats], options).await?;
        let read = Arc::new(Mutex::default());
        let stop = CancellationToken::new();
        let follow = follow(jetstream::new(client), Arc::clone(&read));
        tokio::spawn(stop.clone().run_until_cancelled_owned(follow));
        Ok(Self { read, _stop: stop.drop_guard() })
    }

    /// What was read so far.
    pub(super) fn timelines(&self) -> Timelines {
        lock(&self.read).clone()
    }

    /// How many of these verifications' mails have come to an end: sent, failed or expired.
    pub(super) fn ended<'i>(&self, ids: impl Iterator<Item = &'i VerificationId>) -> usize {
        let read = lock(&self.read);
        ids.filter(|id| read.get(*id).is_some_and(|events| events.iter().any(|event| ends_a_mail(event.kind)))).count()
    }
}

/// Whether a mail has come to its end with this event.
pub(super) const fn ends_a_mail(kind: EventKind) -> bool {
    matches!(kind, EventKind::Sent | EventKind::Failed | EventKind::Expired)
}

async fn follow(context: jetstream::Context, read: Arc<Mutex<Timelines>>) {
    let mut next = 1;
    loop {
        if let Err(error) = take(&context, &read, &mut next).await {
            tracing::debug!(%error, "the events can't be read just now");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Reads from a consumer of its own until it falls silent.
async fn take(context: &jetstream::Context, read: &Mutex<Timelines>, next: &mut u64) -> anyhow::Result<()> {
    let stream: stream::Stream = context.get_stream(otp_nats::stream::EVENTS).await?;
    let from = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: *next },
        ack_policy: AckPolicy::None,
        inactive_threshold: Duration::from_secs(10),
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(from).await?;
    let mut messages = consumer.messages().await?;
    while let Ok(Some(message)) = tokio::time::timeout(SILENCE, messages.next()).await {
        let message = message?;
        let info = message.info().map_err(anyhow::Error::from_boxed)?;
        if info.stream_sequence < *next {
            continue;
        }
        *next = info.stream_sequence + 1;
        let millis = i64::try_from(info.published.unix_timestamp_nanos() / 1_000_000)?;
        if let Some(subject::Parsed { kind, id }) = subject::parse(&message.subject) {
            let generation = Event::from_json(&message.payload).map_or(0, |event| event.generation);
            let at = Timestamp::from_millis(millis);
            lock(read).entry(id).or_default().push(Stored { seq: info.stream_sequence, kind, generation, at });
        }
    }
    Ok(())
}

fn lock(read: &Mutex<Timelines>) -> MutexGuard<'_, Timelines> {
    read.lock().unwrap_or_else(PoisonError::into_inner)
}
