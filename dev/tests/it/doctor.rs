//! `cargo dev doctor` against the real stack: nothing to mend there, and each planted fault named.

use std::collections::BTreeSet;
use std::process::Command;

use otp_dev::doctor::{Finding, Level, Report, Service, Surroundings, Values, Wishes, examine};
use otp_dev::process;
use otp_dev::stack::StackFile;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use crate::support::System;

/// Runs the tool, with no variable of the services but these.
fn tool(dir: &std::path::Path, arguments: &[&str], settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otp-dev"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OTP_") {
            command.env_remove(name);
        }
    }
    command.env("OTP_DEV_DIR", dir).envs(settings.iter().copied()).arg("doctor").args(arguments);
    let output = command.output().expect("the tool runs");
    let said = if arguments.contains(&"--json") { output.stdout } else { [output.stdout, output.stderr].concat() };
    (output.status.code(), String::from_utf8(said).expect("text"))
}

/// What a service of the stack was started with, with other values.
fn values(file: &StackFile, service: Service, planted: &[(&str, &str)]) -> Values {
    let variables = process::variables(file.pids[service.name()]).expect("its environment");
    planted.iter().fold(Values::new(variables), |values, (name, value)| values.with(name, value))
}

async fn examined(file: &StackFile, planted: &[(&str, &str)], wishes: &Wishes) -> Report {
    let [gateway, mailer, notifier] = Service::ALL.map(|service| values(file, service, planted));
    let mut surroundings = Surroundings::given(gateway, mailer, notifier);
    surroundings.nats_operator = Some(file.nats.clone().into());
    surroundings.redis_operator = Some(file.redis.clone().into());
    examine(&surroundings, wishes).await
}

fn levels(report: &Report, check: &str) -> Vec<Level> {
    report.findings.iter().filter(|finding| finding.check == check).map(|finding| finding.level).collect()
}

fn faults(report: &Report) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.level == Level::Fault).collect()
}

#[tokio::test]
async fn the_local_stack_has_nothing_to_mend() {
    let system = System::start().await;
    let dir = system.stack.dir().to_owned();
    let (file, given) = (system.stack.file(), dir.clone());
    let run = move |arguments: &'static [&str]| tool(&given, arguments, &[]);
    let (code, said) =
        tokio::task::spawn_blocking(move || run(&["--json", "--rcpt", "alice@example.com"])).await.unwrap();
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!((code, &report["counts"]["fault"]), (Some(0), &0.into()), "{said}");
    let findings = report["findings"].as_array().expect("findings");
    let of =
        |check: &str, level: &str| findings.iter().filter(|it| it["check"] == check && it["level"] == level).count();
    for (check, number) in [
        ("settings", 3),
        ("keys", 1),
        ("relay", 1),
        ("relay.rcpt", 1),
        ("sender", 1),
        ("spf", 1),
        ("dmarc", 1),
        ("dkim", 1),
        ("nats", 3),
        ("nats.tls", 3),
        ("nats.streams", 3),
        ("nats.room", 1),
        ("redis", 1),
        ("redis.user", 1),
        ("redis.eviction", 1),
        ("redis.kept", 1),
        ("redis.version", 1),
    ] {
        assert_eq!(of(check, "ok"), number, "{check}: {said}");
    }
    assert!(of("clock", "ok") >= 1, "{said}");
    let warned: BTreeSet<&str> = findings
        .iter()
        .filter(|finding| finding["level"] == "warning")
        .map(|finding| finding["check"].as_str().expect("a check"))
        .collect();
    assert!(warned.is_subset(&BTreeSet::from(["dkim", "policy.url", "nats.version"])), "{said}");
    let run = move || tool(&dir, &["--service", "mailer"], &[]);
    let (code, text) = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(code == Some(0) && text.contains(" 0 faults") && !text.contains("redis"), "{text}");
    let secrets = [&file.nats, &file.redis].map(|url| url.split([':', '@']).nth(2).expect("a password").to_owned());
    let keys = std::fs::read_to_string(system.stack.dir().join("keys.env")).expect("keys");
    let keys = keys.lines().filter_map(|line| line.rsplit_once(':')).map(|(_, key)| key.to_owned());
    for secret in keys.chain(secrets) {
        assert!(secret.len() > 20 && !said.contains(&secret) && !text.contains(&secret), "{said}");
    }
    system.end().await;
}

