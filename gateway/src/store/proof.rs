//! Proof of work: which challenges were used, and how full limits are.

use std::time::Duration;

use super::call::{Call, millis, redeemed_key, scope_key};
use super::outcome::{fault, integer, text};
use super::scripts::Scripts;
use super::undo::Spent;
use super::{Scope, Store, StoreFault, nonce};
use crate::altcha::Level;
use crate::limits::Limits;
use otp_nats::VerificationId;

/// A solved challenge that was noted as used.
#[derive(Debug)]
pub struct Redeemed(Spent);

impl Store {
    /// Notes that the solved challenge `name` is used for the verification `id`; `None` when it was used for another.
    /// A retry for the same verification may use it again.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn redeem(
        &self,
        name: &str,
        id: &VerificationId,
        life: Duration,
    ) -> Result<Option<Redeemed>, StoreFault> {
        let nonce = nonce();
        let call =
            Call::new(&Scripts::shared().redeem).key(redeemed_key(name)).arg(id.as_str()).arg(&nonce).arg(millis(life));
        let spent = Spent::Proof { name: name.to_owned(), id: *id, nonce };
        let answer = self.run(&call, spent.clone()).await?;
        Ok((text(&answer, 0)? == "redeemed").then_some(Redeemed(spent)))
    }

    /// Gives back what [`Store::redeem`] noted.
    pub async fn unredeem(&self, redeemed: Redeemed) {
        self.undo.now(redeemed.0).await;
    }

    /// How full the fullest of a scope's limits is.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn pressure(&self, scope: &Scope, limits: &Limits) -> Result<Level, StoreFault> {
        let mut call = Call::new(&Scripts::shared().pressure).key(scope_key(scope.kind, &scope.name));
        for limit in limits.as_slice() {
            call = call.arg(millis(limit.period));
            for threshold in Level::thresholds(limit.count) {
                call = call.arg(threshold);
            }
        }
        let level = integer(&self.caller.run(&call).await?, 2)?;
        u8::try_from(level).ok().and_then(Level::new).ok_or_else(|| fault("an unknown level"))
    }
}
