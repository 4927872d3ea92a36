//! Consuming requests: a bounded number at once, each answered with a verdict.
//!
//! While a request is worked on, progress acknowledgements keep the server from giving it to another mailer. A panic
//! ends that request's task alone: the request comes again after a pause, and after some panics it is given up.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self, AckKind};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::jittered;
use crate::stream::ACK_WAIT;
use crate::timestamp::Timestamp;
use crate::trace::{self, TraceParent};

/// Prefetched for each request that can be worked on: enough to never wait for the server, little enough that no
/// prefetched request comes near its `ack_wait`.
const PREFETCH_FACTOR: usize = 2;
/// A prefetched request that waited here for so long is given back. Were it kept until its `ack_wait` is over, another
/// mailer would get it as well, and both would work on it.
const LONGEST_PREFETCH: Duration = Duration::from_secs(ACK_WAIT.as_secs() / 2);
/// Progress is said three times within `ack_wait`, so that one lost message does no harm.
const PROGRESS_EVERY: Duration = Duration::from_secs(ACK_WAIT.as_secs() / 3);
/// A request that made its task panic comes again after so long.
const AFTER_PANIC: Duration = Duration::from_secs(5);
/// Without messages the server says so often that it is still there.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// One pull asks for so long.
const PULL_EXPIRES: Duration = Duration::from_secs(30);

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Job {
    /// The payload.
    pub payload: Bytes,
    /// The subject.
    pub subject: String,
    /// How often it was delivered, this time included.
    pub delivered: u32,
    /// Its sequence in the stream.
    pub seq: u64,
    /// When the stream took it.
    pub stored_at: Timestamp,
    /// The trace that it belongs to, or a new one.
    pub trace: TraceParent,
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

/// What works on requests.
pub trait Worker: Send + Sync + 'static {
    /// Waits until another request can be taken up.
    fn ready(&self) -> impl Future<Output = ()> + Send;

    /// Works on one request.
    fn work(&self, job: Job) -> impl Future<Output = Verdict> + Send;

    /// Asked instead of [`Worker::work`]'s verdict after that panicked.
    fn panicked(&self, job: Job) -> impl Future<Output = Verdict> + Send {
        let _ = job;
        std::future::ready(Verdict::RetryAfter(AFTER_PANIC))
    }
}

/// Works on the consumer's requests, at most `concurrency` at once, until `drain` is cancelled; then ends those that
/// are under way and gives back those that were only prefetched.
pub async fn run<W: Worker>(consumer: PullConsumer, worker: Arc<W>, concurrency: usize, drain: CancellationToken) {
    let tasks = TaskTracker::new();
    let permits = Arc::new(Semaphore::new(concurrency));
    let mut pause = Duration::from_millis(100);
    while !drain.is_cancelled() {
        // Nothing is prefetched as long as nothing can be taken up.
        tokio::select! {
            biased;
            () = drain.cancelled() => break,
            permit = free(&worker, &permits) => drop(permit),
        }
        let batch = concurrency * PREFETCH_FACTOR;
        let pull =
            consumer.stream().max_messages_per_batch(batch).heartbeat(HEARTBEAT).expires(PULL_EXPIRES).messages().await;
        match pull {
            Ok(messages) => {
                pause = Duration::from_millis(100);
                // The client asks for another batch when half of one is left.
                let prefetched = Prefetched::new(Instant::now(), batch + batch / 2);
                until_broken(messages, prefetched, &worker, &permits, &tasks, &drain).await;
            }
            Err(error) => tracing::warn!(%error, "requests cannot be pulled"),
        }
        if !drain.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(jittered(pause)) => {}
                () = drain.cancelled() => {}
            }
            pause = (pause * 2).min(Duration::from_secs(3));
        }
    }
    tasks.close();
    tasks.wait().await;
}

/// Waits until a request can be taken up. `None` never comes: nobody closes the semaphore.
async fn free<W: Worker>(worker: &Arc<W>, permits: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    worker.ready().await;
    Arc::clone(permits).acquire_owned().await.ok()
}

