//! NATS: reached and logged in at, with JetStream, with the streams as configured.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, ServerInfo};
use otp_nats::Timestamp;
use otp_nats::bus::{BusSettings, DialFault, StreamFault, compare};
use otp_nats::settings::Settings;
use otp_nats::stream::StreamSpec;
use serde_json::Value;

use super::clock::compared;
use super::{Finding, Service, Values, is_local};

/// A connection, and the answer to one question.
const WITHIN: Duration = Duration::from_secs(5);
/// What the system was seen to work with: older servers lack what it needs, newer ones were not tried.
const OLDEST: (u64, u64) = (2, 9);
const NEWEST: (u64, u64) = (2, 15);

pub(super) async fn check(service: Service, bus: &BusSettings) -> Vec<Finding> {
    let about = format!("{} at {}", service.name(), bus.hosts().join(", "));
    let client = match bus.dial(&format!("otp-{}", service.name()), WITHIN).await {
        Ok(client) => client,
        Err(fault) => return vec![refused(&fault, &about)],
    };
    let server = client.server_info();
    let mut findings = vec![Finding::ok("nats", &about, &format!("logged in, version {}", server.version))];
    findings.push(encryption(bus, &about));
    findings.extend(version(&server, &about));
    if !server.jetstream {
        let mend = "jetstream { store_dir: ... } in the server's configuration (nats/server)";
        findings.push(Finding::fault("nats.jetstream", &about, "the server has no JetStream", mend));
    }
    if !server.auth_required {
        let said = "the server asks nobody for a login: whoever reaches it may read and forge events";
        findings.push(Finding::warning("nats.login", &about, said, "users as in nats/server/users.conf"));
    }
    findings
}

fn refused(fault: &DialFault, about: &str) -> Finding {
    let (check, mend) = match fault {
        DialFault::Refused => ("nats.login", "OTP_NATS_USER and OTP_NATS_PASSWORD, or the login in OTP_NATS_URL"),
        DialFault::Tls(_) => ("nats.tls", "OTP_NATS_CA_FILE, and the names in the servers' certificates"),
        DialFault::Settings(_) => ("nats.tls", "the file that the setting names"),
        DialFault::Away(_) => ("nats", "host and port in OTP_NATS_URL, and whether nats-server runs there"),
    };
    Finding::fault(check, about, &fault.to_string(), mend)
}

fn encryption(bus: &BusSettings, about: &str) -> Finding {
    if bus.requires_tls() {
        Finding::ok("nats.tls", about, "TLS")
    } else if bus.hosts().iter().all(|host| is_local(host)) {
        Finding::ok("nats.tls", about, "in clear, on this machine alone")
    } else {
        let said = "in clear: what is sealed stays so, and events and passwords can be read on the way";
        Finding::warning("nats.tls", about, said, "tls:// or OTP_NATS_CA_FILE (nats/server/tls.conf)")
    }
}

