//! The mail: what a request becomes on its way to a relay.

use std::time::{Duration, UNIX_EPOCH};

use data_encoding::BASE32_NOPAD;
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use otp_nats::request::MailRequest;
use otp_nats::seal::length_prefixed;
use otp_nats::settings::Setting as _;
use otp_nats::{Timestamp, VerificationId};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::settings::Sender;
use crate::smtp::Outgoing;

mod foreign;
mod form;
pub mod templates;

use foreign::{name, one_line};
use form::{Forms, Kind, Parts};
use templates::{Facts, Templates};

/// Longest subject, application name and place in characters: what an inbox, or a line of a mail, shows.
const MAX_SUBJECT: usize = 150;
const MAX_APP_NAME: usize = 64;
const MAX_PLACE: usize = 80;
const MESSAGE_ID_PURPOSE: &[u8] = b"distotp message-id 1";

/// Writes mails.
#[derive(Debug)]
pub struct Composer {
    templates: Templates,
    forms: Forms,
    sender: Mailbox,
    app_name: String,
    code_in_subject: bool,
}

/// Which mail is written, and when.
#[derive(Debug, Clone, Copy)]
pub struct Occasion {
    /// The verification.
    pub id: VerificationId,
    /// Which mail of the verification.
    pub generation: u32,
    /// Now.
    pub now: Timestamp,
    /// When the code ends.
    pub expires_at: Timestamp,
}

/// Why a mail cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeFault {
    /// The address is none that mail can go to.
    #[error("the address is none that mail can go to")]
    Address,
    /// A template does not render. The text names the template and what is wrong with it.
    #[error("a template does not render: {0}")]
    Template(String),
    /// The parts do not make a message.
    #[error("the parts do not make a message")]
    Message,
}

impl Composer {
    /// Writes mails from `sender`, about `app_name` where a request names no application.
    pub fn new(templates: Templates, sender: Mailbox, app_name: Option<String>, code_in_subject: bool) -> Self {
        let app_name = app_name.or_else(|| sender.name.clone()).unwrap_or_else(|| sender.email.domain().to_owned());
        let app_name = name(&app_name, MAX_APP_NAME);
        Self { templates, forms: Forms::default(), sender, app_name, code_in_subject }
    }

    /// Writes the mail for a request.
    ///
    /// # Errors
    /// [`ComposeFault`], as its variants say.
    pub fn compose(&self, request: &MailRequest, occasion: &Occasion) -> Result<Outgoing, ComposeFault> {
        let to = recipient(request.email.expose_secret())?;
        let sender = self.sender(&request.sender);
        let message = self.message(request, occasion, &sender, &to)?;
        Ok(Outgoing::new(sender.email, to, &message))
    }

    /// The sender that a request names. A code from the common sender is better than none.
    fn sender(&self, named: &str) -> Mailbox {
        if named.is_empty() {
            return self.sender.clone();
        }
        Sender::parse(named).map_or_else(
            |_| {
                tracing::warn!("an application's sender cannot be one; its mail is from OTP_MAIL_FROM");
                self.sender.clone()
            },
            |Sender(mailbox)| mailbox,
        )
    }

    /// The message as RFC 5322 has it.
    fn message(
        &self,
        request: &MailRequest,
        occasion: &Occasion,
        sender: &Mailbox,
        to: &Address,
    ) -> Result<Zeroizing<Vec<u8>>, ComposeFault> {
        let app = name(&request.app, MAX_APP_NAME);
        let facts = Facts {
            app: if app.is_empty() { &self.app_name } else { &app },
            code: request.code.expose_secret(),
            minutes: minutes(occasion.now.until(occasion.expires_at)),
            place: &name(&request.place, MAX_PLACE),
            report_url: &report_link(request),
        };
        let language = self.templates.language(&request.templates, &request.locale)?;
        let render = |facts: &Facts<'_>| self.templates.render(language, facts, self.code_in_subject);
        let Parts { subject, text, html } = self.forms.parts(Kind::new(language, &facts), &facts, render)?;
        let token = message_token(&occasion.id, occasion.generation);
        let body = MultiPart::alternative()
            // The text is all base32, so the boundary is no line of any part.
            .boundary(format!("otp-{token}"))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(html));
        let millis = u64::try_from(occasion.now.as_millis()).unwrap_or(0);
        // Given, not read back from the header: lettre's parser knows no quoted local part with a space or an @.
        let envelope = Envelope::new(Some(sender.email.clone()), vec![to.clone()]);
        let message = Message::builder()
            .envelope(envelope.map_err(|_| ComposeFault::Message)?)
            .from(sender.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(one_line(&subject, MAX_SUBJECT))
            .date(UNIX_EPOCH + Duration::from_millis(millis))
            .message_id(Some(format!("<{token}@{}>", sender.email.domain())))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"))
            .raw_header(header("Content-Language", language.tag()))
            .multipart(body)
            .map_err(|_| ComposeFault::Message)?;
        Ok(Zeroizing::new(message.formatted()))
    }
}

/// The link to report the request; empty when there is none. A mail without the link is better than none.
fn report_link(request: &MailRequest) -> Zeroizing<String> {
    let given = request.report_url.expose_secret();
    let link = foreign::link(given).unwrap_or_default();
    if link.is_empty() && !given.is_empty() {
        tracing::warn!("the link to report a request is none that a mail may have; the mail is without it");
    }
    Zeroizing::new(link)
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The recipient, parsed. A quoted local part may hold nearly anything, so control characters are refused by name.
fn recipient(address: &str) -> Result<Address, ComposeFault> {
    if address.chars().any(char::is_control) {
        return Err(ComposeFault::Address);
    }
    address.parse().map_err(|_| ComposeFault::Address)
}

/// What makes the Message-ID: the same for the same mail however often it is sent, so that a repeated one is
/// recognised, and a hash, because an id that stands in every log on the way would let its readers spend the guesses.
fn message_token(id: &VerificationId, generation: u32) -> String {
    let hash =
        Sha256::digest(length_prefixed(&[MESSAGE_ID_PURPOSE, id.as_str().as_bytes(), &generation.to_be_bytes()]));
    let mut token = BASE32_NOPAD.encode(hash.get(..20).unwrap_or_default());
    token.make_ascii_lowercase();
    token
}

/// The time as people say it: whole minutes, rounded, at least one.
fn minutes(left: Duration) -> u64 {
    (left.as_secs() + 30).div_euclid(60).max(1)
}

#[cfg(test)]
mod tests;
