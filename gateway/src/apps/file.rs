//! The file of applications: TOML, one table for each, read whole and taken only without a fault.
//!
//! What an application leaves out is as the gateway's settings have it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use otp_nats::settings::Setting;
use serde::Deserialize;

use super::key::{KeyHash, KeyKind};
use super::{App, Apps, Origins, Quotas, Registry};
use crate::code::CODE_LENGTHS;
use crate::config::APPS_FILE;
use crate::email::EmailAddress;
use crate::store::{CodePolicy, MAX_ATTEMPTS};
use crate::watched_file::WatchedFile;

/// Longest id of an application, which stands in proofs and metrics.
const MAX_ID: usize = 32;
/// Longest name in characters: the mailer shows no more.
const MAX_NAME: usize = 64;
/// Most keys of one kind: the one in use, its successor, and some more places that have their own.
const MAX_KEYS: usize = 8;
/// Most applications: every request of unknown origin is compared with the origins of all.
const MAX_APPS: usize = 1000;

/// Stands between faults in a line, and in none of them.
const BETWEEN: &str = "; ";

/// Everything that is wrong with a file, one line each: the application and the member, and never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFaults(pub Vec<String>);

impl fmt::Display for FileFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(BETWEEN))
    }
}

impl std::error::Error for FileFaults {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    apps: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    #[serde(default)]
    secret_keys: Vec<String>,
    #[serde(default)]
    publishable_keys: Vec<String>,
    #[serde(default)]
    allowed_origins: Vec<String>,
    #[serde(default)]
    frame_origins: Vec<String>,
    sender: Option<String>,
    templates: Option<String>,
    locale: Option<String>,
    code_length: Option<usize>,
    code_ttl: Option<String>,
    max_attempts: Option<u32>,
    resend_cooldown: Option<String>,
    limit_recipient: Option<String>,
    limit_guesses: Option<String>,
    limit_ip: Option<String>,
    limit_domain: Option<String>,
    limit_app: Option<String>,
    daily_budget: Option<u64>,
    proof_of_work: Option<String>,
    limit_status: Option<String>,
}

/// Reads the file. `open` is open mode's application, if that is on; what an application leaves out is as in `defaults`.
///
/// # Errors
/// All faults at once.
pub fn parse(bytes: &[u8], defaults: &App, open: Option<&App>) -> Result<Apps, FileFaults> {
    let file: File = std::str::from_utf8(bytes)
        .map_err(|_| FileFaults(vec!["the file is no UTF-8".to_owned()]))
        .and_then(|text| toml::from_str(text).map_err(|error| malformed(text, &error)))?;
    let mut reader = Reader { faults: Vec::new(), defaults, owners: HashMap::new(), app: String::new() };
    if file.apps.len() > MAX_APPS {
        reader.faults.push(format!("more than {MAX_APPS} applications"));
    }
    let named = file.apps.into_iter().map(|(id, entry)| reader.app(id, entry)).collect();
    if reader.faults.is_empty() { Ok(Apps::new(open.cloned(), named)) } else { Err(FileFaults(reader.faults)) }
}

/// Opens the file, or has open mode alone where there is none; `defaults` and `open` as for [`parse`].
///
/// # Errors
/// All faults, one line each.
pub fn open(path: Option<PathBuf>, defaults: App, open: Option<App>) -> Result<Registry, Vec<String>> {
    let Some(path) = path else { return Ok(Registry::Fixed(Arc::new(Apps::new(open, Vec::new())))) };
    let opened = WatchedFile::open(APPS_FILE, path, move |bytes| parse(bytes, &defaults, open.as_ref()));
    opened.map(Registry::File).map_err(|fault| fault.to_string().split(BETWEEN).map(str::to_owned).collect())
}

/// Where the fault is. The parser's own words may repeat a value, so they are not used.
fn malformed(text: &str, error: &toml::de::Error) -> FileFaults {
    let at = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    FileFaults(vec![format!(
        "line {line} is no TOML, or has a member that is unknown, twice there or of the wrong type"
    )])
}

struct Reader<'d> {
    faults: Vec<String>,
    defaults: &'d App,
    /// Whose each key is, to find one that stands twice.
    owners: HashMap<KeyHash, String>,
    app: String,
}

