//! Clients at a steady rate, each with a life of its own.

use std::sync::Arc;
use std::time::Duration;

use otp_nats::EventKind;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::client::{Gateways, Guessed};
use super::events::ends_a_mail;
use super::promises::Promises;
use super::reader::Reader;
use super::watcher::Watcher;
use crate::accepted::Accepted;

/// Clients at once: an outage of ten seconds at the highest sensible rate. Beyond it the load waits, as people at a
/// closed door do, and the rate is not reached.
const CLIENTS_MAX: usize = 10_000;
/// One client in so many watches.
const WATCHES: u64 = 4;
/// One client in so many watches, reads its mail, guesses wrong once and then right,
const VERIFIES: u64 = 8;
/// but no more than so many a second: each looks through an inbox of 10,000 mails.
const VERIFIES_A_SECOND: f64 = 10.0;
/// Longest watch: the whole schedule of the mailer's retries and what a breakage adds.
const WATCH: Duration = Duration::from_secs(200);

/// What the clients reach.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) gateways: Gateways,
    /// Where events are watched, for each notifier.
    pub(super) events: Vec<String>,
    pub(super) inbox: Reader,
    /// One client in so many reads its mail.
    pub(super) verifies: u64,
    /// Which addresses are this run's.
    pub(super) run: u64,
}

/// Which share of the clients reads its mail at this rate; they are among those that watch.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is a few thousand")]
pub(super) fn verifies(rate: f64) -> u64 {
    VERIFIES.max((rate / VERIFIES_A_SECOND) as u64).next_multiple_of(WATCHES)
}

/// Starts `rate` clients a second until `stop`, and ends when the last of them has.
pub(super) async fn run(target: Arc<Target>, promises: Arc<Promises>, rate: f64, stop: CancellationToken) {
    let mut clients = JoinSet::new();
    let mut ticks = interval(Duration::from_secs_f64(1.0 / rate.max(0.001)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0_u64.. {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        while clients.len() >= CLIENTS_MAX {
            clients.join_next().await;
        }
        while clients.try_join_next().is_some() {}
        promises.count(|counts| counts.wanted += 1);
        clients.spawn(life(Arc::clone(&target), Arc::clone(&promises), number));
    }
    while clients.join_next().await.is_some() {}
}

async fn life(target: Arc<Target>, promises: Arc<Promises>, number: u64) {
    let email = format!("c{number}.r{}@chaos.test", target.run);
    let Some(accepted) = target.gateways.promise(&email, &promises).await else { return };
    let (watches, verifies) = (number.is_multiple_of(WATCHES), number.is_multiple_of(target.verifies));
    if !watches {
        return;
    }
    let deadline = Instant::now() + WATCH;
    let mut watcher = Watcher::new(&target.events, accepted.id, &accepted.events.ticket);
    if watcher.until(ends_a_mail, deadline, &promises).await && verifies {
        let verified = verify(&target, &accepted, &email, &promises).await;
        if verified == Guessed::Verified {
            watcher.until(|kind| kind == EventKind::Verified, deadline, &promises).await;
        }
    }
    watcher.finish(&promises);
}

/// Reads the code, guesses wrong, then right.
async fn verify(target: &Target, accepted: &Accepted, email: &str, promises: &Promises) -> Guessed {
    let Some(code) = target.inbox.code_for(email).await else { return Guessed::Unknown };
    let wrong: String = code.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
    if target.gateways.guess(&accepted.id, &wrong, promises).await == Guessed::Verified {
        promises.violated(format!("a wrong code was right for {}", accepted.id));
    }
    let right = target.gateways.guess(&accepted.id, &code, promises).await;
    if right == Guessed::Refused {
        promises.violated(format!("the right code was wrong for {}", accepted.id));
    }
    right
}
