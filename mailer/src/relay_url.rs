//! Where mail is handed over: `smtp://[user:password@]host[:port][?options]` and `smtps://...`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use lettre::transport::smtp::authentication::Mechanism;
use otp_nats::settings::Setting;
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::{Host, Url};

/// Most connections to one relay; a setting beyond it is taken for a mistake.
const MAX_CONNECTIONS: usize = 1000;

/// Most mails in a period; a setting beyond it is taken for a mistake.
const MAX_RATE: u32 = 100_000;

/// When a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// From the first byte (`smtps://`).
    Implicit,
    /// After STARTTLS; without it nothing is sent (`smtp://`).
    Required,
    /// After STARTTLS where the server offers it (`?tls=opportunistic`). What it then presents must hold.
    Opportunistic,
    /// Never (`?tls=none`): for a relay on the same machine or network only.
    None,
}

/// How to log in.
#[derive(Clone)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The password, or the token for XOAUTH2.
    pub password: SecretString,
    /// The mechanism, when it was chosen; else the first of PLAIN and LOGIN that the server offers.
    pub mechanism: Option<Mechanism>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

/// Most mails in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many, at least one.
    pub mails: u32,
    /// In this time.
    pub period: Duration,
}

impl Rate {
    /// From one mail to the next.
    pub fn interval(self) -> Duration {
        self.period / self.mails.max(1)
    }
}

/// A relay as the settings name it. Its `Debug` and `Display` show no secret.
#[derive(Debug, Clone)]
pub struct RelayUrl {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// When to encrypt.
    pub encryption: Encryption,
    /// How to log in, if at all.
    pub login: Option<Login>,
    /// Most connections at once.
    pub connections: Option<usize>,
    /// Most mails in a time, from this process.
    pub rate: Option<Rate>,
    /// The only certificate authorities to trust (PEM), instead of the system's.
    pub ca: Option<PathBuf>,
}

/// Host and port, as events and metrics name a relay.
impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Setting for RelayUrl {
    const FORM: &'static str = "smtp://[user:password@]host[:port] or smtps://..., with options as \
        ?tls=required|opportunistic|none, auth=plain|login|xoauth2, connections=N, rate=N/s, ca=PATH";

    fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|_| String::new())?;
        let (mut encryption, default_port) = match url.scheme() {
            "smtp" => (Encryption::Required, 587),
            "smtps" => (Encryption::Implicit, 465),
            _ => return Err("unknown scheme".to_owned()),
        };
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => decoded(name)?,
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            Some(Host::Domain(_)) | None => return Err("no host".to_owned()),
        };
        // The crate decodes nothing in a host of a scheme that it does not know, so anything may come out of it; and the
        // host stands in events and metrics.
        if host.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("a control character or white space in the host".to_owned());
        }
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err("a path or fragment".to_owned());
        }
        let mut relay = Self {
            host,
            port: url.port().unwrap_or(default_port),
            encryption,
            login: login(&url)?,
            connections: None,
            rate: None,
            ca: None,
        };
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "tls" => encryption = tls(encryption, &value)?,
                "auth" => {
                    let login = relay.login.as_mut().ok_or("auth without user and password")?;
                    login.mechanism = Some(mechanism(&value)?);
                }
                "connections" => {
                    let number = value.parse().ok().filter(|number| (1..=MAX_CONNECTIONS).contains(number));
                    relay.connections = Some(number.ok_or("connections is no number between 1 and 1000")?);
                }
                "rate" => relay.rate = Some(rate(&value)?),
                "ca" if !value.is_empty() => relay.ca = Some(PathBuf::from(value.as_ref())),
                _ => return Err("unknown option".to_owned()),
            }
        }
        relay.encryption = encryption;
        Ok(relay)
    }
}

fn tls(scheme: Encryption, value: &str) -> Result<Encryption, String> {
    match (scheme, value) {
        (Encryption::Implicit, "required") => Ok(Encryption::Implicit),
        (Encryption::Implicit, _) => Err("smtps is always encrypted".to_owned()),
        (_, "required") => Ok(Encryption::Required),
        (_, "opportunistic") => Ok(Encryption::Opportunistic),
        (_, "none") => Ok(Encryption::None),
        (_, _) => Err("tls is none of required, opportunistic and none".to_owned()),
    }
}

fn rate(value: &str) -> Result<Rate, String> {
    let fault = || "rate is no number between 1 and 100000 for a second, a minute or an hour: 14/s, 600/m, 9000/h";
    let (number, unit) = value.split_once('/').ok_or_else(fault)?;
    let mails = number.parse().ok().filter(|mails| (1..=MAX_RATE).contains(mails)).ok_or_else(fault)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        _ => return Err(fault().to_owned()),
    };
    Ok(Rate { mails, period: Duration::from_secs(seconds) })
}

fn mechanism(value: &str) -> Result<Mechanism, String> {
    match value {
        "plain" => Ok(Mechanism::Plain),
        "login" => Ok(Mechanism::Login),
        "xoauth2" => Ok(Mechanism::Xoauth2),
        _ => Err("auth is none of plain, login and xoauth2".to_owned()),
    }
}

fn login(url: &Url) -> Result<Option<Login>, String> {
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (user, Some(password)) if !user.is_empty() && !password.is_empty() => {
            let (user, password) = (decoded(user)?, SecretString::from(decoded(password)?));
            // A NUL would end the user's name within the credentials of PLAIN (RFC 4616).
            if user.chars().any(char::is_control) {
                return Err("a control character in the user name".to_owned());
            }
            Ok(Some(Login { user, password, mechanism: None }))
        }
        (_, _) => Err("user or password is missing".to_owned()),
    }
}

fn decoded(text: &str) -> Result<String, String> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| "not UTF-8".to_owned())
}

#[cfg(test)]
mod tests;
