//! The mailer's settings.

use std::net::SocketAddr;
use std::path::PathBuf;

use lettre::message::Mailbox;
use otp_nats::bus::BusSettings;
use otp_nats::keys::KeyList;
use otp_nats::settings::{List, Setting, Settings};

use crate::dkim::DkimKeys;
use crate::relay_url::RelayUrl;

/// Most requests worked on at once; each may hold a connection.
const MAX_CONCURRENCY: usize = 4096;
/// Most relays; they are tried in order, so a mail would wait for all of them.
const MAX_RELAYS: usize = 8;

/// Everything the mailer is told.
#[derive(Debug, Clone)]
pub struct MailerSettings {
    /// How to join the bus.
    pub bus: BusSettings,
    /// Where health, readiness and metrics are served.
    pub admin: SocketAddr,
    /// The relays, the first one preferred.
    pub relays: Vec<RelayUrl>,
    /// Who the mails are from.
    pub sender: Sender,
    /// What opens the requests.
    pub seal_keys: KeyList,
    /// What signs the mails (DKIM).
    pub dkim_keys: DkimKeys,
    /// Requests worked on at once.
    pub concurrency: usize,
    /// A folder whose files replace the templates compiled in.
    pub template_dir: Option<PathBuf>,
    /// The name that mails show when a request names none.
    pub app_name: Option<String>,
    /// Whether the code stands in the subject as well.
    pub code_in_subject: bool,
    /// The name said in EHLO; the connection's own address when there is none.
    pub hello: Option<HelloName>,
}

impl MailerSettings {
    /// Declares and reads the settings.
    pub fn read(settings: &mut Settings<'_>) -> Option<Self> {
        let bus = BusSettings::read(settings);
        let admin = settings.or("OTP_ADMIN_LISTEN", "0.0.0.0:9501", "Where health, readiness and metrics are served");
        let relays: Option<List<RelayUrl>> =
            settings.secret("OTP_SMTP_URL", "The relays, comma-separated, tried in order");
        let sender = settings.required("OTP_MAIL_FROM", "Who the mails are from");
        let seal_keys = settings.secret("OTP_SEAL_KEYS", "Keys that open the requests");
        let dkim_keys = settings.secret_or("OTP_DKIM_KEYS", "", "Keys that sign the mails of their domains (DKIM)");
        let concurrency = settings.or("OTP_MAIL_CONCURRENCY", "64", "Mails sent at once");
        let template_dir = settings.optional("OTP_TEMPLATE_DIR", "A folder whose templates replace those compiled in");
        let app_name = settings.optional("OTP_APP_NAME", "The name that mails show when the app has none of its own");
        let code_in_subject = settings.or("OTP_CODE_IN_SUBJECT", "false", "Whether the subject shows the code");
        let hello = settings.optional("OTP_SMTP_HELLO", "The name said to relays (EHLO), else the own address");
        if relays.as_ref().is_some_and(|List(relays)| !(1..=MAX_RELAYS).contains(&relays.len())) {
            settings.fault(format!("OTP_SMTP_URL must name 1 to {MAX_RELAYS} relays"));
        }
        if concurrency.is_some_and(|number| !(1..=MAX_CONCURRENCY).contains(&number)) {
            settings.fault(format!("OTP_MAIL_CONCURRENCY must lie between 1 and {MAX_CONCURRENCY}"));
        }
        Some(Self {
            bus: bus?,
            admin: admin?,
            relays: relays?.0,
            sender: sender?,
            seal_keys: seal_keys?,
            dkim_keys: dkim_keys?,
            concurrency: concurrency?,
            template_dir: template_dir?,
            app_name: app_name?,
            code_in_subject: code_in_subject?,
            hello: hello?,
        })
    }
}

/// The mailbox that mails are from; its address is ASCII, so that every relay takes it.
#[derive(Debug, Clone)]
pub struct Sender(pub Mailbox);

impl Setting for Sender {
    const FORM: &'static str = "a mailbox, as Name <codes@example.com>";

    fn parse(text: &str) -> Result<Self, String> {
        let mailbox: Mailbox = text.parse().map_err(|_| String::new())?;
        if text.chars().any(char::is_control) {
            return Err("a control character".to_owned());
        }
        if !mailbox.email.to_string().is_ascii() {
            return Err("the address must be ASCII, its domain in the form xn--...".to_owned());
        }
        Ok(Self(mailbox))
    }
}

/// A name for EHLO (RFC 5321 §4.1.1.1): a domain, or an address literal in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelloName(pub String);

impl Setting for HelloName {
    const FORM: &'static str = "a host name";

    fn parse(text: &str) -> Result<Self, String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
        if text.len() <= 255 && text.bytes().all(plain) { Ok(Self(text.to_owned())) } else { Err(String::new()) }
    }
}

#[cfg(test)]
mod tests;
