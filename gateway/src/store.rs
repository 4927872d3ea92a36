//! Redis: the truth about verifications and limits that all gateways share.
//!
//! Every operation is one script on the keys of one slot, so it is atomic, costs one round trip and works on Redis
//! Cluster. The clock is Redis's own. A key without an end of life is never written.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `otp:{tag}:v:<rest of the id>` | hash | one verification: state, code hash, sealed record, guesses, times |
//! | `otp:{tag}:p:<purpose hash>` | string | the recipient's current verification for a purpose |
//! | `otp:{tag}:s` | list | times of the recipient's mails |
//! | `otp:{tag}:c` | hash | the recipient's cooldown |
//! | `otp:{tag}:w` | list | times of wrong guesses at the recipient's codes |
//! | `otp:{ip-<hash>}` | list | times of requests from one network |
//! | `otp:{idem-<hash>}` | hash | one idempotency key |

use std::time::Duration;

use otp_nats::{Timestamp, VerificationId};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, IntoConnectionInfo, RedisError, ScriptInvocation, Value};

use crate::limits::{Limit, Limits, Violation};

mod outcome;
mod scripts;

pub use outcome::{Canceled, Checked, Claimed, Issued, Resent, Snapshot, State, Terms};
use outcome::{fault, integer, millis, text};
use scripts::Scripts;

/// A script answers in well under a millisecond; whoever waits longer than this is better served by a 503 that it can
/// repeat, and no script is repeated blindly.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(1500);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(1);
/// Commands in flight on the connection; beyond it callers wait in line, which their own deadline ends.
const CONCURRENCY: usize = 4096;

/// Redis cannot be asked now, or answered something that no script answers.
#[derive(Debug, thiserror::Error)]
#[error("Redis: {0}")]
pub struct StoreFault(pub(crate) String);

impl From<RedisError> for StoreFault {
    fn from(error: RedisError) -> Self {
        // The error's text may hold an argument; its kind and code never do.
        Self(format!("{:?} {}", error.kind(), error.code().unwrap_or_default()))
    }
}

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

