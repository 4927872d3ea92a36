//! Workers that panic, go and come while requests keep coming.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::PullConsumer;
use futures_util::future::join_all;
use otp_nats::bus::Bus;
use otp_nats::stream;
use otp_nats::testing::{TestServer, within};
use otp_nats::work::{self, Job, Slot, Verdict, Worker};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::join;

/// Longest wait for anything: generous, because the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

struct Stack {
    _nats: TestServer,
    url: String,
    bus: Bus,
}

impl Stack {
    async fn start() -> Self {
        let nats = TestServer::nats().unwrap();
        let url = nats.url("nats");
        let bus = join(&url).await;
        bus.ensure_streams(&CancellationToken::new()).await.unwrap();
        Self { _nats: nats, url, bus }
    }

    async fn consumer(bus: &Bus) -> PullConsumer {
        bus.mailer_consumer(&CancellationToken::new()).await.unwrap()
    }

    async fn publish(&self, payload: &str) {
        let subject = format!("otp.requested.{payload}");
        let stored = self.bus.jetstream().publish(subject, payload.to_owned().into()).await.unwrap();
        stored.await.unwrap();
    }

    /// A worker on a connection of its own, as each mailer has one.
    async fn working<W: Worker>(&self, worker: &Arc<W>, concurrency: usize) -> Working {
        let (bus, drain) = (join(&self.url).await, CancellationToken::new());
        let consumer = Self::consumer(&bus).await;
        let (worker, until) = (Arc::clone(worker), drain.clone());
        let task = tokio::spawn(async move {
            work::run(&bus, consumer, worker, concurrency, until).await;
            bus.close().await;
        });
        Working { drain, task }
    }

    async fn until_empty(&self) {
        eventually("no request left", async || {
            let mut stream = self.bus.jetstream().get_stream(stream::REQUESTS).await.ok()?;
            (stream.info().await.ok()?.state.messages == 0).then_some(())
        })
        .await;
    }
}

struct Working {
    drain: CancellationToken,
    task: JoinHandle<()>,
}

impl Working {
    async fn stop(self) {
        self.drain.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it drains").expect("it does not panic");
    }
}

async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, ask).await.unwrap_or_else(|| panic!("not in time: {what}"))
}

/// Notes when each request was worked on, and panics at those that ask for it.
#[derive(Default)]
struct Noting {
    done: Mutex<HashMap<String, Vec<Instant>>>,
    panics: AtomicUsize,
    given_up: AtomicUsize,
}

impl Noting {
    fn count(&self) -> usize {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Worker for Noting {
    async fn ready(&self) {}

    async fn work(&self, job: Job, _slot: Slot) -> Verdict {
        let name = String::from_utf8_lossy(&job.payload).into_owned();
        if name.starts_with("panic") {
            self.panics.fetch_add(1, Ordering::Relaxed);
            panic!("on purpose");
        }
        self.done.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default().push(Instant::now());
        Verdict::Acknowledge
    }

    async fn panicked(&self, job: Job) -> Verdict {
        if job.delivered < 3 {
            return Verdict::RetryAfter(Duration::from_millis(100));
        }
        self.given_up.fetch_add(1, Ordering::Relaxed);
        Verdict::GiveUp
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_one_request_and_no_other() {
    let (stack, worker) = (Stack::start().await, Arc::new(Noting::default()));
    // As many panics at once as the worker has places, and one more.
    for number in 0..5 {
        stack.publish(&format!("panic-{number}")).await;
    }
    for number in 0..20 {
        stack.publish(&format!("fine-{number}")).await;
    }
    let working = stack.working(&worker, 4).await;
    stack.until_empty().await;
    assert_eq!(worker.count(), 20);
    assert_eq!(worker.panics.load(Ordering::Relaxed), 15, "each came three times");
    assert_eq!(worker.given_up.load(Ordering::Relaxed), 5);
    stack.publish("afterwards").await;
    eventually("work after the panics", async || (worker.count() == 21).then_some(())).await;
    working.stop().await;
}

/// Drains while requests keep coming: enough to meet the one moment in which a request can fall between two pulls.
const ROLLS: usize = 5;
/// Workers that a roll replaces.
const SIDE_BY_SIDE: usize = 4;

/// Holds all that it works on until it is told to end, with their slots or without.
struct Holding {
    gives_back: bool,
    at_once: AtomicUsize,
    most: AtomicUsize,
    end: Semaphore,
}

impl Worker for Holding {
    async fn ready(&self) {}

    async fn work(&self, _job: Job, slot: Slot) -> Verdict {
        let slot = Some(slot).filter(|_| !self.gives_back);
        let at_once = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(at_once, Ordering::Relaxed);
        drop(self.end.acquire().await);
        self.at_once.fetch_sub(1, Ordering::Relaxed);
        drop(slot);
        Verdict::Acknowledge
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_is_given_back_lets_another_request_begin() {
    for (gives_back, at_once) in [(false, 4), (true, 8)] {
        let stack = Stack::start().await;
        let worker = Holding { gives_back, at_once: 0.into(), most: 0.into(), end: Semaphore::new(0) };
        let worker = Arc::new(worker);
        for number in 0..30 {
            stack.publish(&number.to_string()).await;
        }
        let working = stack.working(&worker, 4).await;
        let all_begun = async || (worker.at_once.load(Ordering::Relaxed) == at_once).then_some(());
        eventually("as many to begin as may", all_begun).await;
        worker.end.add_permits(30);
        stack.until_empty().await;
        assert_eq!(worker.most.load(Ordering::Relaxed), at_once);
        working.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_leaves_no_request_to_a_pull_that_nobody_reads() {
    let (stack, worker) = (Arc::new(Stack::start().await), Arc::new(Noting::default()));
    let over = CancellationToken::new();
    let publishing = {
        let (stack, over) = (Arc::clone(&stack), over.clone());
        tokio::spawn(async move {
            let (mut times, mut pace) = (HashMap::new(), tokio::time::interval(Duration::from_millis(1)));
            while !over.is_cancelled() {
                let name = format!("r{}", times.len());
                times.insert(name.clone(), Instant::now());
                stack.publish(&name).await;
                pace.tick().await;
            }
            times
        })
    };
    let mut current = Vec::new();
    for _ in 0..=ROLLS {
        let mut next = Vec::new();
        for _ in 0..SIDE_BY_SIDE {
            next.push(stack.working(&worker, 8).await);
        }
        join_all(current.drain(..).map(Working::stop)).await;
        current = next;
    }
    over.cancel();
    let times = publishing.await.unwrap();
    stack.until_empty().await;
    join_all(current.into_iter().map(Working::stop)).await;
    let done = worker.done.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = times.iter().map(|(name, since)| done.get(name).expect("worked on")[0].duration_since(*since));
    let longest = waited.max().unwrap_or_default();
    let twice = done.values().filter(|times| times.len() > 1).count();
    let (requests, drains) = (times.len(), ROLLS * SIDE_BY_SIDE);
    println!("{requests} requests over {drains} drains: longest wait {longest:.2?}, {twice} worked on twice");
    assert_eq!(twice, 0);
    assert!(longest < stream::ACK_WAIT / 2, "{longest:?}: it waited for its redelivery");
}
