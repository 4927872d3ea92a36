//! A domain that mails are from: whether it takes mail itself, and what it publishes for receivers to know its mails
//! by (SPF, DKIM, DMARC).

use std::net::IpAddr;

use otp_mailer::dkim::{Algorithm, DkimKey, DkimKeys};
use otp_mailer::settings::Sender;
use otp_nats::settings::Setting as _;

use super::dns::Dns;
use super::spf::{self, SpfFault, Verdict};
use super::{Deployment, Finding};

/// Domains in `OTP_MAIL_FROM` and in the applications' file, with the keys that there are.
pub(super) fn senders(deployment: &Deployment) -> Vec<(String, DkimKeys)> {
    let Some(mailer) = &deployment.mailer else { return Vec::new() };
    let own = mailer.sender.0.email.domain().to_ascii_lowercase();
    let apps = deployment.gateway.iter().flat_map(|gateway| {
        let named =
            |sender: &str| Sender::parse(sender).ok().map(|sender| sender.0.email.domain().to_ascii_lowercase());
        gateway.apps.current().all().filter_map(|app| named(&app.sender)).collect::<Vec<_>>()
    });
    let mut domains: Vec<String> = std::iter::once(own).chain(apps).collect();
    domains.sort();
    domains.dedup();
    domains.into_iter().map(|domain| (domain, mailer.dkim_keys.clone())).collect()
}

pub(super) async fn check(dns: &Dns, domain: String, keys: DkimKeys, deployment: &Deployment) -> Vec<Finding> {
    let mut findings = vec![replies(dns, &domain).await];
    let hosts = deployment.mailer.iter().flat_map(|mailer| mailer.relays.iter().map(|relay| relay.host.clone()));
    findings.push(spf(dns, &domain, &hosts.collect::<Vec<_>>()).await);
    let strict = dmarc(dns, &domain, &mut findings).await;
    findings.extend(dkim(dns, &domain, &keys, strict).await);
    findings
}

/// Bounces and answers go to the sender, and receivers ask whether that is possible.
async fn replies(dns: &Dns, domain: &str) -> Finding {
    let check = "sender";
    let mend = "an MX record for the domain, or another OTP_MAIL_FROM";
    match (dns.exchangers(domain).await, dns.addresses(domain).await) {
        (Ok(exchangers), _) if exchangers.iter().any(|name| !name.is_empty()) => {
            Finding::ok(check, domain, "it takes mail (MX)")
        }
        (Ok(exchangers), _) if !exchangers.is_empty() => {
            let said = "it says that it takes no mail (null MX): many receivers refuse mail from it (RFC 7505 §4.2)";
            Finding::fault(check, domain, said, mend)
        }
        (Ok(_), Ok(addresses)) if !addresses.is_empty() => {
            Finding::ok(check, domain, "it takes mail (no MX, an address)")
        }
        (Ok(_), Ok(_)) => Finding::fault(check, domain, "it does not exist, or has neither MX nor address", mend),
        (Err(silence), _) | (_, Err(silence)) => {
            Finding::warning(check, domain, &silence.to_string(), "the domain's name servers, or OTP_DNS_SERVER")
        }
    }
}

async fn spf(dns: &Dns, domain: &str, relays: &[String]) -> Finding {
    let check = "spf";
    let mut addresses: Vec<IpAddr> = Vec::new();
    for host in relays {
        // A relay that cannot be found is a finding of its own.
        addresses.extend(dns.addresses(host).await.unwrap_or_default());
    }
    let (verdicts, seen) = match spf::verdicts(dns, domain, &addresses).await {
        Ok(found) => found,
        Err(SpfFault::Silence(silence)) => {
            return Finding::warning(check, domain, &silence.to_string(), "the domain's name servers");
        }
        Err(SpfFault::Missing(name)) if name == domain => {
            let said = "there is no SPF record: receivers cannot tell who may send for the domain";
            let mend = "a TXT record at the domain, as \"v=spf1 include:RELAY'S-DOMAIN -all\"; the relay's operator tells which";
            return Finding::fault(check, domain, said, mend);
        }
        Err(fault) => return Finding::fault(check, domain, &fault.to_string(), "the domain's SPF record"),
    };
    let lookups = seen.lookups;
    match seen.rest {
        Some(Verdict::Pass) => {
            return Finding::fault(check, domain, "it ends in +all: anybody may send for the domain", "end it in -all");
        }
        Some(Verdict::Neutral) | None => {
            let said = "it ends in neither -all nor ~all: it keeps nobody from sending for the domain";
            return Finding::warning(check, domain, said, "end it in -all, or ~all while you are not sure");
        }
        Some(Verdict::Fail | Verdict::SoftFail) => {}
    }
    let covered = verdicts.contains(&Some(Verdict::Pass));
    if covered {
        return Finding::ok(check, domain, &format!("one record, {lookups} look-ups, and it names the relay"));
    }
    let said = if seen.open {
        "it names the relay's addresses only by terms that depend on the mail, if at all"
    } else {
        "it does not name the addresses of the relay in OTP_SMTP_URL"
    };
    let mend = "add what the relay's operator says (include:...); one that mails from other addresses than it takes mail \
                at is right to be missing here";
    Finding::warning(check, domain, said, mend)
}

