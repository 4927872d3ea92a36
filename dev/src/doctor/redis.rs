//! Redis: reached and logged in at, and set up to keep what it is told.

use std::collections::HashMap;
use std::time::Duration;

use otp_gateway::store::RedisUrl;
use otp_nats::Timestamp;
use otp_nats::settings::Settings;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, RedisError};
use tokio::time::error::Elapsed;

use super::clock::compared;
use super::{Finding, Surroundings, is_local};

/// A connection, and the answers on it.
const WITHIN: Duration = Duration::from_secs(5);
/// What the scripts need: `EVALSHA` with effects replicated, and users (ACL).
const OLDEST: (u64, u64) = (6, 0);

pub(super) async fn check(url: &RedisUrl, surroundings: &Surroundings) -> Vec<Finding> {
    let mut findings = access(url);
    for (about, dialed) in url.dial(WITHIN).await {
        match dialed {
            Ok(connection) => findings.extend(answers(&about, connection).await),
            Err(error) => findings.push(refused(&about, &error)),
        }
    }
    let operator = surroundings.operator("REDIS").map(|operator| {
        let mut settings = Settings::new(&operator);
        let read = RedisUrl::read(&mut settings);
        settings.finish(read)
    });
    let servers = match operator {
        Some(Ok(operator)) => operator.dial(WITHIN).await,
        Some(Err(_faults)) => {
            findings.push(unknown("Redis", "OTP_DEV_REDIS_OPERATOR_URL is no URL of Redis"));
            return findings;
        }
        None => url.dial(WITHIN).await,
    };
    for (about, dialed) in servers {
        if let Ok(connection) = dialed {
            findings.extend(set_up(&about, connection).await);
        }
    }
    findings
}

fn unknown(about: &str, said: &str) -> Finding {
    let mend = "OTP_DEV_REDIS_OPERATOR_URL: a login that may call INFO and CONFIG GET";
    Finding::warning("redis.setup", about, said, mend)
}

fn access(url: &RedisUrl) -> Vec<Finding> {
    let about = url.hosts().join(", ");
    let encrypted = match url.is_encrypted() {
        Some(true) => Finding::ok("redis.tls", &about, "TLS"),
        None => Finding::ok("redis.tls", "Redis", "by a socket on this machine"),
        Some(false) if url.hosts().iter().all(|host| is_local(host)) => {
            Finding::ok("redis.tls", &about, "in clear, on this machine alone")
        }
        Some(false) => {
            let said = "in clear: passwords and hashes can be read on the way";
            Finding::warning("redis.tls", &about, said, "rediss:// and OTP_REDIS_CA_FILE")
        }
    };
    let user = match url.user() {
        None | Some("default") => {
            let said = "the gateway logs in as nobody or as the default user, who may do everything";
            let mend = "a user of its own, as in gateway/src/keys/users.acl (`otp-gateway keys --write`)";
            Finding::warning("redis.user", "Redis", said, mend)
        }
        Some(_) => Finding::ok("redis.user", "Redis", "the gateway has a user of its own"),
    };
    vec![encrypted, user]
}

fn refused(about: &str, error: &RedisError) -> Finding {
    let code = error.code().unwrap_or_default();
    if matches!(code, "NOAUTH" | "WRONGPASS") || error.kind() == redis::ErrorKind::AuthenticationFailed {
        let mend = "OTP_REDIS_USER and OTP_REDIS_PASSWORD, or the login in OTP_REDIS_URL";
        return Finding::fault("redis.login", about, "the login is refused", mend);
    }
    let mend = "host and port in OTP_REDIS_URL, whether redis-server runs there, and its certificate";
    Finding::fault("redis", about, &error.to_string(), mend)
}

/// What the gateway itself asks: `TIME`, which codes live by.
async fn answers(about: &str, mut connection: MultiplexedConnection) -> Vec<Finding> {
    let before = Timestamp::now();
    match asked::<(u64, u64)>(&mut connection, &["TIME"]).await {
        Ok(Ok((seconds, micros))) => {
            let after = Timestamp::now();
            let millis = i64::try_from(seconds * 1000 + micros / 1000).unwrap_or(i64::MAX);
            let clock = compared("Redis", Timestamp::from_millis(millis), before, after, Duration::ZERO);
            vec![Finding::ok("redis", about, "it answers"), clock]
        }
        Ok(Err(error)) => vec![refused(about, &error)],
        Err(_elapsed) => {
            vec![Finding::fault("redis", about, "it does not answer in time", "its load, or whether it is stopped")]
        }
    }
}

async fn asked<T: FromRedisValue>(
    connection: &mut MultiplexedConnection,
    words: &[&str],
) -> Result<Result<T, RedisError>, Elapsed> {
    let mut command = Cmd::new();
    for word in words {
        command.arg(word);
    }
    tokio::time::timeout(WITHIN, command.query_async(connection)).await
}

/// Version, what it does when it is full, and what outlives its end.
async fn set_up(about: &str, mut connection: MultiplexedConnection) -> Vec<Finding> {
    let info = match asked::<String>(&mut connection, &["INFO"]).await {
        Ok(Ok(info)) => info,
        Ok(Err(_)) => return vec![unknown(about, "not looked at: the gateway's user may not ask how it is set up")],
        Err(_elapsed) => return vec![unknown(about, "not looked at: no answer in time")],
    };
    let info: HashMap<&str, &str> = info.lines().filter_map(|line| line.trim().split_once(':')).collect();
    let said = |name: &str| info.get(name).copied().unwrap_or_default();
    let fsync = asked::<HashMap<String, String>>(&mut connection, &["CONFIG", "GET", "appendfsync"]).await;
    let fsync = fsync.ok().and_then(Result::ok).unwrap_or_default();
    let fsync = fsync.get("appendfsync").map_or("unknown", String::as_str);
    vec![
        version(about, said("redis_version")),
        policy(about, said("maxmemory_policy")),
        kept(about, said("aof_enabled"), fsync),
    ]
}

fn version(about: &str, version: &str) -> Finding {
    let mut parts = version.split('.').map(|part| part.parse::<u64>().unwrap_or(0));
    if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < OLDEST {
        Finding::fault("redis.version", about, &format!("version {version}"), "Redis 6 or newer, or Valkey")
    } else {
        Finding::ok("redis.version", about, &format!("version {version}"))
    }
}

fn policy(about: &str, policy: &str) -> Finding {
    if policy == "noeviction" {
        return Finding::ok("redis.eviction", about, "noeviction: full, it says so");
    }
    let said = format!("maxmemory-policy is {policy}: full, it forgets codes, guesses and limits");
    Finding::fault("redis.eviction", about, &said, "maxmemory-policy noeviction, on a Redis of its own")
}

fn kept(about: &str, enabled: &str, fsync: &str) -> Finding {
    if enabled != "1" {
        let said = "no append-only file: at a restart open codes, guesses and limits are gone";
        return Finding::warning("redis.kept", about, said, "appendonly yes, appendfsync everysec");
    }
    let said = format!("append-only file, appendfsync {fsync}");
    if fsync == "no" {
        return Finding::warning(
            "redis.kept",
            about,
            &said,
            "appendfsync everysec: what is lost is a second, not half a minute",
        );
    }
    Finding::ok("redis.kept", about, &said)
}
