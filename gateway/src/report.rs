//! Links by which whoever got a code and did not ask for it says so.
//!
//! A link's token is the verification's id, sealed: with the id in clear, whoever reads the mail on its way would have all
//! that a check takes. It stands behind the `#` of the link, so that no server's log, proxy or referrer has it, and
//! belongs to the verification and not to one of its mails. The keys come from the hash keys, which the gateway alone
//! has: a link of an older key works for as long as that key is listed.

use std::fmt::Write as _;
use std::net::IpAddr;

use http::Uri;
use otp_nats::VerificationId;
use otp_nats::keys::KeyList;
use otp_nats::seal;
use otp_nats::settings::Setting;
use otp_nats::ticket::keyed_hash;
use secrecy::SecretString;

mod metrics;

pub use metrics::ReportMetrics;

const KEY_PURPOSE: &[u8] = b"distotp report key 1";
const PURPOSE: &[u8] = b"distotp report link 1";

/// Makes and checks the tokens of links.
#[derive(Debug, Clone)]
pub struct ReportLinks {
    keys: KeyList,
    public_url: Option<PublicUrl>,
}

impl ReportLinks {
    /// With keys derived from the hash keys; without a public URL there are no links.
    pub fn new(hash_keys: &KeyList, public_url: Option<PublicUrl>) -> Self {
        Self { keys: hash_keys.derive(|key| keyed_hash(key, KEY_PURPOSE)), public_url }
    }

    /// The link for a verification's mails, or nothing: a mail without the link is better than none.
    pub fn link(&self, id: &VerificationId) -> SecretString {
        let mut link = String::new();
        if let Some(PublicUrl(base)) = &self.public_url
            && let Ok(token) = seal::seal_token(&self.keys, PURPOSE, id.as_str().as_bytes())
        {
            // Writing into memory cannot fail.
            write!(link, "{base}/report#{token}").unwrap_or_default();
        }
        link.into()
    }

    /// The verification that a token is for, if one of our keys made it.
    pub fn read(&self, token: &str) -> Option<VerificationId> {
        let id = seal::open_token(&self.keys, PURPOSE, token).ok()?;
        std::str::from_utf8(&id).ok()?.parse().ok()
    }
}

/// Where people reach the gateway, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for PublicUrl {
    const FORM: &'static str = "https://HOST, with a port and a path if need be; http:// for this machine alone";

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches('/');
        let uri: Uri = text.parse().map_err(|_| String::new())?;
        let authority = uri.authority().ok_or_else(String::new)?;
        // Nothing may follow that would stand before `/report`, and nobody's name and password.
        if text.contains(['#', '?', '@']) || uri.query().is_some() {
            return Err("it ends with its host, port or path".to_owned());
        }
        match uri.scheme_str() {
            Some("https") => Ok(Self(text.to_owned())),
            Some("http") if is_here(authority.host()) => Ok(Self(text.to_owned())),
            _ => Err(String::new()),
        }
    }
}

/// Whether a host is this machine, where nobody listens on the way.
fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
