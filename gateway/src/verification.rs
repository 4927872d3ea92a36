//! The life of a verification at the gateway: accept, resend, check, cancel, read.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use otp_nats::bus::Bus;
use otp_nats::keys::KeyList;
use otp_nats::seal::SealError;
use otp_nats::ticket::Ticket;
use otp_nats::trace::TraceParent;
use otp_nats::{Body, Timestamp, VerificationId};
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::altcha::{Altcha, Level, ProofMetrics};
use crate::apps::{App, Registry};
use crate::code::Code;
use crate::description::{Id, Time};
use crate::domain::{DnsPolicy, DomainCheck};
use crate::email::EmailAddress;
use crate::lists::Lists;
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::problem::Problem;
use crate::recipient::Ids;
use crate::record::{Record, RecordSealer};
use crate::report::{ReportLinks, ReportMetrics};
use crate::store::{Checked, State, Store, Terms};
use crate::token::{Proof, TokenSigner};

mod guards;
mod idempotency;
mod issue;
mod proof_of_work;
mod quotas;
mod report;
mod resend;
mod status;

pub use idempotency::IdempotencyKey;
pub use status::{Status, TimelineEntry};

/// Everything that decides. Shared by all requests.
#[derive(Debug)]
pub struct Verifications {
    /// Whom they are for, and what holds for each.
    pub apps: Registry,
    /// NATS.
    pub bus: Bus,
    /// Redis.
    pub store: Store,
    /// Events of what is decided.
    pub outbox: Outbox,
    /// Ids and keyed hashes.
    pub ids: Ids,
    /// What the gateway remembers.
    pub records: RecordSealer,
    /// Proofs.
    pub signer: TokenSigner,
    /// Domains.
    pub domains: DomainCheck,
    /// Mails of all applications a day; `None` when that is not limited.
    pub total_budget: Option<u64>,
    /// Whether domains are checked.
    pub dns_policy: DnsPolicy,
    /// Proof of work.
    pub altcha: Altcha,
    /// What became of it.
    pub proofs: ProofMetrics,
    /// Domains and recipients that get no mail.
    pub lists: Lists,
    /// Links by which codes are reported.
    pub report_links: ReportLinks,
    /// How many were.
    pub reports: ReportMetrics,
    /// Seals requests.
    pub seal_keys: KeyList,
    /// Signs tickets.
    pub ticket_keys: KeyList,
    /// Hashes codes.
    pub hash_keys: KeyList,
    /// Where clients watch.
    pub events_url: String,
    /// Metrics.
    pub metrics: Metrics,
}

/// A request for a verification, parsed.
pub struct NewVerification {
    /// Which application asks.
    pub app: Arc<App>,
    /// The address.
    pub email: EmailAddress,
    /// What it is for.
    pub purpose: Option<String>,
    /// The language asked for, or empty.
    pub locale: String,
    /// What the application gives along.
    pub metadata: Option<serde_json::Value>,
    /// Who asks, as far as that is known: an application's server need not say whom it asks for.
    pub client: Option<IpAddr>,
    /// Where roughly from, as a proxy says it, or empty.
    pub place: String,
    /// Whether the application's own server asks.
    pub is_server: bool,
    /// Proof of work, as a widget submits it.
    pub altcha: Option<String>,
    /// How full the flood gate is for the client's network.
    pub flood: Level,
    /// The trace that the request belongs to.
    pub trace: TraceParent,
}

/// The answer to an accepted request.
#[derive(Serialize, JsonSchema)]
pub struct Accepted {
    /// The verification.
    #[schemars(with = "Id")]
    pub id: VerificationId,
    #[schemars(extend("const" = "queued"))]
    status: &'static str,
    /// The address, masked.
    email: String,
    /// When the code ends.
    #[schemars(with = "Time")]
    expires_at: Timestamp,
    /// When another mail may be asked for.
    #[schemars(with = "Time")]
    resend_at: Timestamp,
    /// Guesses left.
    attempts_left: u32,
    /// Digits of the code.
    #[schemars(range(min = 4, max = 10))]
    code_length: usize,
    /// Where it can be watched.
    events: Events,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Events {
    /// The socket that tells what happens.
    #[schemars(extend("format" = "uri"))]
    url: String,
    /// Lets its holder watch, read and cancel this verification; keep it out of URLs.
    ticket: String,
}

/// The answer to the right code.
#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON members")]
pub struct Verified {
    /// The verification.
    #[schemars(with = "Id")]
    id: VerificationId,
    #[schemars(extend("const" = "verified"))]
    status: &'static str,
    /// When the code was entered.
    #[schemars(with = "Time")]
    verified_at: Timestamp,
    /// The proof: a JWT, signed with a key of `/.well-known/jwks.json`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"))]
    token: String,
}

// Tickets, proofs and what applications give along stand in none of these.

impl fmt::Debug for NewVerification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewVerification").field("app", &self.app.id).field("email", &self.email).finish_non_exhaustive()
    }
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted").field("id", &self.id).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("id", &self.id).field("verified_at", &self.verified_at).finish_non_exhaustive()
    }
}

