//! A WebSocket client that may misbehave: any handshake, any frame, and all that comes back.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::{Asked, PATIENCE};

/// A connection to a notifier.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What the handshake was answered.
    pub(crate) response: Response,
}

/// What the server says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said {
    Event(Value),
    /// The code of an error.
    Error(String),
    /// The code of the close; `None` when the connection broke without one.
    Closed(Option<u16>),
}

impl Socket {
    /// Connects as no browser does: without `Origin`.
    pub(crate) async fn open(url: &str) -> Self {
        Self::with(url, &[("sec-websocket-protocol", "otp.v1")]).await.expect("connected")
    }

    /// Connects as [`Socket::open`] does, if somebody is there and not about to go.
    pub(crate) async fn reach(url: &str) -> Option<Self> {
        let mut request = url.into_client_request().expect("a URL");
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("otp.v1"));
        match tokio_tungstenite::connect_async(request).await {
            Ok((stream, response)) => Some(Self { stream, response }),
            // Whoever drains says so; whoever is gone refuses the connection or resets it.
            Err(Error::Http(refusal)) => {
                assert_eq!(refusal.status().as_u16(), 503);
                None
            }
            Err(Error::Io(_) | Error::Protocol(_) | Error::ConnectionClosed) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects with these headers; else the status that refused it.
    pub(crate) async fn with(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = url.into_client_request().expect("a URL");
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a header"));
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((stream, response)) => Ok(Self { stream, response }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects and subscribes to a verification from its beginning.
    pub(crate) async fn watching(url: &str, asked: &Asked) -> Self {
        let mut socket = Self::open(url).await;
        socket.subscribe(&asked.id, &asked.ticket, None).await;
        socket
    }

    pub(crate) async fn subscribe(&mut self, id: &str, ticket: &str, after: Option<u64>) {
        let mut message = json!({"type": "subscribe", "id": id, "ticket": ticket});
        if let Some(after) = after {
            message["after"] = json!(after);
        }
        self.send(Message::text(message.to_string())).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.stream.send(message).await.expect("sent");
    }

    /// The next frame as it came, or the code of the close.
    pub(crate) async fn frame(&mut self) -> Result<Value, Option<u16>> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a message in time");
            match message {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The next thing said.
    pub(crate) async fn next(&mut self) -> Said {
        let value = match self.frame().await {
            Ok(value) => value,
            Err(code) => return Said::Closed(code),
        };
        match value["type"].as_str() {
            Some("event") => Said::Event(value),
            Some("error") => Said::Error(value["code"].as_str().expect("a code").to_owned()),
            _ => panic!("{value}"),
        }
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Value {
        match self.next().await {
            Said::Event(event) => event,
            other => panic!("an event, not {other:?}"),
        }
    }

    /// All events up to the first with this name.
    pub(crate) async fn until(&mut self, name: &str) -> Vec<Value> {
        let mut events = Vec::new();
        while events.last().is_none_or(|event: &Value| event["event"] != name) {
            events.push(self.event().await);
        }
        events
    }

    /// All events up to the close, and its code.
    pub(crate) async fn rest(&mut self) -> (Vec<Value>, Option<u16>) {
        let mut events = Vec::new();
        loop {
            match self.next().await {
                Said::Event(event) => events.push(event),
                Said::Error(code) => panic!("{code} after {events:?}"),
                Said::Closed(code) => return (events, code),
            }
        }
    }
}

/// The names of events.
pub(crate) fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().expect("a name")).collect()
}

/// The positions of events.
pub(crate) fn seqs(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["seq"].as_u64().expect("a number")).collect()
}
