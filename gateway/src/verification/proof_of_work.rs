//! Proof of work: whether a request needs one, whether what it brings is one, and that none counts twice.

use std::net::IpAddr;
use std::time::Duration;

use otp_nats::{Timestamp, VerificationId};

use super::quotas::{Quota, Share};
use super::{NewVerification, Verifications};
use crate::altcha::{Challenge, Given, LIFE_SECS, Level, Policy, Refusal, Solved};
use crate::apps::App;
use crate::problem::Problem;
use crate::store::Redeemed;

/// A used challenge is remembered for its life and a minute more: as long as any gateway's clock may take it for alive.
const REMEMBERED: Duration = Duration::from_secs(LIFE_SECS as u64 + 60);

impl Verifications {
    /// A challenge for a client of this application, as hard as a request would need now.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn challenge(&self, app: &App, client: Option<IpAddr>, flood: Level) -> Result<Challenge, Problem> {
        let level = match app.proof_of_work {
            Policy::Off => Level::LEAST,
            Policy::Always | Policy::Pressure => self.pressure(app, client, flood).await?,
        };
        Ok(self.give(Given::Asked, app, level))
    }

    /// What the request brings, if it needs to. An application's own server decides by itself whom it lets ask; what it
    /// passes on is looked at all the same.
    pub(super) async fn weigh_proof(&self, new: &NewVerification) -> Result<Option<Solved>, Problem> {
        let app = &new.app;
        if app.proof_of_work == Policy::Off || (new.is_server && new.altcha.is_none()) {
            return Ok(None);
        }
        let pressure = self.pressure(app, new.client, new.flood).await?;
        let Some(level) = app.proof_of_work.demands(pressure) else { return Ok(None) };
        let Some(payload) = &new.altcha else {
            return Err(Problem::ProofOfWorkRequired { challenge: Box::new(self.give(Given::Required, app, level)) });
        };
        let solved = self.altcha.check(&app.id, payload, level, Timestamp::now());
        solved.map(Some).map_err(|refusal| self.refuse_proof(app, level, refusal))
    }

    /// Notes that the solution is used for this verification.
    pub(super) async fn redeem(&self, id: &VerificationId, app: &App, solved: &Solved) -> Result<Redeemed, Problem> {
        match self.asked(self.store.redeem(&solved.name, id, REMEMBERED)).await? {
            Some(redeemed) => Ok(redeemed),
            None => Err(self.refuse_proof(app, solved.level, Refusal::Replayed)),
        }
    }

    fn refuse_proof(&self, app: &App, level: Level, refusal: Refusal) -> Problem {
        self.proofs.refused(refusal);
        Problem::InvalidProofOfWork { refusal, challenge: Box::new(self.give(Given::Refused, app, level)) }
    }

    fn give(&self, given: Given, app: &App, level: Level) -> Challenge {
        self.proofs.given(given, level);
        self.altcha.challenge(&app.id, level, Timestamp::now(), &mut rand::rng())
    }

    /// How full the fullest of the limits is that say how much is asked for: the flood gate's, the network's, and the
    /// application's. A day's budget says nothing of the kind: it fills by the evening.
    async fn pressure(&self, app: &App, client: Option<IpAddr>, flood: Level) -> Result<Level, Problem> {
        let mut highest = flood;
        let of_app = self.mail_quotas(app, "", Share::New).into_iter();
        for quota in self.network_quota(app, client).into_iter().chain(of_app) {
            match quota {
                Quota::Limits(scope, limits) if matches!(scope.kind, "ip" | "app") => {
                    highest = highest.max(self.asked(self.store.pressure(&scope, limits)).await?);
                }
                Quota::Limits(..) | Quota::Budget(..) => {}
            }
        }
        Ok(highest)
    }
}
