//! Limits and budgets that reach over recipients: of a network, a domain, an application, and of all together.

use std::time::Duration;

use super::call::{Call, budget_keys, scope_key};
use super::caller::StoreFault;
use super::outcome::{duration, text};
use super::scripts::Scripts;
use super::undo::Spent;
use super::{Store, nonce, violations};
use crate::limits::{Limits, Violation};

const DAY: Duration = Duration::from_secs(86_400);

/// What limits count for, beside a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The kind, as policies and keys name it: `ip`, `domain`, `app`.
    pub kind: &'static str,
    /// A keyed hash of which one.
    pub name: String,
}

/// A place among limits, or a part of a budget.
#[derive(Debug)]
pub struct Taken(Spent);

impl Store {
    /// Counts a mail for `scope` against limits, or says which refuse it.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn take(&self, scope: &Scope, limits: &Limits) -> Result<Result<Taken, Vec<Violation>>, StoreFault> {
        let (key, nonce) = (scope_key(scope.kind, &scope.name), nonce());
        let call = Call::new(&Scripts::shared().take).key(&key).arg(&nonce).limits(limits);
        let spent = Spent::Place { key, nonce };
        let answer = self.run(&call, spent.clone()).await?;
        if text(&answer, 0)? == "refused" {
            return Ok(Err(violations(&answer, scope.kind, limits, Duration::ZERO)?));
        }
        Ok(Ok(Taken(spent)))
    }

    /// Counts a mail against today's budget, of which at most `most` may be spent by it, or says when the next day
    /// begins. The scope's kind is the policy's name.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn spend(&self, scope: &Scope, most: u64) -> Result<Result<Taken, Vec<Violation>>, StoreFault> {
        let nonce = nonce();
        let [day, recent] = budget_keys(scope.kind, &scope.name);
        let call = Call::new(&Scripts::shared().budget).key(day).key(recent).arg(&nonce).arg(most);
        let spent = Spent::Budget { kind: scope.kind, name: scope.name.clone(), nonce };
        let answer = self.run(&call, spent.clone()).await?;
        if text(&answer, 0)? == "refused" {
            let quota = u32::try_from(most).unwrap_or(u32::MAX);
            let retry_after = duration(&answer, 3)?;
            return Ok(Err(vec![Violation { policy: scope.kind.to_owned(), quota, window: DAY, retry_after }]));
        }
        Ok(Ok(Taken(spent)))
    }

    /// Gives back what [`Store::take`] or [`Store::spend`] counted.
    pub async fn give_back(&self, taken: Taken) {
        self.undo.now(taken.0).await;
    }
}
