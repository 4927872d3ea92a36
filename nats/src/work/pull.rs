//! Asking the server for requests, one bounded question (a *pull*) at a time.
//!
//! The client library's stream of messages is not used: whoever drops it cannot know whether the server has answered
//! its last pull, and what comes on a pull that nobody reads any more waits until its `ack_wait` is over. Here a pull
//! is short, and the server's word for its end is waited for.

use std::pin::Pin;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::BatchConfig;
use async_nats::jetstream::{self, Context};
use async_nats::{StatusCode, Subscriber};
use futures_util::StreamExt;
use tokio::time::Instant;

use super::doubt::Doubt;
use crate::bus::jittered;

/// A pull stays open so long: a drain waits for its end, and an idle mailer costs the server one question a second.
const EXPIRES: Duration = Duration::from_secs(1);
/// The server's word for a pull's end may come so much later before the pull counts as lost: a busy machine is late now and
/// then, and after a lost connection nobody wants to wait longer.
const GRACE: Duration = Duration::from_secs(2);
/// After a complaint of the server at first,
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// and at most: as long as an election of a leader takes.
const PAUSE_MAX: Duration = Duration::from_secs(3);
/// The header in which the server says how many requests a pull that has ended still asked for.
const PENDING: &str = "Nats-Pending-Messages";

/// Whether the consumer is there and somebody answers for it.
type Check = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// What came of waiting.
#[derive(Debug)]
pub(super) enum Said {
    /// A request, and whether it may have been delivered before, whatever the server counts.
    Request(Box<jetstream::Message>, bool),
    /// The pull has ended, or another may be opened.
    Changed,
    /// The client is closed; nothing comes any more.
    Closed,
}

/// See the module's description.
pub(super) struct Pull {
    context: Context,
    consumer: PullConsumer,
    inbox: String,
    messages: Subscriber,
    /// Requests that the open pull may still bring.
    open: usize,
    /// When the open pull counts as lost.
    lost_at: Instant,
    /// No pull before this time.
    not_before: Instant,
    pause: Duration,
    /// Asked after a pull was lost. A server that hangs would answer all pulls that it was sent when it goes on, so it
    /// gets no other one before it has answered this.
    check: Option<Check>,
    doubt: Doubt,
}

impl Pull {
    /// Ready to ask; `None` when the client is closed.
    pub(super) async fn new(context: Context, consumer: PullConsumer) -> Option<Self> {
        let inbox = context.client().new_inbox();
        let messages = context.client().subscribe(inbox.clone()).await.ok()?;
        let now = Instant::now();
        Some(Self {
            context,
            consumer,
            inbox,
            messages,
            open: 0,
            lost_at: now,
            not_before: now,
            pause: PAUSE_FIRST,
            check: None,
            doubt: Doubt::default(),
        })
    }

    /// Whether requests may still come.
    pub(super) const fn is_open(&self) -> bool {
        self.open > 0
    }

    /// Whether another pull may be opened now.
    pub(super) fn may_ask(&self) -> bool {
        !self.is_open() && self.check.is_none() && Instant::now() >= self.not_before
    }

    /// Opens a pull for at most so many requests.
    pub(super) async fn ask(&mut self, most: usize) {
        // A question to a server that is away would wait in the client, and all of them would be answered at once.
        if self.context.client().connection_state() != State::Connected {
            self.not_before = Instant::now() + jittered(PAUSE_FIRST);
            return;
        }
        let question = BatchConfig { batch: most, expires: Some(EXPIRES), ..BatchConfig::default() };
        match self.consumer.request_batch(question, self.inbox.clone().into()).await {
            Ok(()) => {
                self.open = most;
                self.lost_at = Instant::now() + EXPIRES + GRACE;
            }
            Err(error) => self.complain(&error.to_string()),
        }
    }

    /// Waits for what comes next. Nothing is lost when the wait is given up.
    pub(super) async fn next(&mut self) -> Said {
        let is_open = self.is_open();
        let pauses = !is_open && self.not_before > Instant::now();
        let until = if is_open { self.lost_at } else { self.not_before };
        tokio::select! {
            biased;
            message = self.messages.next() => message.map_or(Said::Closed, |message| self.read(message)),
            checked = asked(&mut self.check), if !is_open => {
                self.check = None;
                if let Err(why) = checked {
                    self.complain(&why);
                }
                Said::Changed
            }
            () = tokio::time::sleep_until(until), if is_open || pauses => {
                if is_open {
                    self.lose();
                }
                Said::Changed
            }
        }
    }

    fn read(&mut self, message: async_nats::Message) -> Said {
        let Some(status) = message.status.filter(|status| *status != StatusCode::OK) else {
            self.open = self.open.saturating_sub(1);
            self.pause = PAUSE_FIRST;
            let message = jetstream::Message { message, context: self.context.clone() };
            let told = message.info().map(|info| (info.stream_sequence, info.delivered));
            let doubtful = told.is_ok_and(|(seq, delivered)| self.doubt.about(seq, delivered, Instant::now()));
            return Said::Request(Box::new(message), doubtful);
        };
        match status {
            StatusCode::TIMEOUT => {
                let header = message.headers.as_ref().and_then(|headers| headers.get(PENDING));
                let left = header.and_then(|value| value.as_str().parse().ok()).unwrap_or(self.open);
                self.open = self.open.saturating_sub(left);
                self.pause = PAUSE_FIRST;
            }
            // Nobody answers for the consumer, or it is gone, or its leader goes: whatever it is, the pull has ended.
            status => {
                self.open = 0;
                self.complain(&format!("{status} {}", message.description.unwrap_or_default()));
            }
        }
        Said::Changed
    }

    fn lose(&mut self) {
        self.open = 0;
        self.doubt.raise(Instant::now());
        let consumer = self.consumer.clone();
        self.check =
            Some(Box::pin(async move { consumer.get_info().await.map(drop).map_err(|error| error.to_string()) }));
    }

    fn complain(&mut self, why: &str) {
        tracing::warn!(why, "requests cannot be pulled");
        self.doubt.raise(Instant::now());
        self.not_before = Instant::now() + jittered(self.pause);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }
}

async fn asked(check: &mut Option<Check>) -> Result<(), String> {
    match check {
        Some(check) => check.await,
        None => std::future::pending().await,
    }
}
