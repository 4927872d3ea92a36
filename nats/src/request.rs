//! What the gateway asks the mailer to send, in clear only between opening and rendering.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::event::EventKind;
use crate::id::VerificationId;
use crate::keys::KeyList;
use crate::seal::{self, SealContext, SealError};
use crate::subject;

/// A mail to write: address, code and what the template needs. Its `Debug` shows neither address nor code.
pub struct MailRequest {
    /// The address as the person typed it, the domain in its ASCII form.
    pub email: SecretString,
    /// The code, digits only.
    pub code: SecretString,
    /// The languages asked for (BCP 47), comma-separated, the preferred one first; or empty.
    pub locale: String,
    /// The application's name, or empty for the mailer's own.
    pub app: String,
    /// What the mail is from, `Name <address>`, or empty for the mailer's own.
    pub sender: String,
    /// The folder of the application's templates under the mailer's, or empty for the mailer's own.
    pub templates: String,
    /// Whether the recipient is to get no mail: the request is to fail as where a mail server refuses the address.
    pub blocked: bool,
    /// Where whoever did not ask says so: a link that works for this verification only, or empty for none.
    pub report_url: SecretString,
    /// Where roughly it was asked from, as a person reads it ("Berlin, DE"), or empty when nothing tells.
    pub place: String,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Wire {
    email: String,
    code: String,
    locale: String,
    app: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    sender: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    templates: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    blocked: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    report_url: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    place: String,
}

impl MailRequest {
    /// Seals the request for the mailer, bound to the verification and the generation.
    ///
    /// # Errors
    /// [`SealError`], which does not happen with a mail.
    pub fn seal(&self, keys: &KeyList, id: &VerificationId, generation: u32) -> Result<String, SealError> {
        let wire = Wire {
            email: self.email.expose_secret().to_owned(),
            code: self.code.expose_secret().to_owned(),
            locale: self.locale.clone(),
            app: self.app.clone(),
            sender: self.sender.clone(),
            templates: self.templates.clone(),
            blocked: self.blocked,
            report_url: self.report_url.expose_secret().to_owned(),
            place: self.place.clone(),
        };
        let plaintext = seal::wiped_json(&wire)?;
        seal::seal(keys, &context(id, generation, &subject::event(EventKind::Requested, id)), &plaintext)
    }

    /// Opens a sealed request.
    ///
    /// # Errors
    /// [`SealError`], as its variants say; [`SealError::Malformed`] also when the plaintext is no request.
    pub fn open(keys: &KeyList, id: &VerificationId, generation: u32, sealed: &str) -> Result<Self, SealError> {
        let plaintext = seal::open(keys, &context(id, generation, &subject::event(EventKind::Requested, id)), sealed)?;
        let wire: Wire = serde_json::from_slice(&plaintext).map_err(|_| SealError::Malformed)?;
        Ok(Self {
            email: wire.email.clone().into(),
            code: wire.code.clone().into(),
            locale: wire.locale.clone(),
            app: wire.app.clone(),
            sender: wire.sender.clone(),
            templates: wire.templates.clone(),
            blocked: wire.blocked,
            report_url: wire.report_url.clone().into(),
            place: wire.place.clone(),
        })
    }
}

fn context<'a>(id: &'a VerificationId, generation: u32, subject: &'a str) -> SealContext<'a> {
    SealContext { subject, id, generation }
}

impl fmt::Debug for MailRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailRequest").field("locale", &self.locale).field("app", &self.app).finish_non_exhaustive()
    }
}

/// A request that was given up, as `otp.dead.<id>` carries it; the request in it is still sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The payload's version, [`crate::event::VERSION`].
    pub v: u32,
    /// The verification, when it could be read.
    pub id: Option<VerificationId>,
    /// When it was given up.
    pub at: crate::Timestamp,
    /// Which mail of the verification, when it could be read.
    pub generation: Option<u32>,
    /// The request's position in `OTP_REQUESTS`; 0 in letters of builds that did not write it.
    #[serde(default)]
    pub seq: u64,
    /// Why.
    pub reason: crate::event::Reason,
    /// How often it was tried.
    pub attempts: u32,
    /// The relay's last reply, without addresses.
    pub reply: Option<String>,
    /// The payload of `otp.requested.<id>` as it was (still sealed); what is no UTF-8 is replaced.
    pub request: String,
}

impl DeadLetter {
    /// The value of `Nats-Msg-Id`: one letter for one request, however often it is filed, and another one when the same
    /// request was sent again and given up again.
    pub fn message_id(&self) -> String {
        let id = self.id.as_ref().map_or("unreadable", VerificationId::as_str);
        format!("{id}.dead.{}", self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Key;

    #[test]
    fn travels_sealed_and_prints_nothing() {
        let keys = KeyList::single(Key::new("k1", std::array::from_fn(|i| u8::try_from(i).unwrap())).unwrap());
        let id: VerificationId = "abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().unwrap();
        let request = MailRequest {
            email: "alice@example.com".into(),
            code: "012345".into(),
            locale: "de".into(),
            app: String::new(),
            sender: "Shop <codes@shop.example.com>".into(),
            templates: "shop".into(),
            blocked: false,
            report_url: "https://shop.example.com/report#secret".into(),
            place: "Berlin, DE".into(),
        };
        let shown = format!("{request:?}");
        assert!(["alice", "012345", "#secret", "Berlin"].iter().all(|secret| !shown.contains(secret)));
        let sealed = request.seal(&keys, &id, 2).unwrap();
        let opened = MailRequest::open(&keys, &id, 2, &sealed).unwrap();
        assert_eq!(opened.email.expose_secret(), "alice@example.com");
        assert_eq!(opened.report_url.expose_secret(), "https://shop.example.com/report#secret");
        assert_eq!(opened.place, "Berlin, DE");
        assert_eq!(opened.code.expose_secret(), "012345");
        assert_eq!((opened.locale.as_str(), opened.templates.as_str()), ("de", "shop"));
        assert_eq!(opened.sender, "Shop <codes@shop.example.com>");
        assert_eq!(MailRequest::open(&keys, &id, 1, &sealed).unwrap_err(), SealError::Tampered);
    }
}