/// Whether signatures have to be of the very domain.
async fn dmarc(dns: &Dns, domain: &str, findings: &mut Vec<Finding>) -> bool {
    let check = "dmarc";
    // The domain's own, else the nearest one's above it.
    let mut name = Some(domain);
    while let Some(at) = name.filter(|name| name.contains('.')) {
        let records = match dns.texts(&format!("_dmarc.{at}")).await {
            Ok(records) => records,
            Err(silence) => {
                findings.push(Finding::warning(check, domain, &silence.to_string(), "the domain's name servers"));
                return false;
            }
        };
        let records: Vec<&String> = records.iter().filter(|text| text.trim_start().starts_with("v=DMARC1")).collect();
        match records.as_slice() {
            [] => name = at.split_once('.').map(|(_, above)| above),
            [record] => {
                findings.push(policy(domain, at, record));
                return tag(record, "adkim").is_some_and(|mode| mode == "s");
            }
            _ => {
                let said = format!("_dmarc.{at} has more than one DMARC record: receivers take none");
                findings.push(Finding::fault(check, domain, &said, "keep one of them"));
                return false;
            }
        }
    }
    let said = "there is no DMARC record: large receivers trust such senders less";
    let mend = format!("a TXT record at _dmarc.{domain}: \"v=DMARC1; p=quarantine; rua=mailto:YOU\"");
    findings.push(Finding::warning(check, domain, said, &mend));
    false
}

fn policy(domain: &str, at: &str, record: &str) -> Finding {
    let (check, own) = ("dmarc", tag(record, "p"));
    // Below the record's own domain another policy may hold.
    let policy = if at == domain { own } else { tag(record, "sp").or(own) };
    match policy.as_deref() {
        Some(policy @ ("quarantine" | "reject")) => Finding::ok(check, domain, &format!("p={policy}, at _dmarc.{at}")),
        Some("none") => {
            let said = format!("p=none at _dmarc.{at}: receivers only report what is forged");
            Finding::warning(check, domain, &said, "p=quarantine once the reports show no mail of your own")
        }
        _ => {
            Finding::fault(check, domain, &format!("_dmarc.{at} names no policy (p=)"), "p=none, quarantine or reject")
        }
    }
}

fn tag(record: &str, name: &str) -> Option<String> {
    let tags = record.split(';').filter_map(|tag| tag.split_once('='));
    tags.map(|(tag, value)| (tag.trim(), value.trim()))
        .find(|(tag, _)| *tag == name)
        .map(|(_, value)| value.to_lowercase())
}

async fn dkim(dns: &Dns, domain: &str, keys: &DkimKeys, strict: bool) -> Vec<Finding> {
    let check = "dkim";
    let signing = keys.signing(domain);
    let Some(first) = signing.first() else {
        let said = "no key signs its mails here";
        let mend = "`otp-mailer dkim-keys`, unless the relay signs with d= of this domain";
        return vec![Finding::warning(check, domain, said, mend)];
    };
    let mut findings = Vec::new();
    if strict && first.domain() != domain {
        let said =
            format!("DMARC asks for signatures of the very domain (adkim=s), and the key is {}'s", first.domain());
        findings.push(Finding::fault("dkim.aligned", domain, &said, "a key for the domain itself, or adkim=r"));
    }
    if signing.iter().all(|key| key.algorithm() != Algorithm::Rsa) {
        let said = "an Ed25519 key alone: many receivers check RSA signatures only";
        findings.push(Finding::warning(check, domain, said, "an RSA key beside it (`otp-mailer dkim-keys`)"));
    }
    for key in keys.iter().filter(|key| key.domain() == first.domain()) {
        findings.push(record(dns, key, keys.signs(key)).await);
    }
    findings
}

async fn record(dns: &Dns, key: &DkimKey, signs: bool) -> Finding {
    let (check, name) = ("dkim", key.record_name());
    let mend = format!("publish {}", key.zone_line());
    // What does not sign yet may be published yet.
    let grave = |said: &str| {
        if signs { Finding::fault(check, &name, said, &mend) } else { Finding::warning(check, &name, said, &mend) }
    };
    match dns.texts(&name).await {
        Ok(records) => match records.as_slice() {
            [] => grave("there is no such record"),
            [record] => match key.check_record(record) {
                Ok(()) => {
                    Finding::ok(check, &name, if signs { "published, and signs" } else { "published, for later" })
                }
                Err(fault) => grave(&fault.to_string()),
            },
            _ => grave("there is more than one record: receivers may take either"),
        },
        Err(silence) => Finding::warning(check, &name, &silence.to_string(), "the domain's name servers"),
    }
}
