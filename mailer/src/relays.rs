//! The relays: which of them gets a mail, and whether any can be used.

use std::time::Duration;

use otp_nats::event::Reason;
use otp_nats::telemetry::{self, SpanKind, Step};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::metrics::Metrics;
use crate::relay_url::RelayUrl;
use crate::schedule::Failure;
use crate::smtp::{Dialer, Outgoing, Reply, TlsFault};

pub mod breaker;
mod pace;
mod relay;
mod seats;
mod window;

use breaker::{Admission, Shown};
use relay::{Attempt, Relay};

/// A mail that finds every relay left alone waits so long for a probe that is under way, which tells it more than
/// being deferred would: about as long as a probe of a relay that hangs takes.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);
/// Connections that have been idle too long are looked for so often.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// All relays, the preferred one first.
#[derive(Debug)]
pub struct Relays {
    relays: Vec<Relay>,
    changed: Notify,
}

/// How an attempt to hand a mail over ended.
#[derive(Debug)]
pub enum Delivery {
    /// A relay took it.
    Sent {
        /// Host and port.
        relay: String,
        /// What it said.
        reply: Reply,
    },
    /// No relay took it.
    Failed {
        /// Host and port of the relay that decided; empty when none was asked.
        relay: String,
        /// What the schedule has to know.
        failure: Failure,
        /// What the relay said, unscrubbed.
        reply: Option<String>,
    },
}

impl Relays {
    /// Prepares the relays; nothing is connected yet. Each takes at most `connections` at once unless its URL says
    /// otherwise.
    ///
    /// # Errors
    /// TLS cannot be set up for one of them.
    pub fn new(
        urls: &[RelayUrl],
        hello: Option<&str>,
        connections: usize,
        metrics: &Metrics,
    ) -> Result<Self, TlsFault> {
        let relay = |url: &RelayUrl| {
            let stopwatch = metrics.stopwatch(&url.to_string());
            let dialer = Dialer::new(url.clone(), hello.map(str::to_owned))?.timed(stopwatch);
            Ok(Relay::new(dialer, url.connections.unwrap_or(connections), metrics.clone()))
        };
        Ok(Self { relays: urls.iter().map(relay).collect::<Result<_, TlsFault>>()?, changed: Notify::new() })
    }

    /// How many mails are to be worked on at once, of at most so many: where all relays have a rate, as many as have their
    /// turn before they are given up on. The others wait in the stream, in their order.
    pub fn at_once(&self, most: usize) -> usize {
        let turns = self.relays.iter().map(Relay::turns).try_fold(0_usize, |sum, turns| Some(sum + turns?));
        turns.map_or(most, |turns| turns.clamp(1, most))
    }

    /// Waits until a relay may be tried.
    pub async fn ready(&self) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let now = Instant::now();
            let mut earliest: Option<Instant> = None;
            for relay in &self.relays {
                match relay.foresee(now) {
                    Admission::Admitted => return,
                    Admission::Paused(until) => earliest = Some(earliest.map_or(until, |other| other.min(until))),
                    Admission::Probing => {}
                }
            }
            // A probe that never ends is forgotten by its breaker; asking again now and then notices.
            let until = earliest.unwrap_or(now + PROBE_PATIENCE);
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// Hands a mail to the first relay that takes it. A relay's refusal for good is final; where a relay is away or
    /// busy the next one is asked, unless the first may have the mail already.
    pub async fn deliver(&self, mail: &Outgoing) -> Delivery {
        let deadline = Instant::now() + PROBE_PATIENCE;
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let mut failed: Option<Delivery> = None;
            let mut probing = false;
            for relay in &self.relays {
                match relay.admit(Instant::now()) {
                    Admission::Admitted => {}
                    Admission::Paused(_) => continue,
                    Admission::Probing => {
                        probing = true;
                        continue;
                    }
                }
                let mut step = Step::child(SpanKind::Client, || "smtp".into());
                step.set_with("otp.relay", || relay.name().to_owned());
                let attempt = telemetry::during(&step, relay.attempt(mail)).await;
                if let Some(fault) = fault(&attempt) {
                    step.failed(fault);
                }
                drop(step);
                self.changed.notify_waiters();
                match delivery(relay.name(), attempt) {
                    (delivery, Finality::Final) => return delivery,
                    (delivery, Finality::Elsewhere(weight)) => {
                        if failed.as_ref().is_none_or(|other| weight > weight_of(other)) {
                            failed = Some(delivery);
                        }
                    }
                }
            }
            if let Some(failed) = failed {
                return failed;
            }
            if !probing || tokio::time::timeout_at(deadline, changed).await.is_err() {
                return self.left_alone();
            }
        }
    }

    /// Why no relay can be used now; `None` while at least one can.
    pub fn fault(&self) -> Option<String> {
        if self.relays.iter().any(|relay| relay.shown() != Shown::Open) {
            return None;
        }
        let names: Vec<&str> = self.relays.iter().map(Relay::name).collect();
        Some(format!("no relay can be reached ({})", names.join(", ")))
    }

    /// Closes idle connections now and then, until dropped.
    pub async fn sweep(&self) {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            for relay in &self.relays {
                relay.sweep(Instant::now()).await;
            }
        }
    }

    /// Says goodbye on every idle connection.
    pub async fn close(&self) {
        futures_util::future::join_all(self.relays.iter().map(Relay::close)).await;
    }

    fn left_alone(&self) -> Delivery {
        let reason = self.relays.iter().find_map(Relay::trouble).unwrap_or(Reason::Unreachable);
        Delivery::Failed { relay: String::new(), failure: Failure::Unavailable(reason), reply: None }
    }
}

