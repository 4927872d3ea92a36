//! SPF (RFC 7208) as far as it can be told without a mail: the record's form, its look-ups, and what it says of
//! addresses.

use std::net::IpAddr;

use futures_util::future::BoxFuture;
use ipnet::IpNet;

use super::dns::{Dns, Silence};

/// Terms that ask the DNS, in all records together (RFC 7208 §4.6.4): receivers give up beyond it.
pub(super) const LOOKUPS_MAX: usize = 10;
/// Longest chain of records that is followed: more than the look-ups allow.
const DEPTH_MAX: usize = LOOKUPS_MAX + 1;

/// What a record says of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Fail,
    SoftFail,
    Neutral,
}

impl Verdict {
    fn of(sign: char) -> Option<Self> {
        match sign {
            '+' => Some(Self::Pass),
            '-' => Some(Self::Fail),
            '~' => Some(Self::SoftFail),
            '?' => Some(Self::Neutral),
            _ => None,
        }
    }
}

/// Why receivers can make nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SpfFault {
    #[error("{0} has no SPF record")]
    Missing(String),
    #[error("{0} has more than one SPF record: receivers take none")]
    Several(String),
    #[error("{0:?} is no term of SPF")]
    Term(String),
    #[error("it takes more than {LOOKUPS_MAX} look-ups: receivers give up")]
    TooManyLookups,
    #[error(transparent)]
    Silence(#[from] Silence),
}

/// What was found out.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Terms that ask the DNS.
    pub(super) lookups: usize,
    /// Terms that depend on the mail (macros, `exists`, `ptr`): they are taken not to match.
    pub(super) open: bool,
    /// What is said of all that nothing else matches; of the outermost record.
    pub(super) rest: Option<Verdict>,
}

/// What a domain's record says of each address; `None` where nothing matches.
pub(super) async fn verdicts(
    dns: &Dns,
    domain: &str,
    addresses: &[IpAddr],
) -> Result<(Vec<Option<Verdict>>, Seen), SpfFault> {
    let mut seen = Seen::default();
    let (verdicts, rest) = evaluate(dns, domain.to_owned(), addresses, &mut seen, 0).await?;
    seen.rest = rest;
    Ok((verdicts, seen))
}

type Evaluated = Result<(Vec<Option<Verdict>>, Option<Verdict>), SpfFault>;

fn evaluate<'d>(
    dns: &'d Dns,
    domain: String,
    addresses: &'d [IpAddr],
    seen: &'d mut Seen,
    depth: usize,
) -> BoxFuture<'d, Evaluated> {
    Box::pin(async move {
        if depth > DEPTH_MAX {
            return Err(SpfFault::TooManyLookups);
        }
        let record = record(dns, &domain).await?;
        let mut verdicts = vec![None; addresses.len()];
        let (mut rest, mut redirect) = (None, None);
        for term in record.split_ascii_whitespace().skip(1) {
            if let Some(target) = term.to_ascii_lowercase().strip_prefix("redirect=") {
                redirect = Some(target.to_owned());
                continue;
            }
            // Another modifier: `exp=` and what may come.
            if term.split([':', '/']).next().is_some_and(|name| name.contains('=')) {
                continue;
            }
            let verdict = term.chars().next().and_then(Verdict::of);
            let mechanism = if verdict.is_some() { term.get(1..).unwrap_or_default() } else { term };
            let verdict = verdict.unwrap_or(Verdict::Pass);
            if mechanism.eq_ignore_ascii_case("all") {
                rest = Some(verdict);
                break;
            }
            let matched = matches(dns, &domain, mechanism, addresses, seen, depth).await?;
            for (place, _) in matched.iter().enumerate().filter(|(_, matched)| **matched) {
                if let Some(open @ None) = verdicts.get_mut(place) {
                    *open = Some(verdict);
                }
            }
        }
        // It counts only where there is no `all` (RFC 7208 §6.1).
        if let (None, Some(target)) = (rest, redirect) {
            count(seen)?;
            let (others, all) = evaluate(dns, target, addresses, seen, depth + 1).await?;
            rest = all;
            for (open, other) in verdicts.iter_mut().zip(others) {
                *open = open.or(other);
            }
        }
        for verdict in &mut verdicts {
            *verdict = verdict.or(rest);
        }
        Ok((verdicts, rest))
    })
}

