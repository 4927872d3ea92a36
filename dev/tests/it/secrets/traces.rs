//! Where secrets could be left.

use std::path::Path;

use otp_dev::stack::Part;
use redis::AsyncCommands as _;

use super::Secrets;
use crate::support::{Api, System};

/// All keys and values in Redis; each key ends by itself.
pub(super) async fn in_redis(system: &System, secrets: &Secrets) {
    let client = system.stack.file().redis_client().expect("a client");
    let mut redis = client.get_multiplexed_async_connection().await.expect("connected");
    let keys: Vec<String> = redis.keys("*").await.expect("keys");
    assert!(!keys.is_empty(), "the flow has left keys");
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut redis).await.expect("a type");
        let ttl_ms: i64 = redis.pttl(&key).await.expect("a TTL");
        // It may have ended since it was listed.
        assert!(ttl_ms > 0 || ttl_ms == -2, "{key} has no end");
        let read = match kind.as_str() {
            "string" => redis::cmd("GET").arg(&key).to_owned(),
            "hash" => redis::cmd("HGETALL").arg(&key).to_owned(),
            "list" => redis::cmd("LRANGE").arg(&key).arg(0).arg(-1).to_owned(),
            "set" => redis::cmd("SMEMBERS").arg(&key).to_owned(),
            "zset" => redis::cmd("ZRANGE").arg(&key).arg(0).arg(-1).to_owned(),
            "none" => continue,
            other => panic!("{key} is a {other}: how is it read?"),
        };
        let value: redis::Value = read.query_async(&mut redis).await.expect("a value");
        let found = secrets.found_in(&format!("{key} {}", text(&value)));
        assert!(found.is_empty(), "{key} in Redis holds {found:#?}");
    }
}

/// A value as text, whatever is in it.
fn text(value: &redis::Value) -> String {
    match value {
        redis::Value::BulkString(octets) => String::from_utf8_lossy(octets).into_owned(),
        redis::Value::Array(values) | redis::Value::Set(values) => {
            values.iter().map(text).collect::<Vec<_>>().join("\n")
        }
        redis::Value::Map(pairs) => {
            pairs.iter().map(|(name, value)| text(name) + "\n" + &text(value)).collect::<Vec<_>>().join("\n")
        }
        other => format!("{other:?}"),
    }
}

/// What a collector of traces was sent.
pub(super) fn in_traces(text: &str, secrets: &Secrets) {
    assert!(text.contains("POST /v1/verifications") && text.contains("deliver otp.sent"), "there are no traces");
    assert!(!text.contains("secrets.test"), "not even a domain");
    let found = secrets.found_in(text);
    assert!(found.is_empty(), "traces hold {found:#?}");
}

/// The metrics of every service.
pub(super) async fn in_metrics(system: &System, secrets: &Secrets) {
    for part in Part::SERVICES {
        let admin = Api::at(&format!("http://{}", system.stack.admin(part).expect("an admin port")));
        let metrics = admin.get("/metrics").await;
        assert!(metrics.status == 200 && metrics.text.contains("otp_"), "{part:?}");
        assert!(!metrics.text.contains("secrets.test"), "{part:?}: not even a domain");
        let found = secrets.found_in(&metrics.text);
        assert!(found.is_empty(), "{part:?}'s metrics hold {found:#?}");
    }
}

/// What the system shows of our processes: the environment, in which keys that come from files are not, and the
/// command line. What a process may read of another is another test's.
pub(super) fn in_processes(system: &System, secrets: &Secrets) {
    for part in Part::SERVICES {
        let pid = system.stack.pid(part).expect("running");
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment);
        if environment.is_empty() {
            println!("skipped: the system shows no environment of {part:?}");
            continue;
        }
        assert!(environment.contains("OTP_SEAL_KEYS_FILE") || part == Part::Notifier, "{part:?}: {environment}");
        let found = secrets.found_in(&environment);
        assert!(found.is_empty(), "{part:?}'s environment holds {found:#?}");
    }
}

/// What everybody on the machine reads.
pub(super) fn in_command_lines(system: &System, secrets: &Secrets) {
    for part in Part::SERVICES.into_iter().chain(Part::SERVERS) {
        let pid = system.stack.pid(part).expect("running");
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let found = secrets.found_in(&String::from_utf8_lossy(&line));
        assert!(found.is_empty(), "{part:?}'s command line holds {found:#?}");
    }
}

/// All files of the stack: logs, JetStream's store, Redis' file. Keys and passwords have a folder of their own.
pub(super) fn in_files(dir: &Path, secrets: &Secrets) {
    let (mut names, mut masked) = (Vec::new(), false);
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "secrets") {
                    folders.push(path);
                }
            } else if path.file_name().is_some_and(|name| name != "keys.env") {
                let octets = std::fs::read(&path).expect("a file");
                let text = String::from_utf8_lossy(&octets);
                masked |= text.contains("Z***t@secrets.test");
                let found = secrets.found_in(&text);
                assert!(found.is_empty(), "{} holds {found:#?}", path.display());
                names.push(path.display().to_string());
            }
        }
    }
    // That it was looked where it matters, and that what is there can be read.
    assert!(masked, "the masked address stands in an event");
    for expected in ["gateway.log", "mailer.log", "notifier.log", "OTP_EVENTS/msgs", "OTP_DEAD/msgs", ".aof"] {
        assert!(names.iter().any(|name| name.contains(expected)), "{expected} in {names:?}");
    }
}
