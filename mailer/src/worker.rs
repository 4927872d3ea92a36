//! What is done with one request, from taking it up to its verdict.

use std::time::Duration;

use otp_nats::bus::{Bus, PublishFault};
use otp_nats::event::{EventError, Reason};
use otp_nats::keys::KeyList;
use otp_nats::mask::{mask_address, scrub_reply};
use otp_nats::request::{DeadLetter, MailRequest};
use otp_nats::telemetry::{self, SpanKind, Step};
use otp_nats::trace::TraceParent;
use otp_nats::work::{Job, Slot, Verdict, Worker};
use otp_nats::{Body, Event, Timestamp, VerificationId, event};
use secrecy::ExposeSecret;
use tokio::time::Instant;

use crate::dkim::Signer;
use crate::ledger::{Entered, Ledger};
use crate::mail::{ComposeFault, Composer, Occasion};
use crate::metrics::{Metrics, Outcome};
use crate::relays::{Delivery, Relays};
use crate::schedule::{self, Life, Next};

mod history;
mod unreadable;

use history::History;

/// An event or dead letter is published within this time, or the request comes again.
const PUBLISH_WITHIN: Duration = Duration::from_secs(5);
/// A `sent` is tried for so long: what a relay took cannot be taken back, and within JetStream's window for duplicates
/// (120 s) the event is stored at most once. Longer than any election of a leader.
const RECORD_WITHIN: Duration = Duration::from_secs(100);
/// A request whose events cannot be read or written comes again after so long.
const BUS_PAUSE: Duration = Duration::from_secs(2);
/// A request that another task of this process has in work comes again after so long.
const TWIN_PAUSE: Duration = Duration::from_secs(5);
/// A template that does not render was replaced badly; whoever mends it finds the requests still there.
const TEMPLATE_PAUSE: Duration = Duration::from_secs(10);
/// A request of a newer version comes again after so long: during a deploy each delivery is a chance to meet a mailer
/// that can read it,
const NEWER_PAUSE: Duration = Duration::from_secs(2);
/// and after so many deliveries, about a minute, it is given up: by then the deploy is over or was made in the wrong
/// order, and a dead letter can be sent again.
const NEWER_DELIVERIES: u32 = 30;
/// A request that makes the mailer panic is given up after so many deliveries.
const MAX_PANICS: u32 = 5;
/// Longest reply that an event carries, in characters.
const MAX_REPLY: usize = 200;

/// Works on requests.
#[derive(Debug)]
pub struct Mailer {
    /// Where events go and come from.
    pub bus: Bus,
    /// What opens requests.
    pub keys: KeyList,
    /// Writes the mails.
    pub composer: Composer,
    /// Signs them.
    pub signer: Signer,
    /// Take the mails.
    pub relays: Relays,
    /// What is in work, and what was sent and not recorded.
    pub ledger: Ledger,
    /// What is measured.
    pub metrics: Metrics,
}

/// A request that could be read.
#[derive(Debug)]
struct Task<'j> {
    job: &'j Job,
    id: VerificationId,
    generation: u32,
    life: Life,
    sealed: String,
    /// Counts from 1.
    attempt: u32,
    /// When it was taken up.
    since: Instant,
}

impl Task<'_> {
    fn event(&self, body: Body) -> Event {
        Event { id: self.id, at: Timestamp::now(), generation: self.generation, body }
    }

    const fn trace(&self) -> &TraceParent {
        &self.job.trace
    }
}

impl Worker for Mailer {
    async fn ready(&self) {
        self.relays.ready().await;
    }

    async fn work(&self, job: Job, slot: Slot) -> Verdict {
        let mut step = Step::from_afar(&job.trace, SpanKind::Consumer, || "process OTP_REQUESTS".into());
        step.set("messaging.system", "nats");
        step.set("messaging.operation.name", "process");
        step.set("messaging.operation.type", "process");
        step.set("messaging.destination.name", "OTP_REQUESTS");
        step.set("messaging.consumer.group.name", "mailer");
        step.set("otp.delivered", i64::from(job.delivered));
        let job = Job { trace: step.trace().unwrap_or_else(|| job.trace.child()), ..job };
        let verdict = telemetry::within(job.trace, self.worked(job, slot)).await;
        step.set("otp.verdict", verdict.as_str());
        verdict
    }

    async fn panicked(&self, job: Job) -> Verdict {
        if job.delivered >= MAX_PANICS { self.give_up_unreadable(&job).await } else { Verdict::RetryAfter(TWIN_PAUSE) }
    }
}

