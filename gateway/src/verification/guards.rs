//! What stands before every decision: whose id, whose ticket, which domain, which limits.

use std::sync::Arc;
use std::time::Instant;

use otp_nats::telemetry::{SpanKind, Step};
use otp_nats::ticket::Ticket;
use otp_nats::{Timestamp, VerificationId};
use secrecy::{ExposeSecret, SecretString};

use super::Verifications;
use crate::apps::App;
use crate::domain::DnsPolicy;
use crate::email::EmailAddress;
use crate::limits::Violation;
use crate::lists::DomainStanding;
use crate::problem::Problem;
use crate::store::StoreFault;

impl Verifications {
    /// The application that a verification belongs to. An id that this service never made is told apart from one that
    /// it has forgotten.
    ///
    /// # Errors
    /// [`Problem::NotFound`].
    pub fn app_of(&self, id: &VerificationId) -> Result<Arc<App>, Problem> {
        self.ids.app_of(id, &self.apps.current()).map(Arc::clone).ok_or(Problem::NotFound)
    }

    /// Whether a ticket proves the caller to be the one who asked. One whose time is over still reads and cancels: what
    /// it speaks of is gone or about to be.
    pub fn is_ticket(&self, id: &VerificationId, ticket: &str) -> bool {
        Ticket::check(&self.ticket_keys, id, ticket, Timestamp::from_millis(0)).is_ok()
    }

    /// What the lists say of a domain. A blocked one is told as one that takes no mail: it takes none of ours.
    pub(super) fn check_lists(&self, domain: &str) -> Result<(), Problem> {
        match self.lists.domain(domain) {
            DomainStanding::Good => Ok(()),
            DomainStanding::Disposable => Err(Problem::DisposableDomain),
            DomainStanding::Blocked => Err(Problem::UndeliverableDomain),
        }
    }

    /// Whether a mail is to fail because its recipient is blocked, or has asked for no more of them today. Nobody is told
    /// which, or that it is either.
    pub(super) fn is_held_back(&self, address: &SecretString, paused: bool) -> bool {
        if paused {
            self.metrics.refused("paused");
        }
        self.is_blocked(address) || paused
    }

    /// Whether a recipient is to get no mail. The request is not refused: that would tell a stranger that the mailbox's
    /// owner wants none. The mailer says that it failed, as where a mail server refuses an address.
    fn is_blocked(&self, address: &SecretString) -> bool {
        let email = EmailAddress::parse(address.expose_secret());
        let blocked = email.is_ok_and(|email| {
            self.lists.blocks(&email) || self.lists.domain(email.domain()) == DomainStanding::Blocked
        });
        if blocked {
            self.metrics.refused("blocked");
        }
        blocked
    }

    pub(super) async fn check_domain(&self, domain: &str) -> Result<(), Problem> {
        if self.dns_policy == DnsPolicy::Off {
            return Ok(());
        }
        let started = Instant::now();
        let mut step = Step::child(SpanKind::Client, || "dns".into());
        let verdict = self.domains.verdict(domain).await;
        step.set("otp.dns.verdict", verdict.as_str());
        drop(step);
        self.metrics.dns(verdict, started.elapsed());
        let refused = self.dns_policy == DnsPolicy::Enforce && !verdict.accepts_mail();
        if refused { Err(Problem::UndeliverableDomain) } else { Ok(()) }
    }

    pub(super) fn limited(&self, mut violations: Vec<Violation>) -> Problem {
        violations.sort_by_key(|violation| std::cmp::Reverse(violation.retry_after));
        for violation in &violations {
            self.metrics.refused(&violation.policy);
        }
        Problem::RateLimited(violations)
    }

    /// What Redis said; without it a request is answered with 503.
    pub(super) async fn asked<T>(&self, call: impl Future<Output = Result<T, StoreFault>>) -> Result<T, Problem> {
        call.await.map_err(|fault| {
            tracing::warn!(%fault, "Redis was not there for a request");
            Problem::Unavailable
        })
    }

    /// For what a failure costs the client some waiting and nothing else.
    pub(super) async fn quietly(&self, call: impl Future<Output = Result<(), StoreFault>>) {
        if let Err(fault) = call.await {
            tracing::warn!(%fault, "an idempotency key stays claimed for some seconds");
        }
    }
}
