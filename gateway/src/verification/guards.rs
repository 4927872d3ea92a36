//! What stands before every decision: whose id, whose ticket, which domain, which limits.

use std::net::IpAddr;
use std::time::Instant;

use otp_nats::ticket::{Ticket, TicketError};
use otp_nats::{Timestamp, VerificationId};

use super::Verifications;
use crate::client_ip::limited_network;
use crate::domain::DnsPolicy;
use crate::limits::Violation;
use crate::problem::Problem;
use crate::store::{StoreFault, Taken};

impl Verifications {
    /// An id that this service never made is told apart from one that it has forgotten.
    pub(super) fn known(&self, id: &VerificationId) -> Result<(), Problem> {
        if self.ids.made(id) { Ok(()) } else { Err(Problem::NotFound) }
    }

    /// A ticket that proves the caller to be the one who asked. One whose time is over still reads and cancels: what
    /// it speaks of is gone or about to be.
    pub(super) fn ticket(&self, id: &VerificationId, ticket: Option<&str>) -> Result<(), Problem> {
        match ticket.map(|text| Ticket::check(&self.ticket_keys, id, text, Timestamp::from_millis(0))) {
            Some(Ok(_)) => Ok(()),
            Some(Err(TicketError::Invalid | TicketError::Expired)) | None => Err(Problem::Unauthorized),
        }
    }

    pub(super) async fn check_domain(&self, domain: &str) -> Result<(), Problem> {
        if self.dns_policy == DnsPolicy::Off {
            return Ok(());
        }
        let verdict = self.domains.verdict(domain).await;
        self.metrics.dns(verdict.as_str());
        let refused = self.dns_policy == DnsPolicy::Enforce && !verdict.accepts_mail();
        if refused { Err(Problem::UndeliverableDomain) } else { Ok(()) }
    }

    /// Counts a request of a client's network; `None` when nothing is limited.
    pub(super) async fn take(&self, client: IpAddr) -> Result<Option<Taken>, Problem> {
        if self.limit_ip.is_off() {
            return Ok(None);
        }
        let taken = self.timed(self.store.take(&self.network(client), &self.limit_ip)).await?;
        taken.map(Some).map_err(|violations| self.limited(violations))
    }

    pub(super) async fn give_back(&self, taken: Option<Taken>) {
        if let Some(taken) = taken {
            self.store.give_back(taken).await;
        }
    }

    fn network(&self, client: IpAddr) -> String {
        self.ids.scope(&[b"network", limited_network(client).to_string().as_bytes()])
    }

    pub(super) fn limited(&self, mut violations: Vec<Violation>) -> Problem {
        violations.sort_by_key(|violation| std::cmp::Reverse(violation.retry_after));
        for violation in &violations {
            self.metrics.refused(&violation.policy);
        }
        Problem::RateLimited(violations)
    }

    pub(super) async fn timed<T>(&self, call: impl Future<Output = Result<T, StoreFault>>) -> Result<T, Problem> {
        let started = Instant::now();
        let result = call.await;
        self.metrics.redis(started.elapsed());
        result.map_err(|fault| {
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
