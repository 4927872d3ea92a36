//! A bus, keys and notifiers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use otp_nats::bus::{Bus, BusMetrics, BusSettings};
use otp_nats::event::Body;
use otp_nats::id::IdParts;
use otp_nats::keys::KeyList;
use otp_nats::settings::Settings;
use otp_nats::testing::TestServer;
use otp_nats::ticket::Ticket;
use otp_nats::trace::TraceParent;
use otp_nats::{Event, Timestamp, VerificationId};
use otp_notifier::{Notifier, NotifierSettings, Times};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const TICKET_KEYS: &str = "t1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub(crate) struct World {
    pub(crate) nats: TestServer,
    pub(crate) bus: Bus,
}

impl World {
    pub(crate) async fn start() -> Self {
        let nats = TestServer::nats().unwrap();
        let environment = HashMap::from([("OTP_NATS_URL", nats.url("nats"))]);
        let mut settings = Settings::new(&environment);
        let settings = BusSettings::read(&mut settings).unwrap();
        let bus = Bus::connect("test", &settings, BusMetrics::new(&mut Registry::default())).await.unwrap();
        timeout(PATIENCE, bus.ensure_streams(&CancellationToken::new())).await.unwrap().unwrap();
        Self { nats, bus }
    }

    pub(crate) fn settings(&self, more: &[(&'static str, &str)]) -> NotifierSettings {
        let mut variables = HashMap::from([
            ("OTP_NATS_URL", self.nats.url("nats")),
            ("OTP_LISTEN", "127.0.0.1:0".to_owned()),
            ("OTP_ADMIN_LISTEN", "127.0.0.1:0".to_owned()),
            ("OTP_TICKET_KEYS", TICKET_KEYS.to_owned()),
            ("OTP_ALLOWED_ORIGINS", "https://app.example.com".to_owned()),
        ]);
        variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut settings = Settings::new(&variables);
        let read = NotifierSettings::read(&mut settings);
        settings.finish(read).unwrap()
    }

    /// A notifier that is ready.
    pub(crate) async fn notifier(&self, more: &[(&'static str, &str)]) -> Running {
        self.notifier_at(more, Times::default()).await
    }

    pub(crate) async fn notifier_at(&self, more: &[(&'static str, &str)], times: Times) -> Running {
        let running = Running::start(NotifierSettings { times, ..self.settings(more) }).await;
        running.ready().await;
        running
    }

    /// Publishes an event and gives its sequence.
    pub(crate) async fn publish(&self, id: VerificationId, generation: u32, body: Body) -> u64 {
        let event = Event { id, at: Timestamp::now(), generation, body };
        self.bus.publish(&event, &TraceParent::start(), PATIENCE).await.unwrap().seq
    }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(settings: NotifierSettings) -> Self {
        let notifier = Notifier::bind(settings).await.unwrap();
        let (address, admin, stop) = (notifier.address(), notifier.admin_address(), CancellationToken::new());
        let told = stop.clone();
        let task = tokio::spawn(async move { notifier.run(told).await.unwrap() });
        Self { address, admin, stop, task }
    }

    pub(crate) async fn ready(&self) {
        self.until(|| async { self.admin_get("/ready").await.starts_with("HTTP/1.1 200") }).await;
    }

    pub(crate) async fn stopped(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }

    pub(crate) async fn admin_get(&self, path: &str) -> String {
        http(self.admin, &format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")).await
    }

    /// A metric's value, summed over its labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.admin_get("/metrics").await;
        let lines = text.lines().filter(|line| line.starts_with(name) && !line.starts_with('#'));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    pub(crate) async fn until<F: Future<Output = bool>>(&self, condition: impl Fn() -> F) {
        let deadline = Instant::now() + PATIENCE;
        while !condition().await {
            assert!(Instant::now() < deadline, "the condition does not come true");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Sends this and gives all that comes back.
pub(crate) async fn http(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) fn keys() -> KeyList {
    TICKET_KEYS.parse().unwrap()
}

pub(crate) fn fresh_id() -> VerificationId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut nonce = [7; 10];
    nonce[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    VerificationId::from_parts(&IdParts { tag: [1; 10], nonce, check: [2; 5] })
}

pub(crate) fn ticket(id: &VerificationId) -> String {
    ticket_for(id, Duration::from_secs(300))
}

pub(crate) fn ticket_for(id: &VerificationId, life: Duration) -> String {
    let now = Timestamp::now();
    Ticket { requested_at: now, expires_at: now + life }.sign(&keys(), id)
}

pub(crate) fn sent() -> Body {
    Body::Sent { relay: "relay:25".into(), reply: "250 ok".into(), to: "a***e@example.com".into(), elapsed_ms: 7 }
}

pub(crate) fn processing(attempt: u32) -> Body {
    Body::Processing { attempt }
}
