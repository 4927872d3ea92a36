use std::net::{IpAddr, Ipv4Addr};

use otp_nats::Timestamp;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::clock::compared;
use super::dns::Dns;
use super::keys;
use super::spf::{self, SpfFault, Verdict};
use super::*;
use crate::dns::Zone;

/// Settings of a sound deployment; the keys are of nobody.
fn sound() -> Values {
    let keys = [
        ("OTP_SEAL_KEYS", "k1:IVyK7HXn2m2zjS5y1vOQm8nVnYbqjU3H3aRz0XkM1dI="),
        ("OTP_TICKET_KEYS", "k1:9Gm0Dq3n4bV7sK2hZx8RtY5uWcPjLoE1aSfNvQiBgTc="),
        ("OTP_HASH_KEYS", "k1:Xq7LzB2nVt9KcRm4YwJs6HdPfGa8UoEi3TlZ1xCvNb0="),
        ("OTP_SIGNING_KEYS", "k1:mP4vQ8rT1yW6zB3cE9fH2jK7nL5sD0gXaUoIiVbNtRk="),
        ("OTP_EVENTS_URL", "wss://otp.example.com/v1/events"),
        ("OTP_PUBLIC_URL", "https://otp.example.com"),
        ("OTP_TRUSTED_PROXIES", "10.0.0.0/8"),
        ("OTP_OPEN_MODE", "true"),
        ("OTP_PROOF_OF_WORK", "always"),
        ("OTP_DAILY_BUDGET", "1000"),
        ("OTP_SMTP_URL", "smtp://relay.example.com"),
        ("OTP_MAIL_FROM", "codes@example.com"),
    ];
    Values::new(keys.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn decided(values: &Values) -> Vec<Finding> {
    let surroundings = Surroundings::given(values.clone(), values.clone(), values.clone());
    let (deployment, mut findings) = settings::read(&surroundings, &Wishes::default());
    findings.extend(keys::check(&deployment));
    findings.extend(policy::check(&deployment));
    findings
}

fn found<'f>(findings: &'f [Finding], check: &str, level: Level) -> Vec<&'f str> {
    let of = |finding: &&Finding| finding.check == check && finding.level == level;
    findings.iter().filter(of).map(|finding| finding.said.as_str()).collect()
}

