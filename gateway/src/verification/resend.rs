//! Another mail with the same code.

use std::net::IpAddr;

use otp_nats::trace::TraceParent;
use otp_nats::{Body, Timestamp, VerificationId};
use secrecy::ExposeSecret;

use super::issue::Mail;
use super::quotas::Share;
use super::{Accepted, Verifications, internal, over};
use crate::apps::App;
use crate::problem::Problem;
use crate::record::Record;
use crate::store::Resent;

impl Verifications {
    /// Publishes another mail with the same code.
    ///
    /// # Errors
    /// The problem that the client is told.
    pub async fn resend(
        &self,
        app: &App,
        id: VerificationId,
        client: Option<IpAddr>,
        place: String,
        trace: TraceParent,
    ) -> Result<Accepted, Problem> {
        self.spending(self.network_quota(app, client), async || self.resend_taken(app, id, &place, &trace).await).await
    }

    async fn resend_taken(
        &self,
        app: &App,
        id: VerificationId,
        place: &str,
        trace: &TraceParent,
    ) -> Result<Accepted, Problem> {
        let resent = self.asked(self.store.resend(&id, &app.policy)).await?;
        match resent.map_err(|violations| self.limited(violations))? {
            Resent::Allowed { at, terms, generation, record, paused, nonce } => {
                let record = self.records.open(&id, &record).map_err(|error| internal(&id, error))?;
                let mail = Mail { id: &id, at, expires_at: terms.expires_at, generation, place, paused };
                if let Err(problem) = self.publish_again(app, &mail, &record, trace).await {
                    self.store.undo_resend(&id, nonce).await;
                    return Err(problem);
                }
                let masked = otp_nats::mask::mask_address(record.email.expose_secret());
                Ok(self.accepted(app, id, masked, terms))
            }
            Resent::Over { state, just_expired } => {
                if let Some(generation) = just_expired {
                    self.outbox.publish(id, Timestamp::now(), generation, Body::Expired {}, *trace);
                }
                Err(over(state, app.policy.cooldown))
            }
            Resent::Missing => Err(Problem::Expired),
        }
    }

    /// Publishes if domain and application may have another mail. Only now is known whom it is for.
    async fn publish_again(
        &self,
        app: &App,
        mail: &Mail<'_>,
        record: &Record,
        trace: &TraceParent,
    ) -> Result<(), Problem> {
        let address = record.email.expose_secret();
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let quotas = self.mail_quotas(app, domain, Share::Resend);
        self.spending(quotas, async || self.publish_request(app, mail, record, trace).await).await
    }
}
