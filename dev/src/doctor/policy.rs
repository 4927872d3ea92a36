//! What is allowed to whom, held against OWASP ASVS 5.0 and NIST SP 800-63B-4 (docs/SECURITY.md).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use otp_gateway::Config;
use otp_gateway::apps::App;
use reqwest::Url;

use super::{Deployment, Finding, is_local};

/// ASVS 6.5.4 and NIST SP 800-63B-4 §3.1.3.2.
const DIGITS_MIN: usize = 6;
/// ASVS 6.5.5.
const LIFE_MAX: Duration = Duration::from_secs(600);
/// Two networks that no proxy of one deployment has both of.
const STRANGERS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)), IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1))];

pub(super) fn check(deployment: &Deployment) -> Vec<Finding> {
    let Some(gateway) = &deployment.gateway else { return Vec::new() };
    let mut findings: Vec<Finding> = deployment.public.urls().map(|(name, url)| public_url(name, url)).collect();
    if deployment.public.page.is_none() {
        let said = "OTP_PUBLIC_URL is not set: mails have no link for whoever did not ask for a code";
        findings.push(Finding::warning("policy.url", "OTP_PUBLIC_URL", said, "set it to where people reach the page"));
    }
    let open_to_others = deployment.public.is_open_to_others();
    findings.push(proxies(gateway, deployment));
    let apps = gateway.apps.current();
    findings.push(match apps.open() {
        Some(_) if open_to_others => Finding::warning(
            "policy.open",
            "OTP_OPEN_MODE",
            "anybody may have mails sent to anybody, without a key",
            "give each application a key (OTP_APPS_FILE), or ask for proof of work and set a daily budget",
        ),
        Some(_) => Finding::ok("policy.open", "OTP_OPEN_MODE", "open to this machine alone"),
        None => Finding::ok("policy.open", "OTP_APPS_FILE", "every request shows an application's key"),
    });
    let mut all: Vec<_> = apps.all().collect();
    all.sort_by(|one, other| one.id.cmp(&other.id));
    for app in all {
        findings.extend(of_app(app));
    }
    if gateway.total_budget.is_none() && open_to_others {
        let said = "no limit for all mails of a day";
        findings.push(Finding::warning("policy.budget", "OTP_DAILY_BUDGET", said, "set it to what you would pay for"));
    }
    findings
}

fn public_url(name: &'static str, url: &Url) -> Finding {
    let (host, scheme) = (url.host_str().unwrap_or_default(), url.scheme());
    if matches!(scheme, "https" | "wss") {
        Finding::ok("policy.url", name, "people reach it by TLS")
    } else if is_local(host) {
        Finding::ok("policy.url", name, "in clear, on this machine alone")
    } else {
        let said = format!("{scheme}:// in clear: codes and tickets can be read on the way");
        let mend = "put a proxy with TLS before it and name it by https:// or wss:// (docs/DEPLOY.md)";
        Finding::fault("policy.url", name, &said, mend)
    }
}

/// The gateway speaks no TLS by itself: where people reach it by TLS, or by a name, a proxy stands before it.
fn proxies(gateway: &Config, deployment: &Deployment) -> Finding {
    let (check, about) = ("policy.proxies", "OTP_TRUSTED_PROXIES");
    let behind_one = deployment.public.urls().any(|(_, url)| matches!(url.scheme(), "https" | "wss"));
    let trusts = |address: &IpAddr| gateway.trusted_proxies.trusts(*address);
    if STRANGERS.iter().all(trusts) {
        let said = "the whole Internet is believed about where requests come from: limits of an address hold nobody";
        return Finding::fault(check, about, said, "name the networks of your own proxies alone");
    }
    let private = ["127.0.0.1", "10.0.0.1", "172.17.0.1", "192.168.0.1", "::1", "fd00::1"];
    let trusts_any = private.iter().filter_map(|text| text.parse().ok()).any(|address| trusts(&address));
    if behind_one && gateway.trusted_proxies.is_empty() {
        let said = "TLS ends at a proxy, and none is trusted: all requests count as of one address";
        return Finding::fault(check, about, said, "name the networks of your proxies, as 10.0.0.0/8");
    }
    if behind_one && !trusts_any {
        let said = "no private network is among them";
        return Finding::warning(check, about, said, "make sure that proxies reach the gateway from the ones named");
    }
    Finding::ok(check, about, if gateway.trusted_proxies.is_empty() { "none, and none is needed" } else { "named" })
}

fn of_app(app: &App) -> Vec<Finding> {
    let about = if app.id.is_empty() { "open mode".to_owned() } else { format!("application {}", app.id) };
    let mut findings = Vec::new();
    let mut warn = |holds: bool, check, said: String, mend: &str| {
        if !holds {
            findings.push(Finding::warning(check, &about, &said, mend));
        }
    };
    let digits = app.code_length;
    warn(
        digits >= DIGITS_MIN,
        "policy.code",
        format!("codes of {digits} digits, fewer than ASVS 6.5.4 and NIST SP 800-63B allow"),
        "OTP_CODE_LENGTH or code_length of 6 or more",
    );
    let life = app.policy.ttl;
    warn(
        life <= LIFE_MAX,
        "policy.code",
        format!("codes live {} s, longer than the ten minutes of ASVS 6.5.5", life.as_secs()),
        "OTP_CODE_TTL or code_ttl of 600 s or less",
    );
    for (limits, setting, what) in [
        (&app.policy.recipient, "limit_recipient", "mails to a recipient"),
        (&app.policy.guesses, "limit_guesses", "wrong guesses at a recipient's codes"),
        (&app.quotas.ip, "limit_ip", "requests of an address"),
    ] {
        let upper = setting.to_uppercase();
        let mend = format!("OTP_{upper} or {setting}, as the default has it");
        warn(!limits.is_off(), "policy.limits", format!("{what} are not limited"), &mend);
    }
    if findings.is_empty() {
        let said = format!("{digits} digits for {} s, {} guesses, limits on", life.as_secs(), app.policy.attempts);
        findings.push(Finding::ok("policy.code", &about, &said));
    }
    findings
}