#[test]
fn a_sound_deployment_has_no_fault_and_each_planted_one_is_named() {
    let findings = decided(&sound());
    let bad: Vec<_> = findings.iter().filter(|finding| finding.level == Level::Fault).collect();
    assert!(bad.is_empty() && findings.len() > 6, "{findings:#?}");
    let first = "k1:IVyK7HXn2m2zjS5y1vOQm8nVnYbqjU3H3aRz0XkM1dI=";
    for (name, value, check, level, said) in [
        ("OTP_HASH_KEYS", "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "keys", Level::Fault, "counts up"),
        ("OTP_HASH_KEYS", "k1:Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZSBvbmU=", "keys", Level::Fault, "is text"),
        ("OTP_HASH_KEYS", "k1:AQIDBAUGBwgBAgMEBQYHCAECAwQFBgcIAQIDBAUGBwg=", "keys", Level::Fault, "repeats"),
        ("OTP_HASH_KEYS", first, "keys", Level::Fault, "share a key"),
        ("OTP_HASH_KEYS", "k1:short", "settings", Level::Fault, "OTP_HASH_KEYS"),
        ("OTP_PUBLIC_URL", "http://otp.example.com", "settings", Level::Fault, "OTP_PUBLIC_URL"),
        ("OTP_EVENTS_URL", "ws://otp.example.com/v1/events", "policy.url", Level::Fault, "in clear"),
        ("OTP_TRUSTED_PROXIES", "", "policy.proxies", Level::Fault, "none is trusted"),
        ("OTP_TRUSTED_PROXIES", "0.0.0.0/0", "policy.proxies", Level::Fault, "the whole Internet"),
        ("OTP_OPEN_MODE", "true", "policy.open", Level::Warning, "anybody"),
        ("OTP_DAILY_BUDGET", "", "policy.budget", Level::Warning, "no limit"),
        ("OTP_CODE_LENGTH", "4", "policy.code", Level::Warning, "codes of 4 digits"),
        ("OTP_CODE_TTL", "1h", "policy.code", Level::Warning, "live 3600 s"),
        ("OTP_LIMIT_RECIPIENT", "off", "policy.limits", Level::Warning, "mails to a recipient"),
        ("OTP_LIMIT_GUESSES", "off", "policy.limits", Level::Warning, "wrong guesses"),
        ("OTP_LIMIT_IP", "off", "policy.limits", Level::Warning, "requests of an address"),
        ("OTP_APPS_FILE", "/missing", "settings", Level::Fault, "OTP_APPS_FILE"),
        ("OTP_MAIL_FROM", "nobody", "settings", Level::Fault, "OTP_MAIL_FROM"),
    ] {
        let findings = decided(&sound().with(name, value));
        assert!(found(&findings, check, level).iter().any(|it| it.contains(said)), "{name}={value}: {findings:#?}");
        let shown = Report::new(findings).to_string();
        assert!(!shown.contains("AAECAw") && !shown.contains("IVyK7H") && !shown.contains("Y29ycm"), "{shown}");
    }
}

#[test]
fn services_that_do_not_fit_together_are_named() {
    let read = |mailer: Values, notifier: Values| {
        let surroundings = Surroundings::given(sound(), mailer, notifier);
        let (deployment, mut findings) = settings::read(&surroundings, &Wishes::default());
        findings.extend(keys::check(&deployment));
        findings
    };
    let other = "k1:Zq7LzB2nVt9KcRm4YwJs6HdPfGa8UoEi3TlZ1xCvNb0=";
    let findings = read(sound().with("OTP_SEAL_KEYS", other), sound().with("OTP_CODE_TTL", "200s"));
    assert_eq!(found(&findings, "settings.alike", Level::Fault).len(), 1, "{findings:#?}");
    let apart = found(&findings, "keys", Level::Fault);
    assert!(apart.len() == 1 && apart[0].contains("the gateway's first key"), "{findings:#?}");
    // The reader may know more than the writer uses.
    let both = format!("{},{}", other.replace("k1", "k2"), "k1:IVyK7HXn2m2zjS5y1vOQm8nVnYbqjU3H3aRz0XkM1dI=");
    let findings = read(sound().with("OTP_SEAL_KEYS", &both), sound());
    assert!(found(&findings, "keys", Level::Fault).is_empty(), "{findings:#?}");
}

#[test]
fn a_local_system_may_be_open_and_in_clear() {
    let local = sound()
        .with("OTP_PUBLIC_URL", "http://localhost:5000")
        .with("OTP_EVENTS_URL", "ws://127.0.0.1:5001/v1/events")
        .with("OTP_TRUSTED_PROXIES", "")
        .with("OTP_DAILY_BUDGET", "");
    let findings = decided(&local);
    assert!(findings.iter().all(|finding| finding.level == Level::Ok), "{findings:#?}");
    for (host, local) in
        [("localhost", true), ("127.0.0.2", true), ("[::1]", true), ("10.0.0.1", false), ("a.test", false)]
    {
        assert_eq!(is_local(host), local, "{host}");
    }
}

#[test]
fn clocks_may_differ_by_two_seconds_and_the_way_there() {
    let at = Timestamp::from_millis;
    let grain = Duration::from_secs(1);
    for (theirs, sound) in [(10_000, true), (12_900, true), (13_100, false), (7_000, true), (6_900, false)] {
        let finding = compared("X", at(theirs), at(10_000), at(11_000), grain);
        assert_eq!(finding.level == Level::Ok, sound, "{theirs}: {finding:?}");
    }
}

#[test]
fn a_report_counts_and_tells_what_to_mend() {
    let findings = vec![Finding::ok("a", "x", "fine"), Finding::warning("b", "y", "odd", "this")];
    let report = Report::new(findings.clone());
    assert!(report.is_sound());
    assert_eq!(
        report.to_string(),
        "  ok       a  x: fine\n  warning  b  y: odd\n                mend: this\n\n1 ok, 1 warnings, 0 faults"
    );
    assert!(!Report::new([findings, vec![Finding::fault("c", "z", "bad", "that")]].concat()).is_sound());
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["counts"]["warning"], &json["findings"][1]["level"]), (&1.into(), &"warning".into()));
}