impl Reader<'_> {
    fn app(&mut self, id: String, entry: Entry) -> (App, Vec<(KeyKind, KeyHash)>) {
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !((1..=MAX_ID).contains(&id.len()) && id.bytes().all(named)) {
            self.faults.push(format!("an application's id must have 1 to {MAX_ID} of a-z, 0-9 and -"));
        }
        self.app.clone_from(&id);
        let mut keys = self.keys("secret_keys", KeyKind::Secret, &entry.secret_keys);
        keys.extend(self.keys("publishable_keys", KeyKind::Publishable, &entry.publishable_keys));
        if keys.is_empty() {
            self.fault("secret_keys", "there must be a key of either kind");
        }
        if !entry.publishable_keys.is_empty() && entry.allowed_origins.is_empty() {
            self.fault("allowed_origins", "a publishable key works from these only, so there must be one");
        }
        let defaults = self.defaults;
        let app = App {
            name: self.checked("name", entry.name, &defaults.name, "1 to 64 characters in a line", is_name),
            allowed_origins: Origins::new(self.origins("allowed_origins", entry.allowed_origins)),
            frame_origins: self.origins("frame_origins", entry.frame_origins),
            sender: self.checked("sender", entry.sender, "", "an address, or Name <address>", is_sender),
            templates: self.checked(
                "templates",
                entry.templates,
                "",
                "a folder's name of a-z, 0-9, - and _",
                is_folder,
            ),
            locale: self.checked("locale", entry.locale, "", "a language tag, as pt-BR", is_locale),
            code_length: self.bounded("code_length", entry.code_length, defaults.code_length, CODE_LENGTHS),
            policy: CodePolicy {
                ttl: self.ttl(entry.code_ttl),
                attempts: self.bounded("max_attempts", entry.max_attempts, defaults.policy.attempts, 1..=MAX_ATTEMPTS),
                cooldown: self.parsed("resend_cooldown", entry.resend_cooldown, &defaults.policy.cooldown),
                recipient: self.parsed("limit_recipient", entry.limit_recipient, &defaults.policy.recipient),
                guesses: self.parsed("limit_guesses", entry.limit_guesses, &defaults.policy.guesses),
                ..defaults.policy
            },
            proof_of_work: self.parsed("proof_of_work", entry.proof_of_work, &defaults.proof_of_work),
            quotas: Quotas {
                ip: self.parsed("limit_ip", entry.limit_ip, &defaults.quotas.ip),
                domain: self.parsed("limit_domain", entry.limit_domain, &defaults.quotas.domain),
                app: self.parsed("limit_app", entry.limit_app, &defaults.quotas.app),
                daily_budget: entry.daily_budget,
                status: self.parsed("limit_status", entry.limit_status, &defaults.quotas.status),
            },
            id,
        };
        (app, keys)
    }

    fn fault(&mut self, member: &str, what: &str) {
        self.faults.push(format!("apps.{}.{member}: {what}", self.app));
    }

    fn keys(&mut self, member: &str, kind: KeyKind, hashes: &[String]) -> Vec<(KeyKind, KeyHash)> {
        if hashes.len() > MAX_KEYS {
            self.fault(member, &format!("more than {MAX_KEYS} keys"));
        }
        let mut keys = Vec::new();
        for text in hashes {
            let Some(hash) = KeyHash::parse(text) else {
                self.fault(member, "expected hashes as `otp-gateway app-keys` prints them, never the keys themselves");
                continue;
            };
            if let Some(owner) = self.owners.insert(hash, self.app.clone()) {
                self.fault(member, &format!("a key that apps.{owner} has already"));
            }
            keys.push((kind, hash));
        }
        keys
    }

    fn origins(&mut self, member: &str, origins: Vec<String>) -> Vec<String> {
        if !origins.iter().all(|origin| is_origin(origin)) {
            self.fault(member, "expected origins as https://shop.example.com, in lower case and without a path");
        }
        origins
    }

    fn ttl(&mut self, text: Option<String>) -> Duration {
        let longest = self.defaults.policy.ttl;
        let ttl = self.parsed("code_ttl", text, &longest);
        if ttl.is_zero() {
            self.fault("code_ttl", "must be longer than nothing");
        }
        if ttl > longest {
            self.fault("code_ttl", "longer than OTP_CODE_TTL, for which the streams are made");
        }
        ttl
    }

    fn checked(
        &mut self,
        member: &str,
        text: Option<String>,
        default: &str,
        form: &str,
        holds: fn(&str) -> bool,
    ) -> String {
        let Some(text) = text else { return default.to_owned() };
        if !holds(&text) {
            self.fault(member, &format!("expected {form}"));
        }
        text
    }

    fn bounded<N: PartialOrd + fmt::Display>(
        &mut self,
        member: &str,
        number: Option<N>,
        default: N,
        bounds: std::ops::RangeInclusive<N>,
    ) -> N {
        let number = number.unwrap_or(default);
        if !bounds.contains(&number) {
            self.fault(member, &format!("must lie between {} and {}", bounds.start(), bounds.end()));
        }
        number
    }

    fn parsed<T: Setting + Clone>(&mut self, member: &str, text: Option<String>, default: &T) -> T {
        let Some(text) = text else { return default.clone() };
        T::parse(&text).unwrap_or_else(|why| {
            let why = if why.is_empty() { format!("expected {}", T::FORM) } else { why };
            self.fault(member, &why);
            default.clone()
        })
    }
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control) && text.trim() == text
}

/// `Name <address>` or an address alone. What stands around the address is the mailer's to quote.
fn is_sender(text: &str) -> bool {
    let (name, address) = match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, address)) => (name.trim(), address),
        None => ("", text),
    };
    (name.is_empty() || is_name(name)) && !name.contains(['<', '>']) && EmailAddress::parse(address).is_ok()
}

fn is_folder(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(plain)
}

fn is_locale(text: &str) -> bool {
    (1..=35).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The serialised form of an origin (RFC 6454 §6.2), as browsers send it.
fn is_origin(text: &str) -> bool {
    let Some((scheme @ ("http" | "https"), rest)) = text.split_once("://") else { return false };
    let (host, port) = rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let default = if scheme == "https" { 443 } else { 80 };
    let port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0 && port != default));
    !host.is_empty() && host.bytes().all(named) && port
}

#[cfg(test)]
mod tests;