async fn record(dns: &Dns, domain: &str) -> Result<String, SpfFault> {
    let is_spf = |text: &String| {
        let version = text.split_ascii_whitespace().next().unwrap_or_default();
        version.eq_ignore_ascii_case("v=spf1")
    };
    let mut records = dns.texts(domain).await?.into_iter().filter(is_spf);
    match (records.next(), records.next()) {
        (Some(record), None) => Ok(record),
        (None, _) => Err(SpfFault::Missing(domain.to_owned())),
        (Some(_), Some(_)) => Err(SpfFault::Several(domain.to_owned())),
    }
}

fn count(seen: &mut Seen) -> Result<(), SpfFault> {
    seen.lookups += 1;
    if seen.lookups > LOOKUPS_MAX { Err(SpfFault::TooManyLookups) } else { Ok(()) }
}

/// Which addresses a mechanism matches.
async fn matches(
    dns: &Dns,
    domain: &str,
    mechanism: &str,
    addresses: &[IpAddr],
    seen: &mut Seen,
    depth: usize,
) -> Result<Vec<bool>, SpfFault> {
    let none = vec![false; addresses.len()];
    let (name, argument) = match mechanism.find([':', '/']) {
        Some(place) => mechanism.split_at(place),
        None => (mechanism, ""),
    };
    let target = argument.strip_prefix(':').unwrap_or_default();
    let term = || SpfFault::Term(mechanism.to_owned());
    let name = name.to_ascii_lowercase();
    if matches!(name.as_str(), "include" | "a" | "mx" | "ptr" | "exists") {
        count(seen)?;
        if mechanism.contains('%') {
            seen.open = true;
            return Ok(none);
        }
    }
    match name.as_str() {
        "ip4" | "ip6" => {
            let alone = || target.parse::<IpAddr>().map(IpNet::from);
            let network = target.parse::<IpNet>().or_else(|_| alone()).map_err(|_| term())?;
            Ok(addresses.iter().map(|address| network.contains(&address.to_canonical())).collect())
        }
        "include" if !target.is_empty() => {
            let (verdicts, _) = evaluate(dns, target.to_owned(), addresses, seen, depth + 1).await?;
            Ok(verdicts.iter().map(|verdict| *verdict == Some(Verdict::Pass)).collect())
        }
        "a" | "mx" => {
            let (host, lengths) = target.split_once('/').unwrap_or((target, argument.strip_prefix('/').unwrap_or("")));
            let host = if host.is_empty() { domain } else { host };
            let hosts = if name == "a" { vec![host.to_owned()] } else { dns.exchangers(host).await? };
            let mut theirs = Vec::new();
            for host in hosts.iter().filter(|host| !host.is_empty()) {
                theirs.extend(dns.addresses(host).await?);
            }
            let within = |address: &IpAddr| theirs.iter().any(|theirs| same_network(*address, *theirs, lengths));
            Ok(addresses.iter().map(within).collect())
        }
        "exists" | "ptr" => {
            seen.open = true;
            Ok(none)
        }
        _ => Err(term()),
    }
}

/// Whether two addresses are in one network of the length that `24`, `24//64` or `/64` gives (RFC 7208 §5.6).
fn same_network(one: IpAddr, other: IpAddr, lengths: &str) -> bool {
    let (four, six) = match lengths.split_once('/') {
        Some((four, six)) => (four, six.trim_start_matches('/')),
        None => (lengths, ""),
    };
    let length = if one.is_ipv4() { four } else { six }.parse().unwrap_or(if one.is_ipv4() { 32 } else { 128 });
    IpNet::new(other, length).is_ok_and(|network| network.contains(&one))
}
