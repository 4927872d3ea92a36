//! How many mails a second the mailer hands over, next to postfix's own client on the same sink.
//!
//! `cargo build -p otp-mailer && cargo run -p otp-mailer --example measure -- [MAILS]`, with `nats-server`, `smtp-sink`
//! and `smtp-source` in `PATH`. It fills the stream, then starts `otp-mailer`, so it measures the backlog's rate.

#![expect(clippy::print_stdout, reason = "a program that prints its findings")]

use std::collections::HashMap;
use std::error::Error;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use otp_mailer::mail::templates::Templates;
use otp_mailer::mail::{Composer, Occasion};
use otp_mailer::metrics::Metrics;
use otp_mailer::relay_url::RelayUrl;
use otp_mailer::relays::{Delivery, Relays};
use otp_mailer::smtp::Outgoing;
use otp_nats::bus::{Bus, BusMetrics, BusSettings};
use otp_nats::id::IdParts;
use otp_nats::keys::{Key, KeyList};
use otp_nats::request::MailRequest;
use otp_nats::settings::{Setting, Settings};
use otp_nats::trace::TraceParent;
use otp_nats::{Body, Event, Timestamp, VerificationId, stream};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Ends a program when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn start(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome<Running> {
    let child = Command::new(program).args(arguments).envs(variables.iter().copied()).stdout(Stdio::null()).spawn();
    Ok(Running(child.map_err(|error| format!("{program}: {error}"))?))
}

fn keys() -> Outcome<KeyList> {
    let bytes = std::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
    Ok(KeyList::single(Key::new("k1", bytes).ok_or("no key")?))
}

fn request(keys: &KeyList, number: u32) -> Outcome<Event> {
    let mut nonce = [0; 10];
    nonce[..4].copy_from_slice(&number.to_be_bytes());
    let id = VerificationId::from_parts(&IdParts { tag: [7; 10], nonce, check: [9; 5] });
    let mail = MailRequest {
        email: format!("person{number}@example.com").into(),
        code: format!("{:06}", number % 1_000_000).into(),
        locale: "en".to_owned(),
        app: "Example".to_owned(),
        sender: String::new(),
        templates: String::new(),
        blocked: false,
        report_url: String::new().into(),
        place: String::new(),
    };
    let sealed = mail.seal(keys, &id, 1)?;
    let at = Timestamp::now();
    let expires_at = at + Duration::from_secs(3600);
    Ok(Event { id, at, generation: 1, body: Body::Requested { sealed, expires_at } })
}

/// How long writing one mail takes.
fn writing() -> Outcome<Duration> {
    let composer = Composer::new(Templates::load(None)?, "Example <codes@example.com>".parse()?, None, false);
    let id = VerificationId::from_parts(&IdParts { tag: [7; 10], nonce: [8; 10], check: [9; 5] });
    let now = Timestamp::now();
    let occasion = Occasion { id, generation: 1, now, expires_at: now + Duration::from_secs(300) };
    let request = MailRequest {
        email: "person@example.com".into(),
        code: "012345".into(),
        locale: "en".to_owned(),
        app: "Example".to_owned(),
        sender: String::new(),
        templates: String::new(),
        blocked: false,
        report_url: String::new().into(),
        place: String::new(),
    };
    let (started, rounds) = (Instant::now(), 5000);
    for _ in 0..rounds {
        std::hint::black_box(composer.compose(&request, &occasion)?);
    }
    Ok(started.elapsed() / rounds)
}

/// The seconds that the mailer's own SMTP client takes for as many mails of 1,000 bytes.
async fn alone(smtp: &str, mails: u32) -> Outcome<f64> {
    let metrics = Metrics::new(&mut Registry::default());
    let relays = Relays::new(&[RelayUrl::parse(smtp)?], None, 8, &metrics)?;
    let relays = Arc::new(relays);
    let message = "0123456789012345678901234567890123456789012345678\n".repeat(20);
    let mail = Arc::new(Outgoing::new("a@example.com".parse()?, "b@example.com".parse()?, message.as_bytes()));
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (relays, mail) = (Arc::clone(&relays), Arc::clone(&mail));
        tasks.spawn(async move {
            for _ in 0..mails / 8 {
                if !matches!(relays.deliver(&mail).await, Delivery::Sent { .. }) {
                    return false;
                }
            }
            true
        });
    }
    if !tasks.join_all().await.into_iter().all(|sent| sent) {
        return Err("the sink refused a mail".into());
    }
    Ok(started.elapsed().as_secs_f64())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mails: u32 = std::env::args().nth(1).map_or(Ok(20_000), |number| number.parse())?;
    let store = tempfile::tempdir()?;
    let (nats_port, sink_port) = (free_port()?.to_string(), free_port()?);
    let sink_address = format!("127.0.0.1:{sink_port}");
    let store_path = store.path().to_string_lossy().into_owned();
    let _nats = start("nats-server", &["-a", "127.0.0.1", "-p", &nats_port, "-js", "-sd", &store_path], &[])?;
    let _sink = start("smtp-sink", &["-u", "nobody", &sink_address, "1000"], &[])?;

    let environment = HashMap::from([("OTP_NATS_URL", format!("nats://127.0.0.1:{nats_port}"))]);
    let settings = BusSettings::read(&mut Settings::new(&environment)).ok_or("settings")?;
    let bus = Bus::connect("measure", &settings, BusMetrics::new(&mut Registry::default())).await?;
    bus.ensure_streams(&CancellationToken::new()).await?;
    let keys = keys()?;
    let events = (0..mails).map(|number| request(&keys, number)).collect::<Outcome<Vec<_>>>()?;
    let published = futures_util::stream::iter(events.iter().map(|event| {
        let bus = bus.clone();
        async move { bus.publish(event, &TraceParent::start(), Duration::from_secs(10)).await }
    }));
    let failed = published.buffer_unordered(256).filter(|stored| std::future::ready(stored.is_err())).count().await;
    println!("{mails} requests published, {failed} failed");

    let smtp = format!("smtp://{sink_address}?tls=none");
    let key = keys.first().to_setting();
    let started = Instant::now();
    let mailer = start(
        "target/debug/otp-mailer",
        &[],
        &[
            ("OTP_NATS_URL", &environment["OTP_NATS_URL"]),
            ("OTP_SMTP_URL", &smtp),
            ("OTP_MAIL_FROM", "Example <codes@example.com>"),
            ("OTP_SEAL_KEYS", &key),
            ("OTP_ADMIN_LISTEN", "127.0.0.1:0"),
        ],
    )?;
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut events = bus.jetstream().get_stream(stream::EVENTS).await?;
        let mut requests = bus.jetstream().get_stream(stream::REQUESTS).await?;
        let left = requests.info().await?.state.messages;
        if left == 0 {
            let took = started.elapsed().as_secs_f64();
            let told = events.info().await?.state.messages;
            println!("otp-mailer: {mails} mails in {took:.2} s, {:.0}/s, {told} events", f64::from(mails) / took);
            break;
        }
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", mailer.0.id())).unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("no VmHWM"));
    drop(mailer);

    println!("writing a mail: {:.0} µs", writing()?.as_secs_f64() * 1e6);
    let took = alone(&smtp, mails).await?;
    println!("the SMTP client alone, 8 at once: {mails} mails in {took:.2} s, {:.0}/s", f64::from(mails) / took);

    let started = Instant::now();
    let count = mails.to_string();
    let mut source = start("smtp-source", &["-d", "-s", "8", "-m", &count, "-l", "1000", &sink_address], &[])?;
    source.0.wait()?;
    let took = started.elapsed().as_secs_f64();
    println!("smtp-source -d -s 8 -l 1000: {mails} mails in {took:.2} s, {:.0}/s", f64::from(mails) / took);
    Ok(())
}
