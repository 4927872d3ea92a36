//! Taking back what a refused request spent. Tried at once where the request waits for it, and behind its answer for
//! as long as Redis is away.

use std::sync::Arc;
use std::time::Duration;

use otp_nats::VerificationId;
use otp_nats::bus::jittered;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::call::{Call, budget_keys, on_request, on_resend, redeemed_key, slot_key, verification_key};
use super::caller::{Caller, StoreFault};
use super::outcome::text;
use super::scripts::Scripts;

/// What may wait at once, some hundred bytes each: the requests that a busy gateway gets no answer to within the second
/// and a half until it knows that Redis is away. Later ones are refused before they are sent.
const MAX_WAITING: usize = 10_000;
/// Beyond that the cooldown has ended and the hour's limit hardly differs.
const GIVE_UP_AFTER: Duration = Duration::from_secs(600);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// So long Redis is back at most before what it still holds against a person is taken back: they may try again at once.
/// While it is away a try ends before anything is sent.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// On shutdown the last tries have so long.
const CLOSES_WITHIN: Duration = Duration::from_secs(2);

/// What a request did, or may have done, and who it was.
#[derive(Debug, Clone)]
pub(super) enum Spent {
    /// A place among the limits that this key counts for.
    Place { key: String, nonce: String },
    /// A part of a day's budget.
    Budget { kind: &'static str, name: String, nonce: String },
    /// A solved challenge, for a verification.
    Proof { name: String, id: VerificationId, nonce: String },
    /// A verification, with the recipient's limits and the verification that it took the place of.
    Issue { id: VerificationId, purpose: String, nonce: String },
    /// Another mail.
    Resend { id: VerificationId, nonce: String },
    /// A guess.
    Guess { id: VerificationId, nonce: String },
}

impl Spent {
    /// The call that takes it back, and not before `may_run_until`, on Redis's clock.
    fn call(&self, may_run_until: Option<i64>) -> Call {
        let scripts = Scripts::shared();
        let until = may_run_until.map(|time| time.to_string()).unwrap_or_default();
        match self {
            Self::Place { key, nonce } => Call::new(&scripts.undo_take).key(key).arg(nonce).arg(until),
            Self::Budget { kind, name, nonce } => {
                let [day, recent] = budget_keys(kind, name);
                Call::new(&scripts.undo_budget).key(day).key(recent).arg(nonce).arg(until)
            }
            Self::Proof { name, id, nonce } => {
                Call::new(&scripts.undo_redeem).key(redeemed_key(name)).arg(id.as_str()).arg(nonce).arg(until)
            }
            Self::Issue { id, purpose, nonce } => on_request(&scripts.undo_issue, id, purpose).arg(nonce).arg(until),
            Self::Resend { id, nonce } => on_resend(&scripts.undo_resend, id).arg(nonce).arg(until),
            Self::Guess { id, nonce } => Call::new(&scripts.undo_check)
                .key(verification_key(id))
                .key(slot_key(id, "w", ""))
                .arg(nonce)
                .arg(until),
        }
    }
}

/// What waits to be taken back. Clones share it.
#[derive(Clone)]
pub(super) struct Undo {
    caller: Arc<Caller>,
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Undo {
    pub(super) fn new(caller: Arc<Caller>) -> Self {
        Self { caller, permits: Arc::new(Semaphore::new(MAX_WAITING)), tasks: TaskTracker::new() }
    }

    /// Takes back what was done for certain; behind the answer if Redis does not answer now.
    pub(super) async fn now(&self, spent: Spent) {
        if undone(&self.caller, &spent, None).await.is_err() {
            self.later(spent, None);
        }
    }

    /// Takes back what may have been done, or may be until that time.
    pub(super) fn later(&self, spent: Spent, may_run_until: Option<i64>) {
        let metrics = self.caller.metrics.clone();
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            metrics.undo_dropped.inc();
            tracing::error!("too many requests wait to be taken back; one stays spent");
            return;
        };
        metrics.undo_waiting.inc();
        let caller = Arc::clone(&self.caller);
        self.tasks.spawn(async move {
            if !until_undone(&caller, &spent, may_run_until).await {
                metrics.undo_dropped.inc();
                tracing::warn!("a refused request could not be taken back");
            }
            metrics.undo_waiting.dec();
            drop(permit);
        });
    }

    /// Waits for what is under way, not for long.
    pub(super) async fn close(&self) {
        self.tasks.close();
        if tokio::time::timeout(CLOSES_WITHIN, self.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "some refused requests stay spent");
        }
    }
}

async fn until_undone(caller: &Caller, spent: &Spent, may_run_until: Option<i64>) -> bool {
    let give_up_at = tokio::time::Instant::now() + GIVE_UP_AFTER;
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::time::sleep(jittered(pause)).await;
        match undone(caller, spent, may_run_until).await {
            Ok(true) => return true,
            Ok(false) | Err(_) if tokio::time::Instant::now() > give_up_at => return false,
            Ok(false) | Err(_) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}

/// Whether nothing is left to take back; false while the call may still be run.
async fn undone(caller: &Caller, spent: &Spent, may_run_until: Option<i64>) -> Result<bool, StoreFault> {
    let answer = caller.run(&spent.call(may_run_until)).await?;
    Ok(text(&answer, 0)? != "early")
}