#[tokio::test]
async fn each_planted_fault_is_named() {
    let system = System::start().await;
    let file = system.stack.file();
    let relay = refusing_relay().await;
    let nobody = "nats://gateway:wrong-password@".to_owned() + file.nats.rsplit('@').next().expect("an address");
    let stranger = "redis://gateway:wrong-password@".to_owned() + file.redis.rsplit('@').next().expect("an address");
    let smtp = format!("smtp://{}", file.smtp.rsplit('/').next().expect("an address"));
    let other_key = "dev:localhost.test:ed25519:nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    let planted = [
        ("OTP_SMTP_URL", relay.as_str(), "relay.login", "AUTH"),
        ("OTP_SMTP_URL", "smtp://127.0.0.1:1?tls=none", "relay", "connecting"),
        ("OTP_SMTP_URL", &smtp, "relay.tls", "STARTTLS"),
        ("OTP_MAIL_FROM", "codes@nxdomain.test", "sender", "does not exist"),
        ("OTP_MAIL_FROM", "codes@example.org", "spf", "no SPF record"),
        ("OTP_DKIM_KEYS", other_key, "dkim", "another key"),
        (
            "OTP_DKIM_KEYS",
            "late:localhost.test:ed25519:nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=",
            "dkim",
            "no such",
        ),
        ("OTP_NATS_URL", &nobody, "nats.login", "refused"),
        ("OTP_NATS_URL", "nats://127.0.0.1:1", "nats", "no server answers"),
        ("OTP_EVENTS_BYTES", "1000000", "nats.streams", "max_bytes"),
        ("OTP_REDIS_URL", &stranger, "redis.login", "refused"),
        ("OTP_REDIS_URL", "redis://127.0.0.1:1", "redis", "refused"),
        ("OTP_HASH_KEYS", "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "keys", "counts up"),
        ("OTP_EVENTS_URL", "ws://otp.example.com/v1/events", "policy.url", "in clear"),
    ];
    for (name, value, check, said) in planted {
        let report = examined(&file, &[(name, value)], &Wishes::default()).await;
        let found = faults(&report);
        let is_it = |it: &&Finding| it.check == check && it.said.contains(said) && !it.mend.is_empty();
        assert!(found.iter().any(is_it), "{name}={value}: {found:#?}");
        assert!(!report.to_string().contains("wrong-password"), "{report}");
        // The others go on.
        assert!(levels(&report, "settings").iter().all(|level| *level == Level::Ok), "{report}");
        assert!(report.findings.len() > 15, "{report}");
    }
    set_redis(&file, "maxmemory-policy", "allkeys-lru").await;
    set_redis(&file, "appendonly", "no").await;
    let report = examined(&file, &[], &Wishes::default()).await;
    assert_eq!(levels(&report, "redis.eviction"), [Level::Fault], "{report}");
    assert_eq!(levels(&report, "redis.kept"), [Level::Warning], "{report}");
    // Without an operator's login the same cannot be told.
    let [gateway, mailer, notifier] = Service::ALL.map(|service| values(&file, service, &[]));
    let report = examine(&Surroundings::given(gateway, mailer, notifier), &Wishes::default()).await;
    assert_eq!(levels(&report, "redis.setup"), [Level::Warning], "{report}");
    assert!(levels(&report, "nats.room") == [Level::Warning] && report.is_sound(), "{report}");
    system.end().await;
}

#[test]
fn with_nothing_to_look_at_it_says_what_to_set() {
    let dir = tempfile::tempdir().expect("a directory");
    let (code, said) = tool(dir.path(), &[], &[]);
    assert!(code == Some(64) && said.contains("OTP_") && said.contains("cargo dev up"), "{said}");
    for wrong in [&["--odd"][..], &["--service", "redis"], &["--rcpt", "nobody"]] {
        let (code, said) = tool(dir.path(), wrong, &[("OTP_MAIL_FROM", "a@b.test")]);
        assert_eq!(code, Some(64), "{said}");
    }
    // Few settings are enough to say which lack.
    let (code, said) = tool(dir.path(), &["--service", "mailer"], &[("OTP_MAIL_FROM", "hunter2")]);
    assert!(code == Some(1) && said.contains("OTP_SEAL_KEYS") && said.contains("OTP_SMTP_URL"), "{said}");
    assert!(said.contains("OTP_MAIL_FROM") && !said.contains("hunter2"), "{said}");
}

async fn set_redis(file: &StackFile, name: &str, value: &str) {
    let client = file.redis_client().expect("a client");
    let mut redis = client.get_multiplexed_async_connection().await.expect("Redis");
    let set: String = redis::cmd("CONFIG").arg("SET").arg(name).arg(value).query_async(&mut redis).await.expect("set");
    assert_eq!(set, "OK");
}

/// A relay that takes no password, and its URL with one.
async fn refusing_relay() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut said = String::from("220 refusing.test ESMTP\r\n");
            while stream.write_all(said.as_bytes()).await.is_ok() {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    break;
                }
                let answer = match line.get(..4) {
                    Some("EHLO") => "250-refusing.test\r\n250 AUTH PLAIN\r\n",
                    Some("AUTH") => "535 5.7.8 no\r\n",
                    _ => "250 ok\r\n",
                };
                answer.clone_into(&mut said);
            }
        }
    });
    format!("smtp://user:wrong-password@{address}?tls=none")
}
