//! What is asked for, what waits here, and what is begun.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::PullConsumer;
use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::pull::{Pull, Said};
use super::{Slot, Verdict, Worker, acknowledge, answer};
use crate::bus::Bus;
use crate::stream::ACK_WAIT;

/// A request that waited here for so long is given back. Were it kept until its `ack_wait` is over, another mailer would
/// get it as well, and both would work on it.
const LONGEST_WAIT: Duration = Duration::from_secs(ACK_WAIT.as_secs() / 2);

/// Requests in work for each slot: the one that has it, and one that gave it back.
const IN_WORK_FOR_A_SLOT: usize = 2;

/// Takes requests in: as many wait here as can be worked on at once, and one pull of as many again, so that the server
/// is never waited for and no request comes near its `ack_wait`.
pub(super) struct Intake<W> {
    worker: Arc<W>,
    concurrency: usize,
    /// For all that is in work, with a slot or without.
    room: Arc<Semaphore>,
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
    pull: Pull,
    held: VecDeque<Held>,
    pace: Pace,
}

struct Held {
    message: jetstream::Message,
    doubtful: bool,
    since: Instant,
}

/// How much is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// As much as can wait here.
    Full,
    /// Nothing before another request can be begun: what waited here did so for too long.
    Stuck,
    /// One request: the worker had to be waited for, and the next one shows whether it can work again. The others stay
    /// in the stream, in their order and for whoever can work.
    Careful,
    /// Nothing before that one has ended.
    Trying,
}

impl<W: Worker> Intake<W> {
    /// Nothing is asked for yet. `None` when the connection is closed.
    pub(super) async fn new(
        bus: &Bus,
        consumer: PullConsumer,
        worker: Arc<W>,
        concurrency: usize,
        tasks: TaskTracker,
    ) -> Option<Self> {
        Some(Self {
            worker,
            concurrency,
            room: Arc::new(Semaphore::new(IN_WORK_FOR_A_SLOT * concurrency)),
            slots: Arc::new(Semaphore::new(concurrency)),
            tasks,
            pull: Pull::new(bus.jetstream().clone(), consumer).await?,
            held: VecDeque::with_capacity(2 * concurrency),
            pace: Pace::Full,
        })
    }

    /// Works until `drain` is cancelled or the connection is closed.
    pub(super) async fn take_in(&mut self, drain: &CancellationToken) {
        loop {
            self.ask_or_give_back().await;
            let Self { worker, room, slots, pull, held, pace, concurrency, .. } = self;
            let oldest = held.front().map(|held| held.since);
            let begins = !matches!(pace, Pace::Trying) && (oldest.is_some() || *pace == Pace::Stuck);
            tokio::select! {
                biased;
                () = drain.cancelled() => return,
                place = free(worker, room, slots), if begins => self.begin(place),
                said = pull.next() => {
                    if !self.hear(said) {
                        return;
                    }
                }
                // Nothing waits here, so nothing above notices that the worker is ready again.
                () = worker.ready(), if *pace == Pace::Careful && oldest.is_none() && pull.may_ask() => {}
                () = all_ended(room, IN_WORK_FOR_A_SLOT * *concurrency), if *pace == Pace::Trying => self.pace = self.judged(),
                () = tokio::time::sleep_until(oldest.unwrap_or_else(Instant::now) + LONGEST_WAIT),
                    if oldest.is_some() && *pace != Pace::Stuck => self.pace = Pace::Stuck,
            }
        }
    }

    /// Begins what still comes on the open pull as far as there is room, and gives back the rest when it has ended:
    /// given back before, it would come back on it.
    pub(super) async fn wind_down(&mut self) {
        while self.pull.is_open() {
            let Self { worker, room, slots, pull, held, pace, .. } = self;
            tokio::select! {
                biased;
                place = free(worker, room, slots), if !held.is_empty() && *pace == Pace::Full => self.begin(place),
                said = pull.next() => {
                    if !self.hear(said) {
                        return;
                    }
                }
            }
        }
        self.give_back().await;
    }

    async fn ask_or_give_back(&mut self) {
        if self.pull.is_open() || self.pace == Pace::Trying {
            return;
        }
        if self.worker.ready().now_or_never().is_none() {
            self.pace = Pace::Careful;
            self.give_back().await;
            return;
        }
        match self.pace {
            Pace::Full if self.held.len() <= self.concurrency && self.pull.may_ask() => {
                self.pull.ask(self.concurrency).await;
            }
            Pace::Careful if self.held.is_empty() && self.pull.may_ask() => self.pull.ask(1).await,
            Pace::Stuck => self.give_back().await,
            Pace::Full | Pace::Careful | Pace::Trying => {}
        }
    }

    /// Hands what waits here to the other mailers at once instead of letting its `ack_wait` run out.
    async fn give_back(&mut self) {
        for held in self.held.drain(..) {
            acknowledge(&held.message, Verdict::RetryAfter(Duration::ZERO)).await;
        }
    }

    fn begin(&mut self, place: Option<(OwnedSemaphorePermit, Slot)>) {
        match self.pace {
            Pace::Stuck => self.pace = Pace::Full,
            Pace::Careful => self.pace = Pace::Trying,
            Pace::Full | Pace::Trying => {}
        }
        let Some((room, slot)) = place else { return };
        let Some(held) = self.held.pop_front() else { return };
        let worker = Arc::clone(&self.worker);
        self.tasks.spawn(async move {
            answer(&*worker, held.message, held.doubtful, slot).await;
            drop(room);
        });
    }

    /// Whether more may come.
    fn hear(&mut self, said: Said) -> bool {
        match said {
            Said::Request(message, doubtful) => {
                self.held.push_back(Held { message: *message, doubtful, since: Instant::now() });
            }
            Said::Changed => {}
            Said::Closed => {
                tracing::error!("the NATS connection is closed");
                return false;
            }
        }
        true
    }

    /// After the one request that was tried.
    fn judged(&self) -> Pace {
        if self.worker.ready().now_or_never().is_some() { Pace::Full } else { Pace::Careful }
    }
}

/// Waits until a request can be begun. `None` never comes: nobody closes the semaphore.
async fn free<W: Worker>(
    worker: &Arc<W>,
    room: &Arc<Semaphore>,
    slots: &Arc<Semaphore>,
) -> Option<(OwnedSemaphorePermit, Slot)> {
    worker.ready().await;
    let room = Arc::clone(room).acquire_owned().await.ok()?;
    let permit = Arc::clone(slots).acquire_owned().await.ok()?;
    Some((room, Slot { _permit: permit }))
}

/// Waits until nothing is worked on.
async fn all_ended(room: &Semaphore, number: usize) {
    let all = room.acquire_many(u32::try_from(number).unwrap_or(u32::MAX)).await;
    drop(all);
}
