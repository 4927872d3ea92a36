//! Redis: the truth about verifications and limits that all gateways share.
//!
//! Every operation is one script on the keys of one slot, so it is atomic, costs one round trip and works on Redis
//! Cluster. The clock is Redis's own. A key without an end of life is never written.
//!
//! A call that is answered with a fault has done nothing in the end: it carries the time after which Redis refuses it,
//! and what it may have done before is taken back.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `otp:{tag}:v:<rest of the id>` | hash | one verification: state, code hash, sealed record, guesses, times |
//! | `otp:{tag}:p:<purpose hash>` | string | the recipient's current verification for a purpose |
//! | `otp:{tag}:s` | list | times of the recipient's mails |
//! | `otp:{tag}:c` | hash | the recipient's cooldown |
//! | `otp:{tag}:b` | string | a recipient who wants no mails for a while |
//! | `otp:{tag}:w` | list | times of wrong guesses at the recipient's codes |
//! | `otp:{tag}:r:<rest of the id>` | list | times of reads of one verification |
//! | `otp:{ip-<hash>}`, `otp:{domain-<hash>}`, `otp:{app-<hash>}` | list | times of requests of a network, a domain, an app, each with a nonce behind the point |
//! | `otp:{<budget>-<hash>}:d`, `:n` | hash, sorted set | today's mails of an app or of all, and nonces of the last minute |
//! | `otp:{idem-<hash>}` | hash | one idempotency key |
//! | `otp:{pow-<signature>}` | string | whose request used a solved challenge, and a nonce |
//! | `otp:{ready}` | string | what `/ready` writes to see that writing works |

use std::sync::Arc;
use std::time::Duration;

use otp_nats::VerificationId;
use otp_nats::text::sized;
use redis::Value;
use tokio::time::Instant;

use crate::limits::{Limit, Limits, Violation};

mod access;
mod address;
mod call;
mod caller;
mod clock;
mod cluster;
mod examine;
mod link;
mod metrics;
mod node;
mod outcome;
mod proof;
mod quota;
mod scripts;
mod sentinel;
mod undo;

pub use address::RedisUrl;
use call::{Call, idempotency_key, millis as ms, on_request, on_resend, pause_key, slot_key, suffix, verification_key};
pub use caller::StoreFault;
use caller::{Caller, PATIENCE};
pub use metrics::RedisMetrics;
pub use outcome::{Canceled, Checked, Claimed, Issued, Resent, Snapshot, State, Terms};
use outcome::{fault, integer, text};
pub use proof::Redeemed;
pub use quota::{Scope, Taken};
use scripts::Scripts;
use undo::{Spent, Undo};

/// Most guesses for one code: with ten guesses at four digits, one attempt in a thousand succeeds.
pub const MAX_ATTEMPTS: u32 = 10;

/// How codes live, as far as Redis decides it.
#[derive(Debug, Clone)]
pub struct CodePolicy {
    /// Life of a code.
    pub ttl: Duration,
    /// How long keys outlive the code.
    pub retention: Duration,
    /// Guesses.
    pub attempts: u32,
    /// Shortest time between two mails to a recipient.
    pub cooldown: Duration,
    /// What it doubles up to.
    pub longest_cooldown: Duration,
    /// Mails to a recipient; switched off, the cooldown holds for resends only.
    pub recipient: Limits,
    /// Wrong guesses at a recipient's codes.
    pub guesses: Limits,
}

/// Redis. Clones share the connections.
#[derive(Clone)]
pub struct Store {
    caller: Arc<Caller>,
    undo: Undo,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Prepares the connections; they are made with the first command and made again after every loss.
    pub fn open(url: &RedisUrl, metrics: RedisMetrics) -> Self {
        let caller = Arc::new(Caller::new(url, metrics));
        Self { undo: Undo::new(Arc::clone(&caller)), caller }
    }

