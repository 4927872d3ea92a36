//! A WebSocket client that expects things.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use otp_nats::VerificationId;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Response};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::world::{PATIENCE, ticket};

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let (client, response) = Self::try_connect(address, &[("sec-websocket-protocol", "otp.v1")]).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "otp.v1");
        client
    }

    pub(crate) async fn try_connect(
        address: SocketAddr,
        headers: &[(&'static str, &'static str)],
    ) -> Result<(Self, Response<Option<Vec<u8>>>), Box<Error>> {
        let mut request = format!("ws://{address}/v1/events").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let stream = TcpStream::connect(address).await.unwrap();
        let (socket, response) = timeout(PATIENCE, client_async(request, stream)).await.unwrap()?;
        Ok((Self { socket }, response))
    }

    /// Connected and subscribed with a fresh ticket.
    pub(crate) async fn watching(address: SocketAddr, id: &VerificationId) -> Self {
        let mut client = Self::connect(address).await;
        client.subscribe(id, &ticket(id), None).await;
        client
    }

    pub(crate) async fn subscribe(&mut self, id: &VerificationId, ticket: &str, after: Option<u64>) {
        let mut message = json!({"type": "subscribe", "id": id, "ticket": ticket});
        if let Some(after) = after {
            message["after"] = json!(after);
        }
        self.say(&message.to_string()).await;
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        timeout(PATIENCE, self.socket.send(message)).await.unwrap().unwrap();
    }

    /// The next frame's JSON; pings are passed over.
    pub(crate) async fn next(&mut self) -> Value {
        match self.next_message().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("not a text frame: {other:?}"),
        }
    }

    /// The next events as (sequence, name).
    pub(crate) async fn events(&mut self, count: usize) -> Vec<(u64, String)> {
        let mut events = Vec::new();
        while events.len() < count {
            let event = self.next().await;
            assert_eq!(event["type"], "event", "{event}");
            events.push((event["seq"].as_u64().unwrap(), event["event"].as_str().unwrap().to_owned()));
        }
        events
    }

    pub(crate) async fn expect_error(&mut self, code: &str) -> Value {
        let frame = self.next().await;
        assert_eq!((&frame["type"], &frame["code"]), (&json!("error"), &json!(code)), "{frame}");
        frame
    }

    /// Nothing but this close comes.
    pub(crate) async fn expect_close(&mut self, code: u16) {
        match self.next_message().await {
            Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), code, "{frame:?}"),
            other => panic!("not a close frame: {other:?}"),
        }
    }

    async fn next_message(&mut self) -> Message {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("a frame in time").expect("a frame").unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }
}

/// Pairs as [`Client::events`] gives them.
pub(crate) fn pairs(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    expected.iter().map(|(seq, event)| (*seq, (*event).to_owned())).collect()
}
