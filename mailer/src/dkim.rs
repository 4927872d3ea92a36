//! DKIM (RFC 6376): the domain that a mail is from says so with a signature that any receiver can check.
//!
//! A mail is signed as it goes over the wire, by the first key of each algorithm whose domain is the sender's: RSA
//! (RFC 8301) because every receiver knows it, Ed25519 (RFC 8463) beside it for those that do. What cannot be signed is
//! sent all the same, counted and logged: a code without a signature is better than none.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use otp_nats::Timestamp;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;

use crate::smtp::Outgoing;

mod canonical;
pub mod command;
mod keys;
mod metrics;
mod record;
mod signature;

pub use keys::{Algorithm, DkimKey, DkimKeys};
pub use metrics::Outcome;
pub use record::RecordFault;

use canonical::Message;
use metrics::DkimMetrics;
use signature::Draft;

/// Domains without a key that are remembered, so that each is warned of once. Senders are the operator's own, so there
/// are few; beyond it the count alone tells.
const MAX_WARNED: usize = 64;

/// Signs mails. It never fails one.
#[derive(Debug)]
pub struct Signer {
    keys: DkimKeys,
    /// RSA signatures at once: more than there are processors would only take turns, each on a thread of its own.
    permits: Arc<Semaphore>,
    warned: Mutex<BTreeSet<String>>,
    metrics: DkimMetrics,
}

/// A signature could not be made. The crate gives no reason, so that none leaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key does not sign")]
pub struct SignFault;

impl Signer {
    /// Signs with these keys.
    pub fn new(keys: DkimKeys, registry: &mut Registry) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            keys,
            permits: Arc::new(Semaphore::new(processors)),
            warned: Mutex::default(),
            metrics: DkimMetrics::new(registry),
        }
    }

    /// The mail with a signature of each algorithm that there is a key of.
    pub async fn signed(&self, mail: Outgoing, now: Timestamp) -> Outgoing {
        let domain = mail.sender_domain().to_ascii_lowercase();
        let keys = self.keys.for_domain(&domain);
        if keys.is_empty() {
            self.unsigned(&domain);
            return mail;
        }
        let message = Message::read(mail.wire());
        let body_hash = message.body_hash();
        let (mut fields, mut outcome) = (String::new(), Outcome::Signed);
        for place in keys {
            let Some(key) = self.keys.get(place) else { continue };
            let draft = Draft::new(key, &message, &body_hash, now);
            match self.signature(place, key.algorithm(), &draft).await {
                Ok(signature) => fields.push_str(&draft.field(&signature)),
                Err(fault) => {
                    outcome = Outcome::Failed;
                    let (selector, domain) = (key.selector(), key.domain());
                    tracing::error!(selector, domain, %fault, "a mail goes without this key's signature");
                }
            }
        }
        self.metrics.count(outcome);
        mail.with_fields(&fields)
    }

    /// RSA takes a thread that may block, Ed25519 less time than getting one.
    async fn signature(&self, place: usize, algorithm: Algorithm, draft: &Draft) -> Result<Vec<u8>, SignFault> {
        match algorithm {
            Algorithm::Ed25519 => self.keys.get(place).ok_or(SignFault)?.sign(draft.text()),
            Algorithm::Rsa => {
                let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_closed| SignFault)?;
                let (keys, text) = (self.keys.clone(), draft.text_to_keep());
                let signing = tokio::task::spawn_blocking(move || {
                    let signature = keys.get(place).ok_or(SignFault)?.sign(&text);
                    drop(permit);
                    signature
                });
                signing.await.map_err(|_panicked| SignFault)?
            }
        }
    }

    fn unsigned(&self, domain: &str) {
        self.metrics.count(Outcome::Unsigned);
        // Without any key the relay is meant to sign, or nobody.
        if self.keys.is_empty() {
            return;
        }
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() < MAX_WARNED && warned.insert(domain.to_owned()) {
            tracing::warn!(domain, "OTP_DKIM_KEYS has no key for this domain; its mails are not signed");
        }
    }
}

#[cfg(test)]
mod tests;