impl Mailer {
    async fn worked(&self, job: Job, slot: Slot) -> Verdict {
        let in_work = self.metrics.in_work();
        self.metrics.taken_up(job.delivered);
        let verdict = match Event::from_json(&job.payload) {
            Ok(Event { id, at, generation, body: Body::Requested { sealed, expires_at } }) if job.is_about(&id) => {
                let life = Life { requested_at: at, expires_at };
                let since = Instant::now();
                self.take_up(Task { job: &job, id, generation, life, sealed, attempt: 1, since }, slot).await
            }
            Err(EventError::Unsupported) if job.delivered < NEWER_DELIVERIES => Verdict::RetryAfter(NEWER_PAUSE),
            Ok(_) | Err(EventError::Unsupported | EventError::Malformed) => self.give_up_unreadable(&job).await,
        };
        drop(in_work);
        verdict
    }

    async fn take_up(&self, mut task: Task<'_>, slot: Slot) -> Verdict {
        let mail = (task.id, task.generation);
        let guard = match self.ledger.enter(mail) {
            Entered::New(guard) => guard,
            Entered::InWork => return Verdict::RetryAfter(TWIN_PAUSE),
            Entered::Unrecorded(sent) => return self.record(&task, &sent).await,
        };
        // A first delivery has no history worth a look-up, unless it comes so late that others may have spoken, or the
        // server may have lost count.
        if task.job.doubtful || task.job.delivered > 1 || task.life.is_over(Timestamp::now()) {
            match history::read(&self.bus, &task.id, task.generation, task.job.stored_at).await {
                Ok(History::Done) => {
                    self.metrics.mail(Outcome::Recognised, "");
                    return Verdict::Acknowledge;
                }
                Ok(History::Open { attempts }) => task.attempt = attempts.saturating_add(1),
                Err(fault) => {
                    tracing::warn!(id = %task.id, %fault, "a redelivered request waits");
                    return Verdict::RetryAfter(BUS_PAUSE);
                }
            }
        }
        let now = Timestamp::now();
        let verdict = if task.life.is_over(now) {
            self.expire(&task).await
        } else if task.life.is_too_late(now) {
            self.give_up(&task, Reason::NoTimeLeft, None).await
        } else {
            self.mail(&task, slot).await
        };
        drop(guard);
        verdict
    }

    async fn mail(&self, task: &Task<'_>, slot: Slot) -> Verdict {
        let Ok(request) = MailRequest::open(&self.keys, &task.id, task.generation, &task.sealed) else {
            return self.give_up(task, Reason::Unreadable, None).await;
        };
        let processing = task.event(Body::Processing { attempt: task.attempt });
        if request.blocked {
            self.bus.publish_best_effort(&processing, task.trace()).await;
            return self.give_up(task, Reason::Refused, None).await;
        }
        let occasion = Occasion {
            id: task.id,
            generation: task.generation,
            now: Timestamp::now(),
            expires_at: task.life.expires_at,
        };
        let composing = Step::child(SpanKind::Internal, || "compose".into());
        let mail = match self.composer.compose(&request, &occasion) {
            Ok(mail) => mail,
            Err(ComposeFault::Address | ComposeFault::Message) => {
                return self.give_up(task, Reason::Unreadable, None).await;
            }
            Err(fault @ ComposeFault::Template(_)) => {
                tracing::error!(id = %task.id, %fault, "a mail cannot be written");
                return Verdict::RetryAfter(TEMPLATE_PAUSE);
            }
        };
        drop(composing);
        self.bus.publish_best_effort(&processing, task.trace()).await;
        let mail = self.signer.signed(mail, occasion.now).await;
        let delivery = self.relays.deliver(&mail).await;
        drop(mail);
        // What is left is to say so: the next mail need not wait for that.
        drop(slot);
        match delivery {
            Delivery::Sent { relay, reply } => self.sent(task, &request, &relay, &reply.to_string()).await,
            Delivery::Failed { relay, failure, reply } => {
                let reply = reply.map(|reply| scrubbed(&reply, &request));
                let chance = rand::random_range(0.0..1.0);
                match schedule::after(failure, task.attempt, task.life, Timestamp::now(), chance) {
                    Next::Retry { reason, at } => self.defer(task, reason, at, &relay).await,
                    Next::GiveUp(reason) => self.give_up(task, reason, Some((relay, reply))).await,
                }
            }
        }
    }

