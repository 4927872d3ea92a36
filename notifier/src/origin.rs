//! Which web pages may connect: the check of the header `Origin` (RFC 6455 §10.2, RFC 6454).
//!
//! A browser always sends it and a page cannot change it. Other clients send none or what they like, so for them it
//! proves nothing: they are let through to the ticket.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use otp_nats::settings::{List, Setting};
use otp_nats::watched_file::{FileFault, InForce, WatchedFile};
use serde::Deserialize;
use tokio_tungstenite::tungstenite::http::{HeaderMap, header};

/// The origins that are let in, beside requests without one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins {
    any: bool,
    exact: Vec<String>,
}

impl Origins {
    /// Whether a request with these headers may connect.
    pub(crate) fn allow(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(header::ORIGIN).iter();
        match (values.next(), values.next()) {
            (None, _) => true,
            (Some(_), Some(_)) => false,
            (Some(_), None) if self.any => true,
            (Some(value), None) => {
                value.to_str().ok().and_then(normal).is_some_and(|origin| self.exact.contains(&origin))
            }
        }
    }
}

/// The setting of the file of applications, and how logs and metrics call that.
pub(crate) const APPS_FILE: &str = "OTP_APPS_FILE";

/// Of the gateway's file of applications, what concerns web pages. The gateway checks the rest.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    apps: BTreeMap<String, Pages>,
}

#[derive(Deserialize)]
struct Pages {
    #[serde(default)]
    allowed_origins: Vec<String>,
}

impl Origins {
    /// These, and those of all applications in the file.
    pub(crate) fn with_apps(&self, bytes: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the file is no UTF-8")?;
        let file: File = toml::from_str(text).map_err(|_| "the file is no TOML with applications")?;
        let mut origins = self.clone();
        for origin in file.apps.values().flat_map(|pages| &pages.allowed_origins) {
            origins.exact.push(normal(origin).ok_or("an application's allowed_origins has what is no origin")?);
        }
        Ok(origins)
    }
}

/// These, and those of the file's applications if there is a file.
pub(crate) fn open(own: Origins, file: Option<PathBuf>) -> Result<InForce<Origins>, FileFault> {
    match file {
        None => Ok(InForce::Fixed(Arc::new(own))),
        Some(path) => WatchedFile::open(APPS_FILE, path, move |bytes| own.with_apps(bytes)).map(InForce::File),
    }
}

impl Setting for Origins {
    const FORM: &'static str = "exact origins as https://example.com or http://localhost:3000, comma-separated, or *";

    fn parse(text: &str) -> Result<Self, String> {
        let List(entries) = List::<String>::parse(text)?;
        let mut origins = Self::default();
        for (number, entry) in (1_usize..).zip(entries) {
            match entry.as_str() {
                "*" => origins.any = true,
                entry => origins.exact.push(normal(entry).ok_or_else(|| format!("entry {number} is no origin"))?),
            }
        }
        Ok(origins)
    }
}

/// `scheme://host[:port]` in lower case, without the scheme's own port; `None` when there is more or less to it.
fn normal(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (scheme, rest) = text.split_once("://")?;
    let own_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let rest = if own_port.is_empty() { rest } else { rest.strip_suffix(own_port).unwrap_or(rest) };
    let host_ok = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]~%".contains(&b));
    let scheme_ok = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) && !scheme.is_empty();
    (host_ok && scheme_ok).then(|| format!("{scheme}://{rest}"))
}

#[cfg(test)]
mod tests;
