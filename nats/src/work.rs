//! Consuming requests: a bounded number at once, each answered with a verdict.
//!
//! While a request is worked on, progress acknowledgements keep the server from giving it to another mailer. A panic
//! ends that request's task alone: the request comes again after a pause, and after some panics it is given up.
//!
//! Requests are taken up in the order in which the server hands them over: those that come again before new ones, and
//! new ones as they were asked for. All codes live equally long, so this is the order of their deadlines; a resend
//! alone, whose code is older, stands behind its own.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self, AckKind};
use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::Bus;
use crate::event::EventKind;
use crate::id::VerificationId;
use crate::stream::ACK_WAIT;
use crate::subject;
use crate::timestamp::Timestamp;
use crate::trace::{self, TraceParent};

mod doubt;
mod intake;
mod pull;

use intake::Intake;

/// Progress is said three times within `ack_wait`, so that one lost message does no harm.
const PROGRESS_EVERY: Duration = Duration::from_secs(ACK_WAIT.as_secs() / 3);
/// A request that made its task panic comes again after so long.
const AFTER_PANIC: Duration = Duration::from_secs(5);

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Job {
    /// The payload.
    pub payload: Bytes,
    /// The subject.
    pub subject: String,
    /// How often it was delivered, this time included.
    pub delivered: u32,
    /// Whether it may have been delivered before: after a change of the consumer's leader the count above is too low.
    pub doubtful: bool,
    /// Its sequence in the stream.
    pub seq: u64,
    /// When the stream took it.
    pub stored_at: Timestamp,
    /// What asked for it in its trace, or a new trace.
    pub trace: TraceParent,
}

impl Job {
    /// Whether the subject names this verification's request.
    pub fn is_about(&self, id: &VerificationId) -> bool {
        subject::parse(&self.subject) == Some(subject::Parsed { kind: EventKind::Requested, id: *id })
    }
}

/// A place among the requests that are worked on at once. Once it is dropped another one is begun: what is left to do
/// then takes time and nothing that there is little of.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done: it leaves the stream.
    Acknowledge,
    /// It comes again after this time.
    RetryAfter(Duration),
    /// It leaves the stream undone; a dead letter was written before.
    GiveUp,
}

impl Verdict {
    /// The name that traces use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::RetryAfter(_) => "retry",
            Self::GiveUp => "give-up",
        }
    }
}

/// What works on requests.
pub trait Worker: Send + Sync + 'static {
    /// Waits until another request can be taken up.
    fn ready(&self) -> impl Future<Output = ()> + Send;

    /// Works on one request. The slot may be given back before the work ends.
    fn work(&self, job: Job, slot: Slot) -> impl Future<Output = Verdict> + Send;

    /// Asked instead of [`Worker::work`]'s verdict after that panicked.
    fn panicked(&self, job: Job) -> impl Future<Output = Verdict> + Send {
        let _ = job;
        std::future::ready(Verdict::RetryAfter(AFTER_PANIC))
    }
}

/// Works on the consumer's requests, at most `concurrency` at once and as many whose slots were given back, until `drain`
/// is cancelled; then ends those that are under way and gives back those that were only prefetched.
pub async fn run<W: Worker>(
    bus: &Bus,
    consumer: PullConsumer,
    worker: Arc<W>,
    concurrency: usize,
    drain: CancellationToken,
) {
    let tasks = TaskTracker::new();
    if let Some(mut intake) = Intake::new(bus, consumer, worker, concurrency, tasks.clone()).await {
        intake.take_in(&drain).await;
        intake.wind_down().await;
    } else {
        tracing::error!("the NATS connection is closed");
    }
    tasks.close();
    tasks.wait().await;
}

async fn answer<W: Worker>(worker: &W, message: jetstream::Message, doubtful: bool, slot: Slot) {
    let Some(job) = job(&message, doubtful) else {
        tracing::error!("a message without JetStream's data came to the consumer");
        return;
    };
    // What is left of a worker's state after a panic is what any other task of its would have found at that moment.
    let mut work = std::pin::pin!(AssertUnwindSafe(worker.work(job.clone(), slot)).catch_unwind());
    let ended = loop {
        tokio::select! {
            ended = &mut work => break ended,
            () = tokio::time::sleep(PROGRESS_EVERY) => {
                if message.ack_with(AckKind::Progress).await.is_err() {
                    tracing::warn!("progress could not be said");
                }
            }
        }
    };
    let verdict = match ended {
        Ok(verdict) => verdict,
        Err(_panic) => {
            tracing::error!(seq = job.seq, delivered = job.delivered, "the work on a request panicked");
            worker.panicked(job).await
        }
    };
    acknowledge(&message, verdict).await;
}

async fn acknowledge(message: &jetstream::Message, verdict: Verdict) {
    let said = match verdict {
        Verdict::Acknowledge => AckKind::Ack,
        Verdict::RetryAfter(delay) => AckKind::Nak(Some(delay).filter(|delay| !delay.is_zero())),
        Verdict::GiveUp => AckKind::Term,
    };
    // An unsaid verdict costs a redelivery, which the worker recognises.
    if let Err(error) = message.ack_with(said).await {
        tracing::warn!(error, "a verdict could not be said");
    }
}

fn job(message: &jetstream::Message, doubtful: bool) -> Option<Job> {
    let info = message.info().ok()?;
    let header = message.headers.as_ref().and_then(|headers| headers.get(trace::HEADER));
    let trace = header.and_then(|value| TraceParent::parse(value.as_str()));
    Some(Job {
        payload: message.payload.clone(),
        subject: message.subject.to_string(),
        delivered: u32::try_from(info.delivered).unwrap_or(u32::MAX),
        doubtful,
        seq: info.stream_sequence,
        stored_at: info.published.into(),
        trace: trace.unwrap_or_else(TraceParent::start),
    })
}
