//! A gateway in this process with servers of its own, and a client that speaks to it.

use std::collections::HashMap;
use std::net::SocketAddr;

use otp_gateway::{Config, Server};
use otp_nats::bus::{Bus, BusMetrics, BusSettings};
use otp_nats::keys::{Key, KeyList};
use otp_nats::request::MailRequest;
use otp_nats::settings::Settings;
use otp_nats::testing::{TestServer, eventually};
use otp_nats::{Body, Event, VerificationId, stream, subject, timeline};
use reqwest::{Client, Method, Response, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Servers that gateways share.
pub(crate) struct World {
    pub(crate) nats: TestServer,
    pub(crate) redis: TestServer,
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    client: Client,
    bus: Bus,
    stop: CancellationToken,
    running: Option<JoinHandle<()>>,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The last part of the problem's type.
    pub(crate) fn problem(&self) -> &str {
        self.body["type"].as_str().and_then(|kind| kind.rsplit('/').next()).unwrap_or_default()
    }

    pub(crate) fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }

    pub(crate) fn ticket(&self) -> &str {
        self.body["events"]["ticket"].as_str().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

fn key(id: &str) -> Key {
    Key::new(id, std::array::from_fn(|index| u8::try_from(index).unwrap())).unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        Self { nats: TestServer::nats().unwrap(), redis: TestServer::redis().unwrap() }
    }

    /// A gateway with these settings over those of every test: no look-ups, no limits.
    pub(crate) async fn gateway(&self, settings: &[(&str, &str)]) -> Gateway {
        let mut variables: HashMap<String, String> = [
            ("OTP_LISTEN", "127.0.0.1:0".to_owned()),
            ("OTP_ADMIN_LISTEN", "127.0.0.1:0".to_owned()),
            ("OTP_NATS_URL", self.nats.url("nats")),
            ("OTP_REDIS_URL", self.redis.url("redis")),
            ("OTP_EVENTS_URL", "ws://events.test/v1/events".to_owned()),
            ("OTP_OPEN_MODE", "true".to_owned()),
            ("OTP_DNS_POLICY", "off".to_owned()),
            ("OTP_LIMIT_IP", "off".to_owned()),
            ("OTP_LIMIT_RECIPIENT", "off".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        for name in ["OTP_SEAL_KEYS", "OTP_TICKET_KEYS", "OTP_HASH_KEYS", "OTP_SIGNING_KEYS"] {
            variables.insert(name.to_owned(), key("k1").to_setting().to_string());
        }
        variables.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut read = Settings::new(&variables);
        let config = Config::read(&mut read);
        let config = read.finish(config).unwrap();
        let mut read = Settings::new(&variables);
        let bus_settings = BusSettings::read(&mut read).unwrap();
        let metrics = BusMetrics::new(&mut prometheus_client::registry::Registry::default());
        let bus = Bus::connect("test", &bus_settings, metrics).await.unwrap();
        let server = Server::bind(config).await.unwrap();
        let (address, admin) = (server.address().unwrap(), server.admin_address());
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { server.run(stop).await.unwrap() }
        });
        let gateway = Gateway { address, admin, client: Client::new(), bus, stop, running: Some(running) };
        gateway.becomes_ready().await;
        gateway
    }
}

impl Gateway {
    pub(crate) fn bus(&self) -> &Bus {
        &self.bus
    }

    pub(crate) async fn becomes_ready(&self) {
        eventually(|| async { self.get("/ready").await.ok().filter(|answer| answer.status() == StatusCode::OK) })
            .await
            .expect("the gateway becomes ready");
    }

    async fn get(&self, path: &str) -> reqwest::Result<Response> {
        self.client.get(format!("http://{}{path}", self.address)).send().await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn create(&self, email: &str) -> Answer {
        self.post("/v1/verifications", &json!({"email": email})).await
    }

    /// A verification that was accepted.
    pub(crate) async fn accepted(&self, email: &str) -> Answer {
        let answer = self.create(email).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        answer
    }

    pub(crate) async fn check(&self, id: &str, code: &str) -> Answer {
        self.post(&format!("/v1/verifications/{id}/check"), &json!({"code": code})).await
    }

    pub(crate) async fn resend(&self, id: &str) -> Answer {
        self.send(self.request(Method::POST, &format!("/v1/verifications/{id}/resend"))).await
    }

    pub(crate) async fn status(&self, id: &str, ticket: &str) -> Answer {
        self.send(self.request(Method::GET, &format!("/v1/verifications/{id}")).bearer_auth(ticket)).await
    }

    pub(crate) async fn cancel(&self, id: &str, ticket: &str) -> Answer {
        self.send(self.request(Method::DELETE, &format!("/v1/verifications/{id}")).bearer_auth(ticket)).await
    }

    /// The newest request of a verification on the bus.
    pub(crate) async fn requested(&self, id: &str) -> Event {
        let id: VerificationId = id.parse().unwrap();
        let requests = self.bus.jetstream().get_stream(stream::REQUESTS).await.unwrap();
        let on = subject::event(otp_nats::EventKind::Requested, &id);
        let message = requests.get_last_raw_message_by_subject(&on).await.unwrap();
        Event::from_json(&message.payload).unwrap()
    }

    /// What the mailer would read out of it.
    pub(crate) async fn mail(&self, id: &str) -> MailRequest {
        let event = self.requested(id).await;
        let Body::Requested { sealed, .. } = &event.body else { panic!("{event:?}") };
        MailRequest::open(&KeyList::single(key("k1")), &event.id, event.generation, sealed).unwrap()
    }

    pub(crate) async fn code(&self, id: &str) -> String {
        self.mail(id).await.code.expose_secret().to_owned()
    }

    /// Waits until a verification has exactly these events beside its requests.
    pub(crate) async fn has_events(&self, id: &str, names: &[&str]) {
        let id: VerificationId = id.parse().unwrap();
        let seen = eventually(|| async {
            let events = timeline::read(&self.bus, &id, 0).await.ok()?;
            let found: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
            (found == names).then_some(())
        });
        assert!(seen.await.is_some(), "{names:?} are not the events of {id}");
    }

    /// Drains and waits for the end.
    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            running.await.unwrap();
        }
    }
}

/// A code of the same length that is not this one.
pub(crate) fn wrong(code: &str) -> String {
    code.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect()
}
