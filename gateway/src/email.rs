//! E-mail addresses: parsed once, then known to be good.
//!
//! The grammar is RFC 5321 §4.1.2 (`Dot-string` or `Quoted-string`, then a domain name) with RFC 6531's characters
//! beyond ASCII, within the sizes of RFC 5321 §4.5.3.1. Address literals (`user@[192.0.2.1]`), comments and single-label
//! domains are refused: nobody can prove to own them over the public mail system.

use std::borrow::Cow;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Longest local part in octets (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// Longest address in octets: a path has 256 with its angle brackets (RFC 5321 §4.5.3.1.3).
const MAX_ADDRESS: usize = 254;
/// Longest domain in octets as text (RFC 1035 §2.3.4: 255 on the wire).
const MAX_DOMAIN: usize = 253;

/// A mail address: its local part as typed, but for backslashes that it can do without, its domain in lower-case ASCII. It
/// prints masked only.
#[derive(Clone)]
pub struct EmailAddress {
    address: SecretString,
    canonical: SecretString,
    domain: String,
}

/// Why a text is no address. The reasons are shown to people; they repeat nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// Nothing, or white space.
    #[error("the address is empty")]
    Empty,
    /// Over the sizes of RFC 5321.
    #[error("the address is too long")]
    TooLong,
    /// No `@`, or nothing before it.
    #[error("the address has no part before an @ sign")]
    NoLocalPart,
    /// A character that a local part cannot have.
    #[error("the part before the @ sign is malformed")]
    BadLocalPart,
    /// No domain name with at least one dot.
    #[error("the part after the @ sign is not a domain name")]
    BadDomain,
}

impl EmailAddress {
    /// Reads an address; white space around it is dropped.
    ///
    /// # Errors
    /// [`InvalidEmail`], as its variants say.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim_matches([' ', '\t', '\u{a0}']);
        if text.is_empty() {
            return Err(InvalidEmail::Empty);
        }
        // Before anything costs work in proportion to the length.
        if text.len() > MAX_ADDRESS {
            return Err(InvalidEmail::TooLong);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail::NoLocalPart)?;
        let (local, bare) = local_part(local)?;
        let domain = ascii_domain(domain).ok_or(InvalidEmail::BadDomain)?;
        let address = [&*local, "@", &domain].concat();
        if address.len() > MAX_ADDRESS {
            return Err(InvalidEmail::TooLong);
        }
        let canonical = canonical_form(&bare, &domain);
        Ok(Self { address: address.into(), canonical: canonical.into(), domain })
    }

    /// The address that mail goes to.
    pub const fn address(&self) -> &SecretString {
        &self.address
    }

    /// The one form that stands for all spellings of a mailbox; limits count on it.
    pub const fn canonical(&self) -> &SecretString {
        &self.canonical
    }

    /// The domain in lower-case ASCII.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The address as answers, events and logs show it.
    pub fn masked(&self) -> String {
        otp_nats::mask::mask_address(self.address.expose_secret())
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// Checks a local part and gives it as mail goes to it and without quotes.
fn local_part(local: &str) -> Result<(Cow<'_, str>, Cow<'_, str>), InvalidEmail> {
    if local.is_empty() {
        return Err(InvalidEmail::NoLocalPart);
    }
    if local.len() > MAX_LOCAL {
        return Err(InvalidEmail::TooLong);
    }
    let inner = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) => {
            let bare = unquote(inner).ok_or(InvalidEmail::BadLocalPart)?;
            Ok((quote(&bare).into(), bare.into()))
        }
        None if local.split('.').all(is_atom) => Ok((local.into(), local.into())),
        None => Err(InvalidEmail::BadLocalPart),
    }
}

/// `atext` of RFC 5322 §3.2.3, and letters and digits beyond ASCII (RFC 6531 §3.3).
fn is_atom(text: &str) -> bool {
    let atext = |c: char| {
        if c.is_ascii() { c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) } else { c.is_alphanumeric() }
    };
    !text.is_empty() && text.chars().all(atext)
}

/// `QcontentSMTP` of RFC 5321 §4.1.2: printable ASCII, quote and backslash behind a backslash. No empty string, and no
/// angle brackets: some relays read a path's end out of them.
fn unquote(inner: &str) -> Option<String> {
    let (mut bare, mut characters) = (String::with_capacity(inner.len()), inner.chars());
    while let Some(c) = characters.next() {
        let c = match c {
            '\\' => characters.next()?,
            '"' => return None,
            other => other,
        };
        if !matches!(c, ' '..='~') || matches!(c, '<' | '>') {
            return None;
        }
        bare.push(c);
    }
    (!bare.is_empty()).then_some(bare)
}

/// A quoted string with a backslash where there has to be one and nowhere else (RFC 5321 §4.1.2 wants no more), because
/// not all programs on the way know the others.
fn quote(bare: &str) -> String {
    let escaped = |c| if matches!(c, '"' | '\\') { format!("\\{c}") } else { String::from(c) };
    format!("\"{}\"", bare.chars().map(escaped).collect::<String>())
}

/// The domain by IDNA 2008 with UTS 46 mapping, lower case, or `None`.
pub(crate) fn ascii_domain(domain: &str) -> Option<String> {
    // A leading bracket is an address literal; a trailing dot is no part of a mailbox.
    if domain.is_empty() || domain.len() > MAX_ADDRESS || domain.ends_with('.') {
        return None;
    }
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = ascii.rsplit('.').next().unwrap_or_default();
    let named = ascii.contains('.') && !top.bytes().all(|byte| byte.is_ascii_digit());
    (ascii.len() <= MAX_DOMAIN && named && ascii.split('.').all(label)).then_some(ascii)
}

/// Folds case and drops what follows a plus sign; Google's domains ignore dots as well and are one. A mailbox of dots
/// alone stays what it is: none has an empty name.
fn canonical_form(local: &str, domain: &str) -> String {
    let folded = local.to_lowercase();
    let mailbox = match folded.split_once('+') {
        Some((mailbox, _tag)) if !mailbox.is_empty() => mailbox,
        Some(_) | None => folded.as_str(),
    };
    if !matches!(domain, "gmail.com" | "googlemail.com") {
        return [mailbox, "@", domain].concat();
    }
    let dotless = mailbox.replace('.', "");
    let name = if dotless.is_empty() { mailbox } else { &dotless };
    [name, "@gmail.com"].concat()
}

#[cfg(test)]
mod tests;