impl Verifications {
    /// Accepts a request: checks limits and domain, issues the verification, and returns when JetStream has the request.
    ///
    /// # Errors
    /// The problem that the client is told.
    pub async fn create(&self, new: &NewVerification, key: Option<&IdempotencyKey>) -> Result<Accepted, Problem> {
        self.check_lists(new.email.domain())?;
        let proof = self.weigh_proof(new).await;
        let fresh = self.ids.mint(&new.app, &new.email);
        match key {
            None => self
                .issue(fresh, new, proof?)
                .await
                .map(|times| self.accepted(&new.app, fresh, new.email.masked(), times)),
            Some(key) => self.create_once(fresh, new, key, proof).await,
        }
    }

    /// Checks a code.
    ///
    /// # Errors
    /// The problem that the client is told.
    pub async fn check(
        &self,
        app: &App,
        id: VerificationId,
        code: &Code,
        trace: TraceParent,
    ) -> Result<Verified, Problem> {
        let candidates = code.hashes(&self.hash_keys, &id);
        let stored: Vec<String> = candidates.iter().map(crate::code::CodeHash::to_stored).collect();
        match self.asked(self.store.check(&id, &stored, &app.policy)).await? {
            Checked::Right { verified_at, generation, stored_hash, record } => {
                if !candidates.iter().any(|candidate| candidate.matches(&stored_hash)) {
                    tracing::error!(%id, "Redis and the gateway do not agree on a code");
                    return Err(Problem::Internal);
                }
                let record = self.records.open(&id, &record).map_err(|error| internal(&id, error))?;
                self.outbox.publish(id, verified_at, generation, Body::Verified {}, trace);
                Ok(Verified { id, status: "verified", verified_at, token: self.proof(app, &id, &record, verified_at) })
            }
            Checked::Wrong { at, attempts_left, generation } => {
                let body =
                    if attempts_left == 0 { Body::Locked { attempts_left } } else { Body::Rejected { attempts_left } };
                self.outbox.publish(id, at, generation, body, trace);
                Err(Problem::IncorrectCode { attempts_left })
            }
            Checked::Exhausted { retry_after } => {
                self.metrics.refused("guesses");
                Err(Problem::AttemptsExhausted { retry_after })
            }
            Checked::Over { state, at, just_now, generation, retry_after } => {
                if just_now {
                    self.outbox.publish(id, at, generation, Body::Expired {}, trace);
                }
                Err(over(state, retry_after))
            }
            Checked::Missing => Err(Problem::Expired),
        }
    }

    /// Cancels a verification; one that is over stays what it is.
    ///
    /// # Errors
    /// The problem that the client is told.
    pub async fn cancel(&self, id: VerificationId, trace: TraceParent) -> Result<(), Problem> {
        let canceled = self.asked(self.store.cancel(&id)).await?;
        match canceled.before {
            Some(State::Pending) => {
                self.outbox.publish(id, canceled.at, canceled.generation, Body::Canceled {}, trace);
            }
            Some(State::Expired) if canceled.just_expired => {
                self.outbox.publish(id, canceled.at, canceled.generation, Body::Expired {}, trace);
            }
            _ => {}
        }
        Ok(())
    }

    /// What keeps the gateway from working, one phrase each.
    pub async fn faults(&self) -> Vec<String> {
        let (mut faults, redis) = tokio::join!(self.bus.faults(), self.store.faults());
        faults.extend(redis.into_iter().map(str::to_owned));
        faults
    }

    fn accepted(&self, app: &App, id: VerificationId, email: String, times: Terms) -> Accepted {
        let Terms { requested_at, expires_at, resend_at, attempts_left } = times;
        let ticket = Ticket { requested_at, expires_at }.sign(&self.ticket_keys, &id);
        Accepted {
            id,
            status: "queued",
            email,
            expires_at,
            resend_at,
            attempts_left,
            code_length: app.code_length,
            events: Events { url: self.events_url.clone(), ticket },
        }
    }

    fn proof(&self, app: &App, id: &VerificationId, record: &Record, verified_at: Timestamp) -> String {
        self.signer.sign(&Proof {
            id,
            audience: (!app.id.is_empty()).then_some(app.id.as_str()),
            email: record.email.expose_secret(),
            purpose: record.purpose.as_deref(),
            metadata: record.metadata.as_ref(),
            verified_at,
        })
    }
}

fn over(state: State, retry_after: Duration) -> Problem {
    match state {
        State::Verified => Problem::AlreadyUsed,
        State::Canceled => Problem::Canceled,
        State::Superseded => Problem::Superseded,
        State::Locked => Problem::AttemptsExhausted { retry_after },
        // An open verification is over by its time only.
        State::Expired | State::Pending => Problem::Expired,
    }
}

fn internal(id: &VerificationId, error: SealError) -> Problem {
    tracing::error!(%id, %error, "a sealed text cannot be used");
    Problem::Internal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_show_neither_ticket_nor_proof() {
        let id: VerificationId = "abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().unwrap();
        let at = Timestamp::from_millis(0);
        let accepted = Accepted {
            id,
            status: "queued",
            email: "a***e@example.com".to_owned(),
            expires_at: at,
            resend_at: at,
            attempts_left: 5,
            code_length: 6,
            events: Events { url: String::new(), ticket: "k1.ticket".to_owned() },
        };
        let verified = Verified { id, status: "verified", verified_at: at, token: "e30.e30.proof".to_owned() };
        let shown = format!("{accepted:?} {verified:?}");
        assert!(shown.contains(id.as_str()) && !shown.contains("ticket") && !shown.contains("proof"), "{shown}");
    }
}