/// Takes requests until the stream of them breaks, `drain` is cancelled, or what is prefetched has waited for too long.
async fn until_broken<W: Worker>(
    mut messages: jetstream::consumer::pull::Stream,
    mut prefetched: Prefetched,
    worker: &Arc<W>,
    permits: &Arc<Semaphore>,
    tasks: &TaskTracker,
    drain: &CancellationToken,
) {
    loop {
        let permit = tokio::select! {
            biased;
            () = drain.cancelled() => break,
            permit = free(worker, permits) => permit,
            () = tokio::time::sleep_until(prefetched.since() + LONGEST_PREFETCH) => break,
        };
        let next = if let Some(next) = messages.next().now_or_never() {
            next
        } else {
            tokio::select! {
                biased;
                () = drain.cancelled() => break,
                next = messages.next() => {
                    prefetched.was_empty(Instant::now());
                    next
                }
            }
        };
        match next {
            Some(Ok(message)) => {
                prefetched.took(Instant::now());
                let worker = Arc::clone(worker);
                tasks.spawn(async move {
                    answer(worker, message).await;
                    drop(permit);
                });
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "the pull of requests broke");
                return;
            }
            None => return,
        }
    }
    give_back(messages, prefetched.most).await;
}

/// Hands prefetched requests to the other mailers at once instead of letting their `ack_wait` run out.
async fn give_back(mut messages: jetstream::consumer::pull::Stream, most: usize) {
    let mut prefetched = Vec::new();
    while prefetched.len() < most
        && let Ok(Some(Ok(message))) = tokio::time::timeout(Duration::from_millis(50), messages.next()).await
    {
        prefetched.push(message);
    }
    // The pull ends first: what is given back while it is open comes back on it.
    drop(messages);
    for message in prefetched {
        acknowledge(&message, Verdict::RetryAfter(Duration::ZERO)).await;
    }
}

/// Since when the oldest prefetched request can have been waiting here at most. The client does not tell when a request
/// came, but at most `most` are out at once: the next one was asked for after the one `most` places before it was
/// taken; and whatever comes after nothing was there has come since.
#[derive(Debug)]
struct Prefetched {
    since: Instant,
    taken: VecDeque<Instant>,
    most: usize,
}

impl Prefetched {
    fn new(now: Instant, most: usize) -> Self {
        Self { since: now, taken: VecDeque::with_capacity(most + 1), most }
    }

    fn was_empty(&mut self, now: Instant) {
        self.since = now;
        self.taken.clear();
    }

    fn took(&mut self, now: Instant) {
        self.taken.push_back(now);
        if self.taken.len() > self.most {
            self.since = self.taken.pop_front().unwrap_or(now);
        }
    }

    const fn since(&self) -> Instant {
        self.since
    }
}

async fn answer<W: Worker>(worker: Arc<W>, message: jetstream::Message) {
    let Some(job) = job(&message) else {
        tracing::error!("a message without JetStream's data came to the consumer");
        return;
    };
    let task = {
        let (worker, job) = (Arc::clone(&worker), job.clone());
        tokio::spawn(async move { worker.work(job).await })
    };
    let mut task = std::pin::pin!(task);
    let ended = loop {
        tokio::select! {
            ended = &mut task => break ended,
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

fn job(message: &jetstream::Message) -> Option<Job> {
    let info = message.info().ok()?;
    let header = message.headers.as_ref().and_then(|headers| headers.get(trace::HEADER));
    let trace = header.and_then(|value| TraceParent::parse(value.as_str())).map(|parent| parent.child());
    let millis = info.published.unix_timestamp_nanos().div_euclid(1_000_000);
    Some(Job {
        payload: message.payload.clone(),
        subject: message.subject.to_string(),
        delivered: u32::try_from(info.delivered).unwrap_or(u32::MAX),
        seq: info.stream_sequence,
        stored_at: Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)),
        trace: trace.unwrap_or_else(TraceParent::start),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefetched_request_is_no_older_than_it_can_be() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut prefetched = Prefetched::new(start, 3);
        for secs in 1..=3 {
            prefetched.took(at(secs));
            assert_eq!(prefetched.since(), start);
        }
        prefetched.took(at(4));
        assert_eq!(prefetched.since(), at(1), "the fourth was asked for after the first was taken");
        prefetched.took(at(5));
        assert_eq!(prefetched.since(), at(2));
        prefetched.was_empty(at(60));
        prefetched.took(at(60));
        assert_eq!(prefetched.since(), at(60));
        assert!(prefetched.taken.len() <= 3);
    }
}
