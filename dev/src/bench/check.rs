//! How many guesses a second are checked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::StreamExt as _;
use otp_nats::VerificationId;
use otp_nats::id::TAG_LENGTH;
use redis::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Bench;
use super::accept::{CONNECTIONS, alone, forget, requests, servers};
use super::figures::{Round, Row, Sample, Target, float};
use super::http::{Load, post};
use super::usage::Usage;
use crate::accepted::Accepted;
use crate::stack::{Part, StackFile};

/// Verifications that are guessed at in a run.
const VERIFICATIONS: usize = 3000;
/// Wrong guesses at each, one less than the most that a setting allows: none is locked.
const GUESSES: u64 = 9;

pub(super) const ROWS: &[Row] = &[Row {
    name: "check",
    figure: "checks a second, 64 connections",
    anchor: "EVALSHA of the same script, 64 tasks",
    unit: "/s",
    target: Target::TimesAtLeast(0.15),
}];

pub(super) async fn run(bench: &Bench) -> Result<Vec<Round>> {
    let stack = alone(bench, &[("OTP_MAX_ATTEMPTS", "10"), ("OTP_CODE_LENGTH", "8")]).await?;
    let (address, file) = (stack.address(Part::Gateway)?, stack.file());
    let gateway = stack.pid(Part::Gateway).context("the gateway is down")?;
    let call = captured(&file, address).await?;
    let mut rounds = Vec::new();
    for _ in 0..bench.runs {
        let ids = Arc::new(ask_for(address, bench.scaled(VERIFICATIONS)).await?);
        let guesses = GUESSES * u64::try_from(ids.len())?;
        let load = guesses_at(address, Arc::clone(&ids));
        let processes = || servers(&stack).into_iter().chain([("gateway".to_owned(), gateway)]);
        let (before, usage) = (calls(&file).await?, Usage::start(processes())?);
        let heard = load.each(guesses).await?.only(422)?;
        let (used, after) = (usage.end()?, calls(&file).await?);
        let trips = float(after - before) / heard.count(422);
        ensure!(trips < 1.1, "a check takes {trips:.2} calls of Redis");
        let ids = Arc::new(ask_for(address, bench.scaled(VERIFICATIONS)).await?);
        let anchor = call.repeat(&file, ids).await?;
        rounds.push(Round {
            samples: vec![Sample::new("check", heard.rate(422), anchor)],
            notes: vec![format!("{}; {trips:.2} calls of Redis each; {}", heard.told(), used.told(heard.count(422)))],
        });
        forget(&stack).await?;
    }
    stack.stop().await;
    Ok(rounds)
}

/// Verifications to guess at.
async fn ask_for(address: std::net::SocketAddr, count: usize) -> Result<Vec<VerificationId>> {
    let load = requests(address);
    let ask = |number: u64| {
        let load = load.clone();
        async move {
            let mut connection = load.connect(number).await?;
            let mut ids = Vec::new();
            loop {
                let number = load.numbers.fetch_add(1, Ordering::Relaxed);
                if number >= u64::try_from(count)? {
                    return Ok::<_, anyhow::Error>(ids);
                }
                let answer = connection.ask(&(load.request)(number)).await?;
                ensure!(answer.status == 202, "{}", answer.status);
                ids.push(serde_json::from_slice::<Accepted>(answer.body)?.id);
            }
        }
    };
    Ok(futures_util::future::try_join_all((0..CONNECTIONS).map(ask)).await?.concat())
}

/// One wrong guess after the other at each of them. A code of eight digits is not hit by chance.
fn guesses_at(address: std::net::SocketAddr, ids: Arc<Vec<VerificationId>>) -> Load {
    let guess = move |number: u64| {
        let id = usize::try_from(number).ok().and_then(|number| ids.get(number % ids.len().max(1)));
        let path = format!("/v1/verifications/{}/check", id.map(ToString::to_string).unwrap_or_default());
        post(&path, &format!(r#"{{"code":"{:08}"}}"#, number % 100_000_000))
    };
    let addresses = vec![address];
    Load { addresses, connections: CONNECTIONS, request: Arc::new(guess), numbers: Arc::default(), answered: None }
}

/// Calls of scripts that Redis has seen.
async fn calls(file: &StackFile) -> Result<u64> {
    let mut redis = file.redis_client()?.get_multiplexed_async_connection().await?;
    let text: String = redis::cmd("INFO").arg("commandstats").query_async(&mut redis).await?;
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.split(',').next());
        line.and_then(|count| count.parse::<u64>().ok()).unwrap_or_default()
    };
    Ok(of("cmdstat_evalsha:calls=") + of("cmdstat_eval:calls="))
}

