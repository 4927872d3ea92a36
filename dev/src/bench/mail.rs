//! How many mails a second leave, next to postfix's own client on the same sink.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use lettre::message::Mailbox;
use otp_mailer::dkim::{DkimKeys, Signer};
use otp_mailer::mail::templates::Templates;
use otp_mailer::mail::{Composer, Occasion};
use otp_mailer::metrics::Metrics;
use otp_mailer::relay_url::RelayUrl;
use otp_mailer::relays::{Delivery, Relays};
use otp_mailer::smtp::Outgoing;
use otp_nats::Timestamp;
use otp_nats::settings::Setting as _;
use prometheus_client::registry::Registry;
use tokio::task::JoinSet;

use super::Bench;
use super::accept::servers;
use super::figures::{Round, Row, Sample, Target, float};
use super::requests::{Drained, Requests, id, request};
use super::tools::{SESSIONS, Sink, Source};
use super::usage::{Usage, Used};
use crate::process::Signal;
use crate::stack::{Part, Stack};

/// Mails that the stream is filled with.
pub(super) const MAILS: usize = 10_000;
/// Mails of postfix's client and of the mailer's client alone.
const MAILS_ALONE: usize = 20_000;
/// Who the mails are from, signed,
const SENDER: &str = "DistOTP <otp@localhost.test>";
/// and from a domain that there is no key for.
const UNSIGNED: &str = "DistOTP <otp@unsigned.test>";
/// A code's life, so that the mails say the same.
const LIFE: Duration = Duration::from_secs(60 * 60);

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "mail",
        figure: "mails a second, stream in, sink out, events published",
        anchor: "smtp-source -d -s 8, mails of the same size",
        unit: "/s",
        target: Target::TimesAtLeast(0.5),
    },
    Row {
        name: "mail-client",
        figure: "mails a second of the SMTP client alone, 8 at once",
        anchor: "smtp-source -d -s 8, mails of the same size",
        unit: "/s",
        target: Target::TimesAtLeast(1.0),
    },
    Row {
        name: "mail-short",
        figure: "mails a second, stream in, sink out, events published",
        anchor: "smtp-source -d -s 8, its own few octets",
        unit: "/s",
        target: Target::Told,
    },
    Row {
        name: "mail-unsigned",
        figure: "mails a second without DKIM",
        anchor: "signed with Ed25519",
        unit: "/s",
        target: Target::Told,
    },
];

pub(super) async fn run(bench: &Bench) -> Result<Vec<Round>> {
    let sink = Sink::start().await?;
    let stack = alone(bench, &sink).await?;
    let requests = Requests::new(&stack).await?;
    let mail = Arc::new(sample(&stack).await?);
    let (file, octets) = written(stack.dir(), &mail)?;
    let count = bench.scaled(MAILS_ALONE);
    let same = Source { sink: &sink, mail: Some(&file) };
    let short = Source { sink: &sink, mail: None };
    let mut rounds = Vec::new();
    for _ in 0..bench.runs {
        let (signed, signed_used) = measure(&requests, &stack, &sink, bench.scaled(MAILS), "").await?;
        let source = same.run(count).await?;
        let (client, client_used) = client(&sink, &mail, count).await?;
        let short = short.run(count).await?;
        let (unsigned, unsigned_used) = measure(&requests, &stack, &sink, bench.scaled(MAILS), UNSIGNED).await?;
        rounds.push(Round {
            samples: vec![
                Sample::new("mail", signed.rate, source.rate),
                Sample::new("mail-client", client, source.rate),
                Sample::new("mail-short", signed.rate, short.rate),
                Sample::new("mail-unsigned", unsigned.rate, signed.rate),
            ],
            notes: vec![
                format!("a mail has {octets} octets; first mail {:.2} s after the start", signed.first),
                format!("mailer: {}", signed_used.told(float(bench.scaled(MAILS)))),
                format!("unsigned: {}", unsigned_used.told(float(bench.scaled(MAILS)))),
                format!("client alone: {}", client_used.told(float(count))),
                format!("smtp-source, the same size: {}; its own: {}", source.told(), short.told()),
            ],
        });
    }
    stack.stop().await;
    Ok(rounds)
}

