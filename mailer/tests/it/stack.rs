//! The mailer, running on a NATS server of the test's own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use otp_mailer::service::{Service, ServiceFault};
use otp_mailer::settings::MailerSettings;
use otp_nats::bus::{Bus, BusMetrics, BusSettings};
use otp_nats::id::IdParts;
use otp_nats::keys::KeyList;
use otp_nats::request::{DeadLetter, MailRequest};
use otp_nats::settings::{Setting, Settings};
use otp_nats::testing::{TestServer, within};
use otp_nats::trace::TraceParent;
use otp_nats::{Body, Event, EventKind, Timestamp, VerificationId, stream, subject, timeline};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const KEYS: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// Longest wait for anything: generous, because the machine may be busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A NATS server, and a connection to it as the gateway has one.
pub(crate) struct Stack {
    pub(crate) nats: TestServer,
    pub(crate) bus: Bus,
}

/// A mailer at work.
pub(crate) struct Mailing {
    drain: CancellationToken,
    task: JoinHandle<Result<(), ServiceFault>>,
    admin: SocketAddr,
}

/// What a test asks to be mailed.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) id: VerificationId,
    pub(crate) generation: u32,
    pub(crate) email: String,
    pub(crate) code: String,
    pub(crate) age: Duration,
    pub(crate) life: Duration,
    pub(crate) blocked: bool,
}

pub(crate) fn ask(number: u8) -> Ask {
    let parts = IdParts { tag: [number; 10], nonce: [number; 10], check: [number; 5] };
    Ask {
        id: VerificationId::from_parts(&parts),
        generation: 1,
        email: format!("person-{number}@example.com"),
        code: format!("7{number:05}"),
        age: Duration::ZERO,
        life: Duration::from_secs(300),
        blocked: false,
    }
}

pub(crate) fn keys() -> KeyList {
    KeyList::parse(KEYS).unwrap()
}

impl Ask {
    pub(crate) fn event(&self) -> Event {
        let request = MailRequest {
            email: self.email.clone().into(),
            code: self.code.clone().into(),
            locale: "en".to_owned(),
            app: "Tea".to_owned(),
            sender: String::new(),
            templates: String::new(),
            blocked: self.blocked,
            report_url: String::new().into(),
            place: String::new(),
        };
        let at = Timestamp::now() - self.age;
        let sealed = request.seal(&keys(), &self.id, self.generation).unwrap();
        let body = Body::Requested { sealed, expires_at: at + self.life };
        Event { id: self.id, at, generation: self.generation, body }
    }
}

impl Stack {
    pub(crate) async fn start() -> Self {
        let nats = TestServer::nats().unwrap();
        let variables = HashMap::from([("OTP_NATS_URL".to_owned(), nats.url("nats"))]);
        let settings = BusSettings::read(&mut Settings::new(&variables)).unwrap();
        let bus = Bus::connect("test", &settings, BusMetrics::new(&mut Registry::default())).await.unwrap();
        bus.ensure_streams(&CancellationToken::new()).await.unwrap();
        Self { nats, bus }
    }

    /// Starts a mailer that uses these relays.
    pub(crate) async fn mailer(&self, smtp: &str) -> Mailing {
        self.mailer_with(smtp, &[]).await
    }

    pub(crate) async fn mailer_with(&self, smtp: &str, more: &[(&str, &str)]) -> Mailing {
        let nats = self.nats.url("nats");
        let fixed = [
            ("OTP_NATS_URL", nats.as_str()),
            ("OTP_ADMIN_LISTEN", "127.0.0.1:0"),
            ("OTP_SMTP_URL", smtp),
            ("OTP_MAIL_FROM", "Example Codes <codes@example.com>"),
            ("OTP_SEAL_KEYS", KEYS),
        ];
        let variables = fixed.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let variables = variables.collect();
        let settings = read(&variables);
        let service = Service::bind(settings).await.unwrap();
        let (admin, drain) = (service.admin_address(), CancellationToken::new());
        let task = tokio::spawn(service.run(drain.clone()));
        Mailing { drain, task, admin }
    }

    pub(crate) async fn publish(&self, event: &Event) {
        self.bus.publish(event, &TraceParent::start(), Duration::from_secs(5)).await.unwrap();
    }

    pub(crate) async fn ask(&self, ask: &Ask) {
        self.publish(&ask.event()).await;
    }

    /// Delivers the waiting requests once without anybody working on them, as a mailer that crashed leaves them.
    pub(crate) async fn deliver_in_vain(&self, count: usize) {
        let consumer = self.bus.mailer_consumer(&CancellationToken::new()).await.unwrap();
        let messages = consumer.batch().max_messages(count).expires(PATIENCE).messages().await.unwrap();
        let messages: Vec<_> = messages.collect().await;
        assert_eq!(messages.len(), count);
        for message in messages {
            message.unwrap().ack_with(async_nats::jetstream::AckKind::Nak(None)).await.unwrap();
        }
    }

    pub(crate) async fn events(&self, id: &VerificationId) -> Vec<Event> {
        let recorded = timeline::read(&self.bus, id, 0).await.unwrap();
        recorded.iter().map(|event| Event::from_json(&event.payload).unwrap()).collect()
    }

    pub(crate) async fn kinds(&self, id: &VerificationId) -> Vec<EventKind> {
        self.events(id).await.iter().map(Event::kind).collect()
    }

    /// Waits until an event of this kind is recorded.
    pub(crate) async fn until(&self, id: &VerificationId, kind: EventKind) -> Event {
        let what = format!("{kind} of {id}");
        eventually(&what, async || self.events(id).await.into_iter().find(|event| event.kind() == kind)).await
    }

    /// Waits until no request is left.
    pub(crate) async fn until_empty(&self) {
        eventually("no request left", async || {
            let mut stream = self.bus.jetstream().get_stream(stream::REQUESTS).await.ok()?;
            (stream.info().await.ok()?.state.messages == 0).then_some(())
        })
        .await;
    }

    pub(crate) async fn dead_letter(&self, id: &VerificationId) -> Option<DeadLetter> {
        let stream = self.bus.jetstream().get_stream(stream::DEAD).await.unwrap();
        let message = stream.get_last_raw_message_by_subject(&subject::dead_letter(id)).await.ok()?;
        Some(serde_json::from_slice(&message.payload).unwrap())
    }
}

fn read(variables: &HashMap<String, String>) -> MailerSettings {
    let mut settings = Settings::new(variables);
    let read = MailerSettings::read(&mut settings);
    settings.finish(read).unwrap()
}

impl Mailing {
    /// Drains and waits for the end.
    pub(crate) async fn stop(self) {
        self.drain.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("the mailer drains").unwrap().unwrap();
    }

    pub(crate) fn drain(&self) {
        self.drain.cancel();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.is_err());
    }

    /// The answer of the admin port, status line and all.
    pub(crate) async fn admin(&self, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(self.admin).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// Asks again and again until there is an answer.
pub(crate) async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, ask).await.unwrap_or_else(|| panic!("not in time: {what}"))
}