/// The connection to Redis. Clones share it.
#[derive(Clone)]
pub struct Store {
    connection: ConnectionManager,
    scripts: &'static Scripts,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Prepares the connection; it is made with the first command and made again after every loss.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn open(url: &str) -> Result<Self, StoreFault> {
        let information = url.into_connection_info()?;
        let information = match information.addr() {
            ConnectionAddr::Unix(_) => information,
            _ => information.set_tcp_settings(TcpSettings::default().set_nodelay(true)),
        };
        let client = redis::Client::open(information)?;
        let configuration = ConnectionManagerConfig::new()
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_connection_timeout(Some(CONNECTION_TIMEOUT))
            // One quick try inside the command; the next command tries again, so a return is noticed at once.
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(20))
            .set_max_delay(Duration::from_millis(200))
            .set_concurrency_limit(CONCURRENCY);
        let connection = ConnectionManager::new_lazy_with_config(client, configuration)?;
        Ok(Self { connection, scripts: Scripts::shared() })
    }

    /// Whether Redis answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreFault> {
        let mut connection = self.connection.clone();
        redis::cmd("PING").query_async::<String>(&mut connection).await?;
        Ok(())
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
        let mut call = self.scripts.issue.prepare_invoke();
        call.key(verification_key(id))
            .key(slot_key(id, "p:", purpose))
            .key(slot_key(id, "s", ""))
            .key(slot_key(id, "c", ""));
        call.arg(suffix(id)).arg(slot_key(id, "v:", "")).arg(code_hash).arg(record);
        call.arg(ms(policy.ttl)).arg(ms(policy.retention)).arg(policy.attempts);
        call.arg(ms(policy.cooldown)).arg(ms(policy.longest_cooldown)).arg(i32::from(!policy.recipient.is_off()));
        limit_args(&mut call, &policy.recipient);
        let answer = self.run(&call).await?;
        if text(&answer, 0)? == "refused" {
            return Ok(Err(violations(&answer, "recipient", &policy.recipient, policy.cooldown)?));
        }
        Issued::read(id, &answer).map(Ok)
    }

    /// Takes back what [`Store::issue`] did to others: the limits that it spent, and the verification that it superseded.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn refund(&self, id: &VerificationId, purpose: &str, issued: &Issued) -> Result<(), StoreFault> {
        let spent_at = if issued.fresh { issued.terms.requested_at.as_millis().to_string() } else { String::new() };
        let mut call = self.scripts.refund.prepare_invoke();
        call.key(slot_key(id, "s", "")).key(slot_key(id, "c", "")).key(slot_key(id, "p:", purpose));
        call.arg(spent_at).arg(suffix(id));
        call.arg(issued.superseded.as_ref().map(suffix).unwrap_or_default()).arg(slot_key(id, "v:", ""));
        self.run(&call).await.map(drop)
    }

    /// Counts a guess and compares it. `nonce` makes a repeated call harmless.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn check(
        &self,
        id: &VerificationId,
        nonce: &str,
        candidates: &[String],
        policy: &CodePolicy,
    ) -> Result<Checked, StoreFault> {
        let mut call = self.scripts.check.prepare_invoke();
        call.key(verification_key(id)).key(slot_key(id, "w", "")).key(slot_key(id, "c", ""));
        call.arg(nonce).arg(candidates.len());
        for candidate in candidates {
            call.arg(candidate);
        }
        limit_args(&mut call, &policy.guesses);
        Checked::read(&self.run(&call).await?)
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
        let mut call = self.scripts.resend.prepare_invoke();
        call.key(verification_key(id)).key(slot_key(id, "s", "")).key(slot_key(id, "c", ""));
        call.arg(ms(policy.cooldown)).arg(ms(policy.longest_cooldown)).arg(i32::from(!policy.recipient.is_off()));
        limit_args(&mut call, &policy.recipient);
        let answer = self.run(&call).await?;
        if text(&answer, 0)? == "refused" {
            return Ok(Err(violations(&answer, "recipient", &policy.recipient, policy.cooldown)?));
        }
        Resent::read(&answer).map(Ok)
    }

    /// Takes back a resend that could not be published.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn undo_resend(&self, id: &VerificationId, at: Timestamp, generation: u32) -> Result<(), StoreFault> {
        let mut call = self.scripts.undo_resend.prepare_invoke();
        call.key(verification_key(id)).key(slot_key(id, "s", "")).key(slot_key(id, "c", ""));
        call.arg(at.as_millis()).arg(generation);
        self.run(&call).await.map(drop)
    }

    /// Cancels a verification that is open.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn cancel(&self, id: &VerificationId) -> Result<Canceled, StoreFault> {
        let mut call = self.scripts.cancel.prepare_invoke();
        Canceled::read(&self.run(call.key(verification_key(id))).await?)
    }

    /// Reads a verification; `None` when Redis does not have it.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn status(&self, id: &VerificationId) -> Result<Option<Snapshot>, StoreFault> {
        let mut call = self.scripts.status.prepare_invoke();
        Snapshot::read(&self.run(call.key(verification_key(id))).await?)
    }

    /// Counts a request of `network` against limits; the time that it was counted at, or the limits that refuse it.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn take(&self, network: &str, limits: &Limits) -> Result<Result<Timestamp, Vec<Violation>>, StoreFault> {
        let mut call = self.scripts.take.prepare_invoke();
        limit_args(call.key(network_key(network)), limits);
        let answer = self.run(&call).await?;
        if text(&answer, 0)? == "refused" {
            return Ok(Err(violations(&answer, "ip", limits, Duration::ZERO)?));
        }
        Ok(Ok(millis(&answer, 1)?))
    }

    /// Gives back what [`Store::take`] counted.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn give_back(&self, network: &str, taken_at: Timestamp) -> Result<(), StoreFault> {
        let mut connection = self.connection.clone();
        let mut command = redis::cmd("LREM");
        command.arg(network_key(network)).arg(1).arg(taken_at.as_millis());
        command.query_async::<i64>(&mut connection).await?;
        Ok(())
    }

    /// Claims an idempotency key for a request with this fingerprint.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn claim(
        &self,
        key: &str,
        fingerprint: &str,
        fresh: &VerificationId,
        under_way: Duration,
        life: Duration,
    ) -> Result<Claimed, StoreFault> {
        let mut call = self.scripts.claim.prepare_invoke();
        call.key(idempotency_key(key)).arg(fingerprint).arg(fresh.as_str()).arg(ms(under_way)).arg(ms(life));
        Claimed::read(&self.run(&call).await?)
    }

    /// Ends the work under an idempotency key: with an answer to repeat, or open for another try.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn settle(&self, key: &str, answer: Option<&str>) -> Result<(), StoreFault> {
        let mut call = self.scripts.settle.prepare_invoke();
        call.key(idempotency_key(key)).arg(answer.unwrap_or_default());
        self.run(&call).await.map(drop)
    }

    async fn run(&self, call: &ScriptInvocation<'_>) -> Result<Vec<Value>, StoreFault> {
        let mut connection = self.connection.clone();
        let answer: Value = call.invoke_async(&mut connection).await?;
        match answer {
            Value::Array(parts) => Ok(parts),
            single => Ok(vec![single]),
        }
    }
}

fn violations(answer: &[Value], what: &str, limits: &Limits, cooldown: Duration) -> Result<Vec<Violation>, StoreFault> {
    let pairs = answer.get(1..).unwrap_or_default().chunks_exact(2);
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

fn limit_args(call: &mut ScriptInvocation<'_>, limits: &Limits) {
    for limit in limits.as_slice() {
        call.arg(limit.count).arg(ms(limit.period));
    }
}

fn slot_key(id: &VerificationId, kind: &str, rest: &str) -> String {
    format!("otp:{{{}}}:{kind}{rest}", id.tag())
}

fn verification_key(id: &VerificationId) -> String {
    slot_key(id, "v:", suffix(id))
}

fn suffix(id: &VerificationId) -> &str {
    id.as_str().get(otp_nats::id::TAG_LENGTH..).unwrap_or_default()
}

fn network_key(network: &str) -> String {
    format!("otp:{{ip-{network}}}")
}

fn idempotency_key(key: &str) -> String {
    format!("otp:{{idem-{key}}}")
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
