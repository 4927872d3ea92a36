//! SMTP commands (RFC 5321 §4.1), from a line without its end.

use super::address::split_path;

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// HELO.
    Hello,
    /// EHLO.
    ExtendedHello,
    /// STARTTLS.
    StartTls,
    /// MAIL FROM.
    Mail {
        /// The sender, empty for the null path.
        from: &'a str,
        /// The announced size (RFC 1870).
        size_octets: Option<u64>,
        /// Whether addresses and headers may hold UTF-8 (RFC 6531).
        utf8: bool,
    },
    /// RCPT TO.
    Recipient {
        /// The address.
        to: &'a str,
    },
    /// DATA.
    Data,
    /// RSET.
    Reset,
    /// NOOP.
    Noop,
    /// VRFY.
    Verify,
    /// HELP.
    Help,
    /// QUIT.
    Quit,
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misread {
    /// No command of that name.
    Unknown,
    /// Its arguments are wrong.
    Arguments,
    /// A parameter that was not offered.
    Parameter,
}

impl<'a> Command<'a> {
    /// Reads a line.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, Misread> {
        let line = std::str::from_utf8(line).map_err(|_| Misread::Arguments)?;
        if line.contains(|c: char| c.is_ascii_control() && c != '\t') {
            return Err(Misread::Arguments);
        }
        let line = line.trim_ascii_end();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "HELO" if !rest.is_empty() => Ok(Self::Hello),
            "EHLO" if !rest.is_empty() => Ok(Self::ExtendedHello),
            "STARTTLS" if rest.is_empty() => Ok(Self::StartTls),
            "MAIL" => mail(rest),
            "RCPT" => recipient(rest),
            "DATA" if rest.is_empty() => Ok(Self::Data),
            "RSET" if rest.is_empty() => Ok(Self::Reset),
            "QUIT" if rest.is_empty() => Ok(Self::Quit),
            "NOOP" => Ok(Self::Noop),
            "VRFY" => Ok(Self::Verify),
            "HELP" => Ok(Self::Help),
            "HELO" | "EHLO" | "STARTTLS" | "DATA" | "RSET" | "QUIT" => Err(Misread::Arguments),
            _ => Err(Misread::Unknown),
        }
    }
}

fn mail(rest: &str) -> Result<Command<'_>, Misread> {
    let (from, parameters) = keyword(rest, "FROM:").and_then(split_path).ok_or(Misread::Arguments)?;
    let mut size_octets = None;
    let mut utf8 = false;
    for parameter in split_parameters(parameters)? {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (name.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
            ("SIZE", octets) => size_octets = Some(octets.parse().map_err(|_| Misread::Arguments)?),
            ("BODY", "7BIT" | "8BITMIME") => {}
            ("SMTPUTF8", "") => utf8 = true,
            _ => return Err(Misread::Parameter),
        }
    }
    Ok(Command::Mail { from, size_octets, utf8 })
}

fn recipient(rest: &str) -> Result<Command<'_>, Misread> {
    let (to, parameters) = keyword(rest, "TO:").and_then(split_path).ok_or(Misread::Arguments)?;
    if to.is_empty() {
        return Err(Misread::Arguments);
    }
    if split_parameters(parameters)?.next().is_some() {
        return Err(Misread::Parameter);
    }
    Ok(Command::Recipient { to })
}

fn keyword<'a>(text: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(keyword.len())?;
    head.eq_ignore_ascii_case(keyword).then_some(tail)
}

fn split_parameters(text: &str) -> Result<impl Iterator<Item = &str>, Misread> {
    if text.is_empty() || text.starts_with(' ') { Ok(text.split_ascii_whitespace()) } else { Err(Misread::Arguments) }
}
