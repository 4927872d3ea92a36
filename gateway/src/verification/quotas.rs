//! What a request takes of limits and budgets that reach over recipients. All is taken before anything else is done and
//! given back when the request is refused in the end.

use std::net::IpAddr;

use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::Verifications;
use crate::apps::App;
use crate::limits::{Limits, Violation};
use crate::problem::Problem;
use crate::store::{Scope, StoreFault, Taken};
use otp_nats::network::limited_network;

/// A tenth of a day's budget is for further mails of verifications that are open: who has asked can finish.
const RESERVE: u64 = 10;

/// Which share of a budget a mail may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// That of new verifications.
    New,
    /// All of it, the reserve as well.
    Resend,
}

/// One thing that a request takes a place of.
#[derive(Debug)]
pub(super) enum Quota<'a> {
    /// Limits over times.
    Limits(Scope, &'a Limits),
    /// A day's budget.
    Budget(Scope, u64),
}

impl Share {
    const fn of(self, budget: u64) -> u64 {
        match self {
            Self::New => budget - budget / RESERVE,
            Self::Resend => budget,
        }
    }
}

impl Verifications {
    /// What a request takes of its client's network.
    pub(super) fn network_quota<'a>(&self, app: &'a App, client: Option<IpAddr>) -> Vec<Quota<'a>> {
        let network = client.map(|client| limited_network(client).to_string());
        let quota = |network: String| self.quota("ip", app, &network, &app.quotas.ip);
        network.and_then(quota).into_iter().collect()
    }

    /// What a mail takes of its recipient's domain, its application and all applications.
    pub(super) fn mail_quotas<'a>(&self, app: &'a App, domain: &str, share: Share) -> Vec<Quota<'a>> {
        let budget = |kind, name: &str, budget: Option<u64>| {
            let scope = || Scope { kind, name: self.ids.scope(&[kind.as_bytes(), name.as_bytes()]) };
            budget.map(|budget| Quota::Budget(scope(), share.of(budget)))
        };
        [
            self.quota("domain", app, domain, &app.quotas.domain),
            self.quota("app", app, "", &app.quotas.app),
            budget("app-daily-budget", &app.id, app.quotas.daily_budget),
            budget("daily-budget", "", self.total_budget),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    pub(super) fn quota<'a>(
        &self,
        kind: &'static str,
        app: &App,
        which: &str,
        limits: &'a Limits,
    ) -> Option<Quota<'a>> {
        let scope = || self.ids.scope(&[kind.as_bytes(), app.id.as_bytes(), which.as_bytes()]);
        (!limits.is_off()).then(|| Quota::Limits(Scope { kind, name: scope() }, limits))
    }

    /// Takes these, does the work, and gives all of them back if that is refused.
    pub(super) async fn spending<T>(
        &self,
        quotas: Vec<Quota<'_>>,
        work: impl AsyncFnOnce() -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let taken = self.take(quotas).await?;
        let result = work().await;
        if result.is_err() {
            self.give_back(taken).await;
        }
        result
    }

    /// Takes all of them, or none and says which refuse.
    async fn take(&self, quotas: Vec<Quota<'_>>) -> Result<Vec<Taken>, Problem> {
        let (mut taken, mut violations, mut fault) = (Vec::new(), Vec::new(), None);
        for outcome in join_all(quotas.iter().map(|quota| self.asked(self.take_one(quota)).boxed())).await {
            match outcome {
                Ok(Ok(place)) => taken.push(place),
                Ok(Err(more)) => violations.extend(more),
                Err(problem) => fault = Some(problem),
            }
        }
        let refused = match fault {
            Some(problem) => problem,
            None if violations.is_empty() => return Ok(taken),
            None => self.limited(violations),
        };
        self.give_back(taken).await;
        Err(refused)
    }

    async fn give_back(&self, taken: Vec<Taken>) {
        join_all(taken.into_iter().map(|place| self.store.give_back(place))).await;
    }

    async fn take_one(&self, quota: &Quota<'_>) -> Result<Result<Taken, Vec<Violation>>, StoreFault> {
        match quota {
            Quota::Limits(scope, limits) => self.store.take(scope, limits).await,
            Quota::Budget(scope, most) => self.store.spend(scope, *most).await,
        }
    }
}