    /// What keeps Redis from taking calls, one phrase each.
    pub async fn faults(&self) -> Vec<&'static str> {
        self.caller.link.faults(Instant::now() + PATIENCE).await
    }

    /// Waits for what is being taken back, not for long.
    pub async fn close(&self) {
        self.undo.close().await;
    }

    /// Issues a verification, or says which limits refuse it. Running it again for the same id changes nothing.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn issue(
        &self,
        id: &VerificationId,
        purpose: &str,
        code_hash: &str,
        record: &str,
        policy: &CodePolicy,
    ) -> Result<Result<Issued, Vec<Violation>>, StoreFault> {
        let nonce = nonce();
        let call = on_request(&Scripts::shared().issue, id, purpose)
            .key(pause_key(id))
            .arg(code_hash)
            .arg(record)
            .arg(ms(policy.ttl))
            .arg(ms(policy.retention))
            .arg(policy.attempts)
            .arg(ms(policy.cooldown))
            .arg(ms(policy.longest_cooldown))
            .arg(i32::from(!policy.recipient.is_off()))
            .arg(&nonce)
            .limits(&policy.recipient);
        let spent = Spent::Issue { id: *id, purpose: purpose.to_owned(), nonce: nonce.clone() };
        let answer = self.run(&call, spent).await?;
        if text(&answer, 0)? == "refused" {
            return Ok(Err(violations(&answer, "recipient", &policy.recipient, policy.cooldown)?));
        }
        Issued::read(id, nonce, &answer).map(Ok)
    }

    /// Takes back what [`Store::issue`] did to others: the limits that it spent, and the verification that it superseded.
    pub async fn refund(&self, id: &VerificationId, purpose: &str, issued: Issued) {
        self.undo.now(Spent::Issue { id: *id, purpose: purpose.to_owned(), nonce: issued.nonce }).await;
    }

    /// Counts a guess and compares it.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn check(
        &self,
        id: &VerificationId,
        candidates: &[String],
        policy: &CodePolicy,
    ) -> Result<Checked, StoreFault> {
        let nonce = nonce();
        let mut call = Call::new(&Scripts::shared().check)
            .key(verification_key(id))
            .key(slot_key(id, "w", ""))
            .key(slot_key(id, "c", ""))
            .arg(&nonce)
            .arg(candidates.len());
        for candidate in candidates {
            call = call.arg(candidate);
        }
        let call = call.limits(&policy.guesses);
        Checked::read(&self.run(&call, Spent::Guess { id: *id, nonce }).await?)
    }

    /// Allows another mail with the same code, or says why not.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn resend(
        &self,
        id: &VerificationId,
        policy: &CodePolicy,
    ) -> Result<Result<Resent, Vec<Violation>>, StoreFault> {
        let nonce = nonce();
        let call = on_resend(&Scripts::shared().resend, id)
            .key(pause_key(id))
            .arg(ms(policy.cooldown))
            .arg(ms(policy.longest_cooldown))
            .arg(i32::from(!policy.recipient.is_off()))
            .arg(&nonce)
            .limits(&policy.recipient);
        let answer = self.run(&call, Spent::Resend { id: *id, nonce: nonce.clone() }).await?;
        if text(&answer, 0)? == "refused" {
            return Ok(Err(violations(&answer, "recipient", &policy.recipient, policy.cooldown)?));
        }
        Resent::read(nonce, &answer).map(Ok)
    }

    /// Takes back a resend that could not be published. `nonce` is that of [`Resent::Allowed`].
    pub async fn undo_resend(&self, id: &VerificationId, nonce: String) {
        self.undo.now(Spent::Resend { id: *id, nonce }).await;
    }

    /// Cancels a verification that is open.
    ///
    /// # Errors
    /// Redis is away; it may be canceled all the same.
    pub async fn cancel(&self, id: &VerificationId) -> Result<Canceled, StoreFault> {
        let call = Call::new(&Scripts::shared().cancel).key(verification_key(id)).arg(nonce());
        Canceled::read(&self.caller.run(&call).await?)
    }

    /// Cancels a verification that is open, and notes for so long that its recipient wants no mails. The latter needs no
    /// more than the id: it works for a verification that is forgotten.
    ///
    /// # Errors
    /// Redis is away; it may be done all the same.
    pub async fn report(&self, id: &VerificationId, pause: Option<Duration>) -> Result<Canceled, StoreFault> {
        let call = Call::new(&Scripts::shared().report)
            .key(verification_key(id))
            .key(pause_key(id))
            .arg(nonce())
            .arg(ms(pause.unwrap_or_default()));
        Canceled::read(&self.caller.run(&call).await?)
    }

    /// Reads a verification, or says which limits refuse that; `None` when Redis does not have it.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn status(
        &self,
        id: &VerificationId,
        limits: &Limits,
    ) -> Result<Result<Option<Snapshot>, Vec<Violation>>, StoreFault> {
        let reads = slot_key(id, "r:", suffix(id));
        let call = Call::new(&Scripts::shared().status).key(verification_key(id)).key(reads).limits(limits);
        let answer = self.caller.run(&call).await?;
        if text(&answer, 0)? == "refused" {
            return Ok(Err(violations(&answer, "status", limits, Duration::ZERO)?));
        }
        Snapshot::read(&answer).map(Ok)
    }

    /// Claims an idempotency key for a request with this fingerprint.
    ///
    /// # Errors
    /// Redis is away; the key may be claimed for as long as a request is under way.
    pub async fn claim(
        &self,
        key: &str,
        fingerprint: &str,
        fresh: &VerificationId,
        under_way: Duration,
        life: Duration,
    ) -> Result<Claimed, StoreFault> {
        let call = Call::new(&Scripts::shared().claim)
            .key(idempotency_key(key))
            .arg(fingerprint)
            .arg(fresh.as_str())
            .arg(ms(under_way))
            .arg(ms(life))
            .arg(nonce());
        Claimed::read(&self.caller.run(&call).await?)
    }

    /// What became of a request under an idempotency key, without claiming it; `None` when it is free for this request.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn recall(&self, key: &str, fingerprint: &str) -> Result<Option<Claimed>, StoreFault> {
        let call = Call::new(&Scripts::shared().recall).key(idempotency_key(key)).arg(fingerprint);
        let answer = self.caller.run(&call).await?;
        if text(&answer, 0)? == "nothing" { Ok(None) } else { Claimed::read(&answer).map(Some) }
    }

    /// Ends the work under an idempotency key: with an answer to repeat, or open for another try.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn settle(&self, key: &str, answer: Option<&str>) -> Result<(), StoreFault> {
        let call = Call::new(&Scripts::shared().settle).key(idempotency_key(key)).arg(answer.unwrap_or_default());
        self.caller.run(&call).await.map(drop)
    }

    /// Runs a call; one that is not answered is taken back.
    async fn run(&self, call: &Call, spent: Spent) -> Result<Vec<Value>, StoreFault> {
        let answer = self.caller.run(call).await;
        if let Err(StoreFault { may_run: Some(until), .. }) = &answer {
            self.undo.later(spent, Some(*until));
        }
        answer
    }
}

/// What makes a call known again. In digits: it stands behind the point of a time.
fn nonce() -> String {
    sized(20, format_args!("{:020}", rand::random::<u64>()))
}

fn violations(answer: &[Value], what: &str, limits: &Limits, cooldown: Duration) -> Result<Vec<Violation>, StoreFault> {
    let pairs = answer.get(2..).unwrap_or_default().chunks_exact(2);
    let read = |pair: &[Value]| {
        let (number, wait) = (integer(pair, 0)?, integer(pair, 1)?);
        let wait = Duration::from_millis(u64::try_from(wait).unwrap_or_default());
        match usize::try_from(number).ok().and_then(|number| number.checked_sub(1)) {
            None => {
                Ok(Violation { policy: "cooldown".to_owned(), quota: 1, window: wait.max(cooldown), retry_after: wait })
            }
            Some(index) => {
                let limit: Limit = *limits.as_slice().get(index).ok_or_else(|| fault("an unknown limit"))?;
                Ok(Violation::of(what, limit, wait))
            }
        }
    };
    pairs.map(read).collect()
}