/// A zone with these TXT records, and who asks it.
async fn zone(texts: &[(&str, &str)]) -> (Dns, DropGuard) {
    let zone = Zone::bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let zone = zone.with_texts(texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    let dns = Dns::new(&[zone.addr()]).unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(zone.run(stop.clone()));
    (dns, stop.drop_guard())
}

#[tokio::test]
async fn spf_is_read_as_receivers_read_it() {
    let many = "v=spf1 a mx a:a.test a:b.test a:c.test a:d.test a:e.test a:f.test a:g.test a:h.test a:i.test -all";
    let (dns, _stop) = zone(&[
        ("plain.example", "v=spf1 ip4:192.0.2.0/24 -all"),
        ("plain.example", "another record"),
        ("alone.example", "V=SPF1 ip4:192.0.2.9 ?all"),
        ("host.example", "v=spf1 a ~all"),
        ("net.example", "v=spf1 mx/8 -all"),
        ("outer.example", "v=spf1 include:plain.example -ip4:127.0.0.1 ~all"),
        ("moved.example", "v=spf1 redirect=plain.example"),
        ("open.example", "v=spf1 exists:%{i}.x.example -all"),
        ("none.example", "v=spf1 ip4:198.51.100.1"),
        ("any.example", "v=spf1 +all"),
        ("two.example", "v=spf1 -all"),
        ("two.example", "v=spf1 ~all"),
        ("many.example", many),
        ("loop.example", "v=spf1 include:loop.example -all"),
        ("odd.example", "v=spf1 ipv4:192.0.2.1 -all"),
        ("empty.example", "v=spf1 include:missing.example -all"),
    ])
    .await;
    let addresses: [IpAddr; 2] = ["192.0.2.9".parse().unwrap(), "127.0.0.1".parse().unwrap()];
    let (pass, fail, soft, neutral) =
        (Some(Verdict::Pass), Some(Verdict::Fail), Some(Verdict::SoftFail), Some(Verdict::Neutral));
    for (domain, verdicts, rest, lookups) in [
        ("plain.example", [pass, fail], fail, 0),
        ("alone.example", [pass, neutral], neutral, 0),
        ("host.example", [soft, pass], soft, 1),
        ("net.example", [fail, pass], fail, 1),
        ("outer.example", [pass, fail], soft, 1),
        ("moved.example", [pass, fail], fail, 1),
        ("open.example", [fail, fail], fail, 1),
        ("none.example", [None, None], None, 0),
        ("any.example", [pass, pass], pass, 0),
    ] {
        let (said, seen) = spf::verdicts(&dns, domain, &addresses).await.unwrap();
        assert_eq!((said.as_slice(), seen.rest, seen.lookups), (&verdicts[..], rest, lookups), "{domain}");
        assert_eq!(seen.open, domain == "open.example");
    }
    for (domain, fault) in [
        ("missing.example", SpfFault::Missing("missing.example".to_owned())),
        ("empty.example", SpfFault::Missing("missing.example".to_owned())),
        ("two.example", SpfFault::Several("two.example".to_owned())),
        ("many.example", SpfFault::TooManyLookups),
        ("loop.example", SpfFault::TooManyLookups),
        ("odd.example", SpfFault::Term("ipv4:192.0.2.1".to_owned())),
    ] {
        assert_eq!(spf::verdicts(&dns, domain, &addresses).await.unwrap_err(), fault, "{domain}");
    }
}

const DKIM: &str = "s1:example.com:ed25519:nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const DKIM_RECORD: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// TXT records, with their names.
type Published<'p> = &'p [(&'p str, &'p str)];

/// What is found on the domain `example.com` of the sound deployment.
async fn about_domain(texts: &[(&str, &str)], from: &str, dkim: &str) -> Vec<Finding> {
    let values =
        sound().with("OTP_MAIL_FROM", from).with("OTP_SMTP_URL", "smtp://127.0.0.1").with("OTP_DKIM_KEYS", dkim);
    let surroundings = Surroundings::given(values.clone(), values.clone(), values);
    let (deployment, findings) = settings::read(&surroundings, &Wishes::default());
    let senders = domain::senders(&deployment);
    assert_eq!(senders.len(), 1, "{findings:#?}");
    let (dns, _stop) = zone(texts).await;
    let (domain, keys) = senders.into_iter().next().unwrap();
    domain::check(&dns, domain, keys, &deployment).await
}

#[tokio::test]
async fn what_a_domain_publishes_is_held_against_what_is_configured() {
    let spf = ("example.com", "v=spf1 ip4:127.0.0.1 -all");
    let dmarc = ("_dmarc.example.com", "v=DMARC1; p=reject");
    let record = ("s1._domainkey.example.com", DKIM_RECORD);
    let good = about_domain(&[spf, dmarc, record], "codes@example.com", DKIM).await;
    let bad: Vec<_> = good.iter().filter(|finding| finding.level == Level::Fault).collect();
    assert!(bad.is_empty() && found(&good, "dkim", Level::Ok).len() == 1, "{good:#?}");
    assert_eq!(found(&good, "dkim", Level::Warning).len(), 1, "no RSA key: {good:#?}");
    let (other, strict) = (DKIM_RECORD.replace("11qY", "11qZ"), "v=DMARC1; p=none; adkim=s");
    let faults: [(Published<'_>, &str, &str, Level, &str); 9] = [
        (&[dmarc, record], "codes@example.com", "spf", Level::Fault, "there is no SPF record"),
        (&[("example.com", "v=spf1 +all"), dmarc, record], "codes@example.com", "spf", Level::Fault, "+all"),
        (&[("example.com", "v=spf1 -all"), dmarc, record], "codes@example.com", "spf", Level::Warning, "does not name"),
        (&[spf, spf, dmarc, record], "codes@example.com", "spf", Level::Fault, "more than one"),
        (&[spf, record], "codes@example.com", "dmarc", Level::Warning, "no DMARC record"),
        (&[spf, dmarc], "codes@example.com", "dkim", Level::Fault, "no such record"),
        (&[spf, dmarc, (record.0, &other)], "codes@example.com", "dkim", Level::Fault, "another key"),
        (&[("_dmarc.example.com", strict)], "codes@a.example.com", "dkim.aligned", Level::Fault, "adkim=s"),
        (&[], "codes@nullmx.test", "sender", Level::Fault, "takes no mail"),
    ];
    for (texts, from, check, level, said) in faults {
        let findings = about_domain(texts, from, DKIM).await;
        assert!(found(&findings, check, level).iter().any(|it| it.contains(said)), "{said}: {findings:#?}");
    }
    let findings = about_domain(&[spf, dmarc], "codes@nxdomain.test", "").await;
    assert_eq!(found(&findings, "sender", Level::Fault).len(), 1, "{findings:#?}");
    assert_eq!(found(&findings, "dkim", Level::Warning), ["no key signs its mails here"]);
    let findings = about_domain(&[], "codes@servfail.test", DKIM).await;
    assert!(findings.iter().all(|finding| finding.level == Level::Warning), "it could not be asked: {findings:#?}");
}
