//! What a report does: the code is dead, and further ones are held back if that is wanted.

use std::net::IpAddr;
use std::time::Duration;

use otp_nats::network::limited_network;
use otp_nats::trace::TraceParent;
use otp_nats::{Body, VerificationId};

use super::Verifications;
use super::quotas::Quota;
use crate::apps::App;
use crate::problem::Problem;
use crate::store::State;

/// A day, and then it ends by itself: whoever was annoyed yesterday may want a code today.
const PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

impl Verifications {
    /// Cancels the verification that a link's token is for. With `pause` its application's mails to the recipient fail
    /// for a day, as those to blocked recipients do: nobody learns of it.
    ///
    /// The answer is the same for a verification that is over or forgotten: the token proves that it was made here, and
    /// its holder learns nothing more.
    ///
    /// # Errors
    /// [`Problem::InvalidReport`], and the problems that any request may meet.
    pub async fn report(&self, token: &str, pause: bool, client: IpAddr, trace: TraceParent) -> Result<(), Problem> {
        let id = self.report_links.read(token).ok_or(Problem::InvalidReport)?;
        // An application that is gone has neither limits nor a name; its mails may still be reported.
        let app = self.app_of(&id).ok();
        let app = app.as_deref();
        let quotas = app.and_then(|app| self.report_quota(app, client)).into_iter().collect();
        self.spending(quotas, async || self.report_taken(id, app, pause, trace).await).await
    }

    async fn report_taken(
        &self,
        id: VerificationId,
        app: Option<&App>,
        pause: bool,
        trace: TraceParent,
    ) -> Result<(), Problem> {
        let reported = self.asked(self.store.report(&id, pause.then_some(PAUSE))).await?;
        let canceled = reported.before == Some(State::Pending);
        let application = app.map_or("", |app| app.id.as_str());
        self.reports.reported(application, canceled, pause);
        tracing::info!(recipient = id.tag(), application, canceled, pause, "a code was reported");
        if canceled {
            // As any other cancellation: whoever asked need not learn that it was the mailbox's owner.
            self.outbox.publish(id, reported.at, reported.generation, Body::Canceled {}, trace);
        } else if reported.just_expired {
            self.outbox.publish(id, reported.at, reported.generation, Body::Expired {}, trace);
        }
        Ok(())
    }

    /// As many as new verifications, and counted apart from them: who floods those must not keep others from reporting.
    fn report_quota<'a>(&self, app: &'a App, client: IpAddr) -> Option<Quota<'a>> {
        self.quota("report", app, &limited_network(client).to_string(), &app.quotas.ip)
    }
}
