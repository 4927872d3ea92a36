//! Issuing a verification, and handing its mails to the mailers.

use std::time::Duration;

use otp_nats::bus::PublishFault;
use otp_nats::request::MailRequest;
use otp_nats::trace::TraceParent;
use otp_nats::{Body, Event, EventKind, Timestamp, VerificationId};

use super::quotas::Share;
use super::{NewVerification, Verifications, internal};
use crate::altcha::Solved;
use crate::apps::App;
use crate::code::Code;
use crate::problem::Problem;
use crate::record::Record;
use crate::store::Terms;

/// A request waits so long for JetStream's acknowledgement: a cluster that elects a leader often has one by then.
const PUBLISH_WITHIN: Duration = Duration::from_secs(3);

/// One mail that is asked for.
pub(super) struct Mail<'a> {
    pub(super) id: &'a VerificationId,
    pub(super) at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) generation: u32,
    /// Where roughly it was asked from, or empty.
    pub(super) place: &'a str,
    /// Whether the recipient wants no mails for a while.
    pub(super) paused: bool,
}

impl Verifications {
    /// Issues and publishes; a request that is not accepted in the end has spent nothing.
    pub(super) async fn issue(
        &self,
        id: VerificationId,
        new: &NewVerification,
        proof: Option<Solved>,
    ) -> Result<Terms, Problem> {
        let mut quotas = self.network_quota(&new.app, new.client);
        quotas.extend(self.mail_quotas(&new.app, new.email.domain(), Share::New));
        self.spending(quotas, async || self.issue_proved(id, new, proof).await).await
    }

    async fn issue_proved(
        &self,
        id: VerificationId,
        new: &NewVerification,
        proof: Option<Solved>,
    ) -> Result<Terms, Problem> {
        let Some(solved) = proof else { return self.issue_taken(id, new).await };
        let redeemed = self.redeem(&id, &new.app, &solved).await?;
        let result = self.issue_taken(id, new).await;
        match result {
            Ok(_) => self.proofs.accepted(),
            Err(_) => self.store.unredeem(redeemed).await,
        }
        result
    }

    async fn issue_taken(&self, id: VerificationId, new: &NewVerification) -> Result<Terms, Problem> {
        // Behind the limits: a stranger may not have domains looked up without end.
        self.check_domain(new.email.domain()).await?;
        let code = Code::draw(new.app.code_length, &mut rand::rng());
        let hash = code.hash(self.hash_keys.first(), &id).to_stored();
        let record = Record {
            email: new.email.address().clone(),
            code,
            locale: new.locale.clone(),
            app: new.app.id.clone(),
            purpose: new.purpose.clone(),
            metadata: new.metadata.clone(),
        };
        let sealed = self.records.seal(&id, &record).map_err(|error| internal(&id, error))?;
        let purpose = self.ids.scope(&[b"purpose", new.purpose.as_deref().unwrap_or_default().as_bytes()]);
        let issued = self.asked(self.store.issue(&id, &purpose, &hash, &sealed, &new.app.policy)).await?;
        let issued = issued.map_err(|violations| self.limited(violations))?;
        let superseded = issued.superseded;
        // A retry under the same idempotency key sends the code that the first try may have sent already.
        let record =
            if issued.fresh { record } else { self.records.open(&id, &issued.record).map_err(|e| internal(&id, e))? };
        let terms = issued.terms;
        let Terms { requested_at, expires_at, .. } = terms;
        let generation = issued.generation;
        let (place, paused) = (new.place.as_str(), issued.paused);
        let mail = Mail { id: &id, at: requested_at, expires_at, generation, place, paused };
        let published = self.publish_request(&new.app, &mail, &record, &new.trace).await;
        if let Err(problem) = published {
            self.store.refund(&id, &purpose, issued).await;
            return Err(problem);
        }
        if let Some(older) = superseded {
            self.outbox.publish(older, requested_at, 1, Body::Superseded {}, new.trace.child());
        }
        Ok(terms)
    }

    pub(super) async fn publish_request(
        &self,
        app: &App,
        mail: &Mail<'_>,
        record: &Record,
        trace: &TraceParent,
    ) -> Result<(), Problem> {
        let Mail { id, at, expires_at, generation, place, paused } = *mail;
        let request = MailRequest {
            email: record.email.clone(),
            code: record.code.secret().clone(),
            locale: record.locale.clone(),
            app: app.name.clone(),
            sender: app.sender.clone(),
            templates: app.templates.clone(),
            blocked: self.is_held_back(&record.email, paused),
            report_url: self.report_links.link(id),
            place: place.to_owned(),
        };
        let sealed = request.seal(&self.seal_keys, id, generation).map_err(|error| internal(id, error))?;
        let event = Event { id: *id, at, generation, body: Body::Requested { sealed, expires_at } };
        match self.bus.publish(&event, trace, PUBLISH_WITHIN).await {
            Ok(_stored) => {
                self.metrics.accepted(generation);
                Ok(())
            }
            Err(fault @ (PublishFault::Full | PublishFault::Unavailable | PublishFault::Refused)) => {
                tracing::warn!(%id, event = %EventKind::Requested, %fault, "a request was not stored");
                Err(Problem::Unavailable)
            }
        }
    }
}
