//! Requests under an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): the same key and body give the
//! same answer and at most one verification.

use std::time::Duration;

use otp_nats::VerificationId;
use secrecy::ExposeSecret;

use super::{Accepted, NewVerification, Verifications};
use crate::altcha::Solved;
use crate::problem::Problem;
use crate::store::{Claimed, Terms};

/// A request under way holds its key so long: longer than any request takes.
const UNDER_WAY: Duration = Duration::from_secs(10);
const MAX_LENGTH: usize = 255;

/// The value of the header, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads the header's value: a structured-field string in quotes, or bare as many clients send it.
    ///
    /// # Errors
    /// [`Problem::InvalidIdempotencyKey`] unless it has 1 to 255 printable ASCII characters.
    pub fn parse(value: &[u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(value).map_err(|_| Problem::InvalidIdempotencyKey)?.trim();
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let printable = bare.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
        let fits = (1..=MAX_LENGTH).contains(&bare.len());
        if printable && fits { Ok(Self(bare.to_owned())) } else { Err(Problem::InvalidIdempotencyKey) }
    }
}

impl Verifications {
    pub(super) async fn create_once(
        &self,
        fresh: VerificationId,
        new: &NewVerification,
        key: &IdempotencyKey,
        proof: Result<Option<Solved>, Problem>,
    ) -> Result<Accepted, Problem> {
        let name = self.ids.scope(&[b"idempotency", new.app.id.as_bytes(), key.0.as_bytes()]);
        let fingerprint = self.fingerprint(new);
        let life = new.app.policy.ttl + new.app.policy.retention;
        let proof = match proof {
            Ok(proof) => proof,
            // A request that would need a proof claims nothing; one that was answered before needs none.
            Err(problem) => {
                return match self.asked(self.store.recall(&name, &fingerprint)).await? {
                    Some(Claimed::Done(id, answer)) => self.repeated(new, id, &answer),
                    Some(Claimed::Busy(retry_after)) => Err(Problem::IdempotencyConflict { retry_after }),
                    Some(Claimed::Other) => Err(Problem::IdempotencyKeyReused),
                    Some(Claimed::Ours(_)) | None => Err(problem),
                };
            }
        };
        let id = match self.asked(self.store.claim(&name, &fingerprint, &fresh, UNDER_WAY, life)).await? {
            Claimed::Ours(id) => id,
            Claimed::Done(id, answer) => return self.repeated(new, id, &answer),
            Claimed::Busy(retry_after) => return Err(Problem::IdempotencyConflict { retry_after }),
            Claimed::Other => return Err(Problem::IdempotencyKeyReused),
        };
        let issued = self.issue(id, new, proof).await;
        let answer = issued.as_ref().ok().and_then(|times| serde_json::to_string(times).ok());
        self.quietly(self.store.settle(&name, answer.as_deref())).await;
        issued.map(|times| self.accepted(&new.app, id, new.email.masked(), times))
    }

    /// The answer that was given before.
    fn repeated(&self, new: &NewVerification, id: VerificationId, answer: &str) -> Result<Accepted, Problem> {
        let times: Terms = serde_json::from_str(answer).map_err(|_| Problem::Internal)?;
        Ok(self.accepted(&new.app, id, new.email.masked(), times))
    }

    /// What makes two requests the same, as a keyed hash.
    fn fingerprint(&self, new: &NewVerification) -> String {
        let metadata = new.metadata.as_ref().map(ToString::to_string).unwrap_or_default();
        self.ids.scope(&[
            b"fingerprint",
            new.email.address().expose_secret().as_bytes(),
            new.purpose.as_deref().unwrap_or_default().as_bytes(),
            new.locale.as_bytes(),
            metadata.as_bytes(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_and_bare_keys_are_the_same() {
        let bare = IdempotencyKey::parse(b"8e03978e-40d5-43e8-bc93-6894a57f9324").unwrap();
        assert_eq!(IdempotencyKey::parse(b"\"8e03978e-40d5-43e8-bc93-6894a57f9324\"").unwrap(), bare);
        for bad in [b"".as_slice(), b"\"\"", b"a\"b", b"\x01", "é".as_bytes(), &[b'a'; 256]] {
            assert_eq!(IdempotencyKey::parse(bad), Err(Problem::InvalidIdempotencyKey));
        }
    }
}