fn version(server: &ServerInfo, about: &str) -> Option<Finding> {
    let mut parts = server.version.split(['.', '-']).map(|part| part.parse::<u64>().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let (check, said) = ("nats.version", &server.version);
    if version < OLDEST {
        let said = format!("{said} is older than 2.9 and lacks what the streams need");
        Some(Finding::fault(check, about, &said, "nats-server 2.9 or newer"))
    } else if version > NEWEST {
        let said = format!("{said} is newer than what the system was tried with");
        Some(Finding::warning(check, about, &said, "nothing; look at the release notes"))
    } else {
        None
    }
}

/// The streams, once for all services.
pub(super) async fn check_streams(service: Service, bus: &BusSettings, operator: Option<Values>) -> Vec<Finding> {
    // Why it cannot be joined is told where that is looked at.
    let Ok(client) = bus.dial(&format!("otp-{}", service.name()), WITHIN).await else { return Vec::new() };
    let context = jetstream::context::ContextBuilder::new().timeout(WITHIN).build(client.clone());
    let (mut findings, mut missing) = (Vec::new(), 0_u64);
    for spec in bus.streams.streams() {
        match context.get_stream(spec.name).await {
            Ok(stream) => {
                let info = stream.cached_info();
                findings.push(as_configured(&spec, compare(&spec, &info.config)));
                findings.extend(copies(&spec, info.cluster.as_ref(), &client.server_info()));
            }
            Err(error) => {
                let there_is_none = matches!(error.kind(), GetStreamErrorKind::JetStream(said)
                    if said.error_code() == ErrorCode::STREAM_NOT_FOUND);
                if there_is_none {
                    missing += u64::try_from(spec.max_bytes).unwrap_or(0);
                    let said = "it is not there yet; the first service that starts makes it";
                    findings.push(Finding::ok("nats.streams", spec.name, said));
                } else {
                    let mend = "whether the cluster has a leader, and the user's permissions (nats/server/users.conf)";
                    findings.push(Finding::fault("nats.streams", spec.name, &error.to_string(), mend));
                }
            }
        }
    }
    findings.extend(clock(&client, bus).await);
    findings.push(room(bus, operator, missing).await);
    findings
}

fn as_configured(spec: &StreamSpec, compared: Result<(), StreamFault>) -> Finding {
    let mend = "the setting, or the stream: OTP_STREAM_DRIFT=update at one start of the gateway";
    match compared {
        Ok(()) => Finding::ok("nats.streams", spec.name, "as configured"),
        Err(drift) => Finding::fault("nats.streams", spec.name, &drift.to_string(), mend),
    }
}

/// Whether the copies are there and follow; more than one copy takes as many servers.
fn copies(spec: &StreamSpec, cluster: Option<&jetstream::stream::ClusterInfo>, server: &ServerInfo) -> Option<Finding> {
    let (check, mend) = ("nats.replicas", "the servers that are away, or OTP_STREAM_REPLICAS");
    let servers: BTreeSet<&String> = server.connect_urls.iter().collect();
    if let Some(cluster) = cluster.filter(|_| spec.replicas > 1) {
        let behind = cluster.replicas.iter().filter(|peer| peer.offline || !peer.current).count();
        let there = cluster.replicas.len() - behind + usize::from(cluster.leader.is_some());
        return Some(if there >= spec.replicas {
            Finding::ok(check, spec.name, &format!("{there} copies, all of them current"))
        } else {
            let said = format!("{there} of {} copies are there and current", spec.replicas);
            Finding::fault(check, spec.name, &said, mend)
        });
    }
    (spec.replicas == 1 && servers.len() > 1).then(|| {
        let said = format!("one copy on a cluster of {} servers: what its server has is gone with it", servers.len());
        Finding::warning(check, spec.name, &said, "OTP_STREAM_REPLICAS=3")
    })
}

/// The server's clock, as newer servers tell it with a stream's state.
async fn clock(client: &Client, bus: &BusSettings) -> Option<Finding> {
    let [requests, ..] = bus.streams.streams();
    let subject = format!("$JS.API.STREAM.INFO.{}", requests.name);
    let before = Timestamp::now();
    let answer = client.request(subject, "".into()).await.ok()?;
    let after = Timestamp::now();
    let answer: Value = serde_json::from_slice(&answer.payload).ok()?;
    let theirs = Timestamp::parse(answer.get("ts")?.as_str()?).ok()?;
    Some(compared("NATS", theirs, before, after, Duration::ZERO))
}

/// Whether there is room for what the streams may grow to, as far as the account's limits tell.
async fn room(bus: &BusSettings, operator: Option<Values>, missing: u64) -> Finding {
    let (check, about) = ("nats.room", "JetStream");
    let unknown = |why: &str| {
        let mend = "OTP_DEV_NATS_OPERATOR_URL: a login that may ask $JS.API.INFO; or look at `nats account info`";
        Finding::warning(check, about, why, mend)
    };
    let Some(operator) = operator else { return unknown("not looked at: no service may ask for the account's limits") };
    let Some(bus_of_operator) = joined_as(&operator) else {
        return unknown("OTP_DEV_NATS_OPERATOR_URL is no URL of NATS");
    };
    let client = match bus_of_operator.dial("otp-doctor", WITHIN).await {
        Ok(client) => client,
        Err(fault) => return unknown(&format!("not looked at: {fault}")),
    };
    // Taken apart here: the client library's form of it has members that servers before 2.10 do not tell.
    let account = match client.request("$JS.API.INFO", "".into()).await {
        Ok(answer) => serde_json::from_slice::<Value>(&answer.payload).unwrap_or_default(),
        Err(error) => return unknown(&format!("not looked at: {error}")),
    };
    let number = |path: &str| account.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    if account.get("limits").is_none() {
        return unknown("not looked at: the server tells nothing of the account");
    }
    let copies = u64::try_from(bus.streams.replicas).unwrap_or(1);
    let (used, wanted) = (number("/storage").max(number("/reserved_storage")), missing * copies);
    match number("/limits/max_storage") {
        // Without a limit it is -1.
        limit @ 1.. if used + wanted <= limit => {
            Finding::ok(check, about, &format!("{} MiB of {} MiB are taken", used >> 20, limit >> 20))
        }
        limit @ 1.. => {
            let left = limit.saturating_sub(used) >> 20;
            let said = format!("the streams take {} MiB more, and {left} MiB are left", wanted >> 20);
            Finding::fault(check, about, &said, "the account's storage, or OTP_BACKLOG_BYTES and OTP_EVENTS_BYTES")
        }
        0 => {
            let most: i64 = bus.streams.streams().iter().map(|spec| spec.max_bytes.max(0)).sum();
            let said =
                format!("the account has no limit; the streams may grow to {} MiB on each server's disk", most >> 20);
            Finding::ok(check, about, &said)
        }
    }
}

fn joined_as(operator: &Values) -> Option<BusSettings> {
    let mut settings = Settings::new(operator);
    let read = BusSettings::read(&mut settings);
    settings.finish(read).ok()
}
