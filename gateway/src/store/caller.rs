//! A call of a script with its deadlines: how long the caller waits, and until when Redis may run it.

use std::time::Duration;

use otp_nats::telemetry::{SpanKind, Step};
use redis::{RedisError, Value};
use tokio::time::Instant;

use super::address::RedisUrl;
use super::call::Call;
use super::clock::Clock;
use super::link::Link;
use super::metrics::RedisMetrics;
use super::outcome::{fault, integer, text};
use super::scripts::Scripts;

/// A script answers in well under a millisecond; whoever waits longer than this, for all tries together, is better
/// served by a 503 that it can repeat.
pub(super) const PATIENCE: Duration = Duration::from_millis(1500);

/// Redis cannot be asked now, or answered something that no script answers.
#[derive(Debug, thiserror::Error)]
#[error("Redis: {what}")]
pub struct StoreFault {
    pub(super) what: String,
    /// That the call may have been run, or may be until that time on Redis's clock.
    pub(super) may_run: Option<i64>,
}

impl From<RedisError> for StoreFault {
    fn from(error: RedisError) -> Self {
        // The error's text may hold an argument; its kind and code never do.
        let what = format!("{:?} {}", error.kind(), error.code().unwrap_or_default());
        Self { what, may_run: None }
    }
}

/// What all users of the store share.
pub(super) struct Caller {
    pub(super) link: Link,
    clock: Clock,
    pub(super) metrics: RedisMetrics,
}

impl Caller {
    pub(super) fn new(url: &RedisUrl, metrics: RedisMetrics) -> Self {
        Self { link: Link::new(&url.0, &metrics), clock: Clock::new(), metrics }
    }

    /// The answer to a call, within [`PATIENCE`].
    pub(super) async fn run(&self, call: &Call) -> Result<Vec<Value>, StoreFault> {
        let started = Instant::now();
        let mut step = Step::child(SpanKind::Client, || format!("redis {}", call.name()).into());
        step.set("db.system.name", "redis");
        step.set("db.stored_procedure.name", call.name());
        let answer = self.answer(call).await;
        if answer.is_err() {
            step.failed("unavailable");
        }
        self.metrics.called(call.name(), answer.is_ok(), started.elapsed());
        answer
    }

    async fn answer(&self, call: &Call) -> Result<Vec<Value>, StoreFault> {
        let deadline = Instant::now() + PATIENCE;
        let mut not_after = match self.clock.within(PATIENCE) {
            Some(time) => time,
            None => self.look_at_the_clock(call.first_key(), deadline).await?,
        };
        // A second time, when Redis's clock was set since the last answer, or another server's differs.
        for _ in 0..2 {
            let sent = std::time::Instant::now();
            let answer = match self.link.call(call, Some(not_after), deadline).await {
                Ok(Value::Array(parts)) => parts,
                Ok(_) => return Err(fault("no list")),
                Err(unanswered) => {
                    let may_run = unanswered.may_have_run.then_some(not_after);
                    return Err(StoreFault { may_run, ..unanswered.error.into() });
                }
            };
            self.clock.learn(sent, integer(&answer, 1)?);
            if text(&answer, 0)? != "late" {
                return Ok(answer);
            }
            not_after = self.not_after(deadline)?;
        }
        Err(fault("that it was late, twice"))
    }

    /// The first call of all cannot say until when it may be run.
    async fn look_at_the_clock(&self, key: &str, deadline: Instant) -> Result<i64, StoreFault> {
        let call = Call::new(&Scripts::shared().clock).key(key);
        let sent = std::time::Instant::now();
        match self.link.call(&call, None, deadline).await {
            Ok(Value::Array(parts)) => self.clock.learn(sent, integer(&parts, 1)?),
            Ok(_) => return Err(fault("no list")),
            Err(unanswered) => return Err(unanswered.error.into()),
        }
        self.not_after(deadline)
    }

    /// When a call that is sent now must have been run, on Redis's clock.
    fn not_after(&self, deadline: Instant) -> Result<i64, StoreFault> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.clock.within(left).ok_or_else(|| fault("no time"))
    }
}