/// The very call that the gateway makes for a guess, as Redis was told it.
#[derive(Debug, Clone)]
struct Call {
    id: VerificationId,
    /// `EVALSHA` and all that follows it.
    words: Vec<String>,
}

/// Guesses once, and listens at Redis meanwhile.
async fn captured(file: &StackFile, address: std::net::SocketAddr) -> Result<Call> {
    let ids = Arc::new(ask_for(address, 1).await?);
    let id = *ids.first().context("no verification")?;
    let load = guesses_at(address, ids);
    load.each(1).await?.only(422)?;
    let mut monitor = file.redis_client()?.get_async_monitor().await?;
    load.each(1).await?.only(422)?;
    let mut lines = monitor.on_message::<String>();
    let deadline = Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let line = tokio::time::timeout_at(deadline, lines.next()).await.context("Redis was not asked")?;
        let words = quoted(&line.context("the monitor ended")?);
        if words.first().is_some_and(|word| word.eq_ignore_ascii_case("evalsha"))
            && words.iter().any(|word| word.contains(id.tag()))
        {
            return Ok(Call { id, words });
        }
    }
}

/// What stands in quotation marks; texts of the gateway's calls need no escapes.
fn quoted(line: &str) -> Vec<String> {
    line.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

impl Call {
    /// The call for another verification, with a nonce of its own and without an end.
    fn command(&self, id: &VerificationId, number: u64) -> redis::Cmd {
        let (tag, rest) = (self.id.tag(), self.id.as_str().get(TAG_LENGTH..).unwrap_or_default());
        let other = id.as_str().get(TAG_LENGTH..).unwrap_or_default();
        let keys = self.words.get(2).and_then(|count| count.parse::<usize>().ok()).unwrap_or_default();
        let nonce = 3 + keys;
        let mut command = redis::Cmd::new();
        for (place, word) in self.words.iter().enumerate() {
            match place {
                place if place == nonce => command.arg(format!("n{number}")),
                place if place + 1 == self.words.len() => command.arg(i64::MAX / 2),
                place if (3..nonce).contains(&place) => command.arg(word.replace(tag, id.tag()).replace(rest, other)),
                _ => command.arg(word),
            };
        }
        command
    }

    /// Calls a second, 64 at once on a connection.
    async fn repeat(&self, file: &StackFile, ids: Arc<Vec<VerificationId>>) -> Result<f64> {
        let redis = file.redis_client()?.get_multiplexed_async_connection().await?;
        let count = GUESSES * u64::try_from(ids.len())?;
        let (numbers, started, mut tasks) = (Arc::new(AtomicU64::new(0)), Instant::now(), JoinSet::new());
        for _ in 0..CONNECTIONS {
            let (call, mut redis, ids, numbers) = (self.clone(), redis.clone(), Arc::clone(&ids), Arc::clone(&numbers));
            tasks.spawn(async move {
                loop {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return Ok(());
                    }
                    let id = ids.get(usize::try_from(number)? % ids.len()).context("no id")?;
                    let said: Vec<Value> = call.command(id, number).query_async(&mut redis).await?;
                    let outcome: String = redis::from_redis_value(said.into_iter().next().context("no outcome")?)?;
                    if outcome != "incorrect" {
                        bail!("the script says {outcome:?}");
                    }
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(float(count) / started.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_monitor_says_is_taken_apart() {
        let line = r#"1700000000.1 [0 127.0.0.1:5] "EVALSHA" "abc" "1" "key" "" "7""#;
        assert_eq!(quoted(line), ["EVALSHA", "abc", "1", "key", "", "7"]);
    }
}
