//! Requests as the gateway makes them, made in advance, and the mailer that works them off.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::{self, stream::Stream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use otp_nats::id::IdParts;
use otp_nats::keys::KeyList;
use otp_nats::request::MailRequest;
use otp_nats::{Body, Event, EventKind, Timestamp, VerificationId, stream, subject};
use tokio::time::Instant;

use super::events::publish;
use super::figures::float;
use super::usage::{cpu_seconds, memory_kib};
use crate::process::Signal;
use crate::stack::{Part, Stack};

/// Acknowledgements that are waited for at once while the stream is filled.
const FILLED_AT_ONCE: usize = 256;
/// None expires while it waits.
const LIFE: Duration = Duration::from_secs(60 * 60);
/// Between two looks at the stream: part of the error of what is timed.
const LOOK: Duration = Duration::from_millis(20);
/// A stream that does not get shorter for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(30);
/// A rate is counted from when one request in so many is done: programs start and connections open before.
const WARM_SHARE: u64 = 10;
/// As long as the token of a link to report a request.
const TOKEN_OCTETS: usize = 132;

/// Fills the stream of requests of a stack, and counts what its mailer makes of them.
#[derive(Debug)]
pub(super) struct Requests<'s> {
    stack: &'s Stack,
    keys: KeyList,
    jetstream: jetstream::Context,
    waiting: Stream,
    events: Stream,
}

/// How the mailer worked a filled stream off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drained {
    /// Mails a second, from when some were done.
    pub(super) rate: f64,
    /// Seconds from the start of the program to its first mail and to its last.
    pub(super) first: f64,
    pub(super) last: f64,
    /// CPU seconds of the mailer, its start included.
    pub(super) cpu: f64,
    /// Memory of the mailer when some were done and when nearly all were, in MB.
    pub(super) memory_before: f64,
    pub(super) memory_after: f64,
    /// The most that it had, in MB.
    pub(super) memory_most: f64,
}

impl<'s> Requests<'s> {
    /// With the stack's own keys.
    pub(super) async fn new(stack: &'s Stack) -> Result<Self> {
        let keys = stack.keys("OTP_SEAL_KEYS")?.parse().ok().context("the stack's keys")?;
        let jetstream = jetstream::new(stack.file().connect_nats().await?);
        let waiting = jetstream.get_stream(stream::REQUESTS).await?;
        let events = jetstream.get_stream(stream::EVENTS).await?;
        Ok(Self { stack, keys, jetstream, waiting, events })
    }

    /// Holds the mailer, forgets all that was, and fills the stream. The mails are from `sender`, or from the mailer's
    /// own when it is empty.
    pub(super) async fn fill(&self, count: usize, sender: &str) -> Result<()> {
        self.stack.hold(Part::Mailer, Signal::Terminate).await?;
        self.waiting.purge().await?;
        self.events.purge().await?;
        let run = rand::random();
        let published = futures_util::stream::iter(0..count).map(async |number| {
            let event = self.event(run, u64::try_from(number)?, sender)?;
            publish(&self.jetstream, &event).await?.await.context("a request is not stored")
        });
        published.buffer_unordered(FILLED_AT_ONCE).try_for_each(async |_stored| Ok(())).await?;
        let stored = self.waiting.get_info().await?.state.messages;
        ensure!(stored == u64::try_from(count)?, "{stored} of {count} requests are in the stream");
        Ok(())
    }

    fn event(&self, run: u64, number: u64, sender: &str) -> Result<Event> {
        let id = id(run, number);
        let mail = request(number, sender);
        let at = Timestamp::now();
        let sealed = mail.seal(&self.keys, &id, 1)?;
        Ok(Event { id, at, generation: 1, body: Body::Requested { sealed, expires_at: at + LIFE } })
    }

    /// Starts the mailer and waits until all `count` requests are mailed, their events published and they themselves
    /// acknowledged; an error if a mail is missing or is one too many.
    pub(super) async fn drain(&self, count: usize) -> Result<Drained> {
        let count = u64::try_from(count)?;
        let started = Instant::now();
        self.stack.unhold(Part::Mailer).await?;
        let (mut first, mut warm, mut before) = (None, None, f64::NAN);
        let (mut left_before, mut moved) = (count, started);
        loop {
            let left = self.waiting.get_info().await?.state.messages;
            let (now, done) = (Instant::now(), count.saturating_sub(left));
            if left != left_before {
                (left_before, moved) = (left, now);
            }
            ensure!(now - moved < PATIENCE, "{left} of {count} requests wait for a mailer");
            if done > 0 && first.is_none() {
                first = Some(now);
            }
            if done >= count / WARM_SHARE && warm.is_none() {
                warm = Some((now, done));
                before = self.memory("VmRSS")?;
            }
            let (Some(first), Some((since, done_before)), 0) = (first, warm, left) else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let memory_after = self.memory("VmRSS")?;
            let sent = counted(&self.events, EventKind::Sent).await?;
            ensure!(sent == count, "{sent} mails were sent for {count} requests");
            return Ok(Drained {
                rate: float(count - done_before) / (now - since).as_secs_f64(),
                first: (first - started).as_secs_f64(),
                last: (now - started).as_secs_f64(),
                cpu: cpu_seconds(self.stack.pid(Part::Mailer).context("the mailer is down")?)?,
                memory_before: before,
                memory_after,
                memory_most: self.memory("VmHWM")?,
            });
        }
    }

    /// MB of the mailer.
    fn memory(&self, name: &str) -> Result<f64> {
        let pid = self.stack.pid(Part::Mailer).context("the mailer is down")?;
        Ok(memory_kib(pid, name)? * 1024.0 / 1e6)
    }
}

/// Events of a kind, counted by the server.
pub(super) async fn counted(events: &Stream, kind: EventKind) -> Result<u64> {
    let config = pull::Config {
        filter_subject: subject::all_of(kind),
        ack_policy: AckPolicy::None,
        inactive_threshold: PATIENCE,
        ..pull::Config::default()
    };
    let consumer = events.create_consumer(config).await?;
    let counted = consumer.cached_info().num_pending;
    events.delete_consumer(&consumer.cached_info().name).await?;
    Ok(counted)
}

/// What the gateway asks for when an application has no wishes.
pub(super) fn request(number: u64, sender: &str) -> MailRequest {
    MailRequest {
        email: format!("person{number}@bench.test").into(),
        code: format!("{:06}", number % 1_000_000).into(),
        locale: "en".to_owned(),
        app: String::new(),
        sender: sender.to_owned(),
        templates: String::new(),
        blocked: false,
        report_url: format!("http://127.0.0.1:5000/report#{}", "r".repeat(TOKEN_OCTETS)).into(),
        place: String::new(),
    }
}

/// Another one for each number of each run; each is another recipient's.
pub(super) fn id(run: u64, number: u64) -> VerificationId {
    let (mut tag, mut nonce) = ([0; 10], [0; 10]);
    for (place, byte) in tag.iter_mut().zip(number.to_be_bytes()) {
        *place = byte;
    }
    for (place, byte) in nonce.iter_mut().zip(run.to_be_bytes()) {
        *place = byte;
    }
    VerificationId::from_parts(&IdParts { tag, nonce, check: [0; 5] })
}