    async fn sent(&self, task: &Task<'_>, request: &MailRequest, relay: &str, reply: &str) -> Verdict {
        let event = task.event(Body::Sent {
            relay: relay.to_owned(),
            reply: scrubbed(reply, request),
            to: mask_address(request.email.expose_secret()),
            elapsed_ms: u64::try_from(task.since.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        self.ledger.sent((task.id, task.generation), &event);
        self.metrics.mail(Outcome::Sent, relay);
        self.metrics.latency(task.life.requested_at.until(event.at));
        tracing::debug!(id = %task.id, generation = task.generation, relay, "sent");
        self.record(task, &event).await
    }

    /// Publishes a `sent`. Until it is recorded the ledger keeps it, so that the request can come again.
    async fn record(&self, task: &Task<'_>, sent: &Event) -> Verdict {
        match self.bus.publish(sent, task.trace(), RECORD_WITHIN).await {
            Ok(_) => {
                self.ledger.recorded((task.id, task.generation));
                Verdict::Acknowledge
            }
            Err(PublishFault::Unavailable) => Verdict::RetryAfter(BUS_PAUSE),
            Err(fault @ (PublishFault::Full | PublishFault::Refused)) => {
                // The mail is out: asking again would only send it again.
                tracing::error!(id = %task.id, %fault, "a mail was sent and its event is refused");
                self.ledger.recorded((task.id, task.generation));
                Verdict::Acknowledge
            }
        }
    }

    async fn defer(&self, task: &Task<'_>, reason: Reason, at: Timestamp, relay: &str) -> Verdict {
        self.metrics.mail(Outcome::Deferred, relay);
        tracing::info!(id = %task.id, attempt = task.attempt, ?reason, relay, "deferred");
        let event = task.event(Body::Deferred { reason, next_attempt_at: at, attempt: task.attempt });
        if let Err(fault) = self.bus.publish(&event, task.trace(), PUBLISH_WITHIN).await {
            tracing::warn!(id = %task.id, %fault, "a deferral is not told");
        }
        Verdict::RetryAfter(Timestamp::now().until(at))
    }

    async fn expire(&self, task: &Task<'_>) -> Verdict {
        self.metrics.mail(Outcome::Expired, "");
        match self.bus.publish(&task.event(Body::Expired {}), task.trace(), PUBLISH_WITHIN).await {
            Ok(_) => Verdict::Acknowledge,
            Err(fault) => {
                tracing::warn!(id = %task.id, %fault, "an expiry is not told yet");
                Verdict::RetryAfter(BUS_PAUSE)
            }
        }
    }

    /// Files the dead letter, tells the failure, and ends the request: in this order, so that none is lost.
    async fn give_up(&self, task: &Task<'_>, reason: Reason, answer: Option<(String, Option<String>)>) -> Verdict {
        let (relay, reply) = answer.unwrap_or_default();
        let letter = DeadLetter {
            v: event::VERSION,
            id: Some(task.id),
            at: Timestamp::now(),
            generation: Some(task.generation),
            seq: task.job.seq,
            reason,
            attempts: task.attempt,
            reply: reply.clone(),
            request: String::from_utf8_lossy(&task.job.payload).into_owned(),
        };
        let failed = task.event(Body::Failed { reason, reply });
        let verdict = self.file(letter, &failed, task.trace()).await;
        if verdict == Verdict::GiveUp {
            self.metrics.mail(Outcome::Failed, &relay);
            tracing::warn!(id = %task.id, attempt = task.attempt, ?reason, relay, "given up");
        }
        verdict
    }

    async fn file(&self, letter: DeadLetter, failed: &Event, trace: &TraceParent) -> Verdict {
        let reason = letter.reason;
        let filed = match self.bus.publish_dead_letter(&letter, PUBLISH_WITHIN).await {
            // Too large for the stream: what counts is that it was given up and why.
            Err(PublishFault::Refused) => {
                let short = DeadLetter { request: String::new(), ..letter };
                self.bus.publish_dead_letter(&short, PUBLISH_WITHIN).await
            }
            filed => filed,
        };
        // One that comes again because its event was not told is filed once.
        if filed.is_ok_and(|stored| !stored.duplicate) {
            self.metrics.dead_letter(reason);
        }
        let told = match filed {
            Ok(_) => self.bus.publish(failed, trace, PUBLISH_WITHIN).await,
            Err(fault) => Err(fault),
        };
        match told {
            Ok(_) => Verdict::GiveUp,
            Err(fault) => {
                tracing::warn!(id = %failed.id, %fault, "a failure is not told yet");
                Verdict::RetryAfter(BUS_PAUSE)
            }
        }
    }
}

fn scrubbed(reply: &str, request: &MailRequest) -> String {
    scrub_reply(reply, request.email.expose_secret(), request.code.expose_secret(), MAX_REPLY)
}