/// A stack that mails into the sink and does nothing else. Nothing waits in it, so that its mailer can be held.
pub(super) async fn alone(bench: &Bench, sink: &Sink) -> Result<Stack> {
    let stack = bench.stack(|options| {
        options.caller.set("OTP_SMTP_URL", &sink.url());
        options.caller.set("OTP_MAIL_FROM", SENDER);
    });
    let stack = stack.await?;
    for part in [Part::Gateway, Part::Notifier] {
        stack.hold(part, Signal::Terminate).await?;
    }
    Ok(stack)
}

/// Fills the stream and has it worked off, with CPU of all that takes part.
pub(super) async fn measure(
    requests: &Requests<'_>,
    stack: &Stack,
    sink: &Sink,
    count: usize,
    sender: &str,
) -> Result<(Drained, Used)> {
    requests.fill(count, sender).await?;
    let usage = Usage::start(servers(stack).into_iter().chain([("sink".to_owned(), sink.pid()?)]))?;
    let drained = requests.drain(count).await?;
    let mut used = usage.end()?;
    // It was started within the time.
    used.cpu.insert("mailer".to_owned(), drained.cpu);
    Ok((drained, used))
}

/// A mail as the mailer of this stack writes and signs it.
async fn sample(stack: &Stack) -> Result<Outgoing> {
    let sender: Mailbox = SENDER.parse()?;
    let keys = DkimKeys::parse(stack.keys("OTP_DKIM_KEYS")?).ok().context("the stack's keys")?;
    let signer = Signer::new(keys, &mut Registry::default());
    let now = Timestamp::now();
    let occasion = Occasion { id: id(0, 0), generation: 1, now, expires_at: now + LIFE };
    let composer = Composer::new(Templates::load(None)?, sender, None, false);
    Ok(signer.signed(composer.compose(&request(0, ""), &occasion)?, now).await)
}

/// The mail as smtp-source takes it, which writes the line ends itself, and how many octets travel.
fn written(folder: &Path, mail: &Outgoing) -> Result<(PathBuf, usize)> {
    let text = mail.text();
    ensure!(text.starts_with(b"DKIM-Signature:"), "the mail is not signed");
    let path = folder.join("mail.eml");
    std::fs::write(&path, String::from_utf8(text.to_vec())?.replace("\r\n", "\n"))?;
    Ok((path, text.len()))
}

/// Mails a second of the mailer's SMTP client, here in this process.
async fn client(sink: &Sink, mail: &Arc<Outgoing>, count: usize) -> Result<(f64, Used)> {
    let metrics = Metrics::new(&mut Registry::default());
    let url = RelayUrl::parse(&sink.url()).ok().context("the sink's address")?;
    let relays = Arc::new(Relays::new(&[url], None, SESSIONS, &metrics)?);
    let each = count.div_ceil(SESSIONS);
    let processes = [("client".to_owned(), std::process::id()), ("sink".to_owned(), sink.pid()?)];
    let (usage, started, mut tasks) = (Usage::start(processes)?, Instant::now(), JoinSet::new());
    for _ in 0..SESSIONS {
        let (relays, mail) = (Arc::clone(&relays), Arc::clone(mail));
        tasks.spawn(async move {
            for _ in 0..each {
                match relays.deliver(&mail).await {
                    Delivery::Sent { .. } => {}
                    Delivery::Failed { reply, .. } => bail!("the sink refused a mail: {reply:?}"),
                }
            }
            Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let took = started.elapsed().as_secs_f64();
    relays.close().await;
    Ok((float(each * SESSIONS) / took, usage.end()?))
}