/// Whether an attempt's end holds for all relays.
enum Finality {
    Final,
    /// Another relay may do better; of several such ends, the weightiest is told.
    Elsewhere(u8),
}

fn delivery(relay: &str, attempt: Attempt) -> (Delivery, Finality) {
    let relay = relay.to_owned();
    let failed = |failure, reply: Option<String>| Delivery::Failed { relay: relay.clone(), failure, reply };
    match attempt {
        Attempt::Accepted(reply) => (Delivery::Sent { relay, reply }, Finality::Final),
        Attempt::Refused(reply) => (failed(Failure::Refused, Some(reply.to_string())), Finality::Final),
        Attempt::Unsure(reason) => (failed(Failure::Unsure(reason), None), Finality::Final),
        Attempt::Busy(reply) => elsewhere(failed(Failure::Busy, Some(reply.to_string()))),
        Attempt::Unavailable(reason) => elsewhere(failed(Failure::Unavailable(reason), None)),
        Attempt::Unsupported(why) => elsewhere(failed(Failure::Refused, Some(why.to_owned()))),
    }
}

/// What traces say of an attempt that did not hand the mail over.
fn fault(attempt: &Attempt) -> Option<&'static str> {
    match attempt {
        Attempt::Accepted(_) => None,
        Attempt::Refused(_) => Some("refused"),
        Attempt::Unsure(_) => Some("unsure"),
        Attempt::Busy(_) => Some("busy"),
        Attempt::Unavailable(_) => Some("unavailable"),
        Attempt::Unsupported(_) => Some("unsupported"),
    }
}

fn elsewhere(delivery: Delivery) -> (Delivery, Finality) {
    let weight = weight_of(&delivery);
    (delivery, Finality::Elsewhere(weight))
}

/// A relay that answered says more than one that did not, and one that may come back more than one that never will.
fn weight_of(delivery: &Delivery) -> u8 {
    match delivery {
        Delivery::Failed { failure: Failure::Busy, .. } => 3,
        Delivery::Failed { failure: Failure::Unavailable(_), .. } => 2,
        Delivery::Failed { failure: Failure::Refused | Failure::Unsure(_), .. } | Delivery::Sent { .. } => 1,
    }
}

#[cfg(test)]
mod tests {
    use otp_nats::settings::Setting as _;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn no_more_mails_are_begun_than_have_their_turn_in_time() {
        for (urls, at_once) in [
            (&["smtp://a.test"][..], 64),
            (&["smtp://a.test?rate=2/s"], 30),
            (&["smtp://a.test?rate=2/s", "smtp://b.test?rate=60/m"], 45),
            (&["smtp://a.test?rate=2/s", "smtp://b.test"], 64),
            (&["smtp://a.test?rate=100/s"], 64),
            (&["smtp://a.test?rate=9/h"], 1),
        ] {
            let parsed: Vec<_> = urls.iter().map(|url| RelayUrl::parse(url).unwrap()).collect();
            let relays = Relays::new(&parsed, None, 8, &Metrics::new(&mut Registry::default())).unwrap();
            assert_eq!(relays.at_once(64), at_once, "{urls:?}");
        }
    }
}
