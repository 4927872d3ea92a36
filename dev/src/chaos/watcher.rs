//! A client of the notifiers that comes back, wherever it can, until it has seen the end.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use otp_nats::{EventKind, VerificationId};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::promises::{Promises, Watched};

/// A connection that is not made within this time is given up.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A connection that says nothing for so long is given up: a little more than the server's ping interval of 25 s.
const SILENCE: Duration = Duration::from_secs(35);
/// Shortest and longest pause before the next connection, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 50..500;

/// A watch on one verification.
#[derive(Debug)]
pub(super) struct Watcher<'w> {
    urls: &'w [String],
    id: VerificationId,
    ticket: &'w str,
    seen: Watched,
    socket: Option<WebSocketStream<MaybeTlsStream<TcpStream>>>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Said {
    Event { seq: u64, event: EventKind },
    Error { code: String },
}

impl<'w> Watcher<'w> {
    pub(super) fn new(urls: &'w [String], id: VerificationId, ticket: &'w str) -> Self {
        Self { urls, id, ticket, seen: Watched::default(), socket: None }
    }

    /// Watches until one of these has been seen, or the time is over. What breaks the protocol is noted.
    pub(super) async fn until(&mut self, ends: fn(EventKind) -> bool, deadline: Instant, promises: &Promises) -> bool {
        self.seen.complete = false;
        while !self.seen.complete && Instant::now() < deadline {
            if self.socket.is_none() {
                self.connect().await;
            }
            match self.hear(deadline).await {
                Some(Said::Event { seq, event }) => self.note(seq, event, ends, promises),
                // The timeline can't be read just now, or the notifier is about to go.
                Some(Said::Error { code }) if code == "unavailable" => self.leave().await,
                Some(Said::Error { code }) => {
                    promises.violated(format!("a watcher of {} was told {code}", self.id));
                    break;
                }
                None => self.leave().await,
            }
        }
        self.seen.complete
    }

    /// What it has seen, and the end of watching.
    pub(super) fn finish(self, promises: &Promises) {
        promises.watched(&self.id, self.seen);
    }

    fn note(&mut self, seq: u64, event: EventKind, ends: fn(EventKind) -> bool, promises: &Promises) {
        if let Some((last, _)) = self.seen.events.last()
            && *last >= seq
        {
            promises.violated(format!("a watcher of {} was told {seq} after {last}", self.id));
        }
        self.seen.events.push((seq, event));
        self.seen.complete = ends(event);
    }

    async fn connect(&mut self) {
        let url = self.urls.get(rand::random_range(0..self.urls.len().max(1))).map_or("", String::as_str);
        let Ok(mut request) = url.into_client_request() else { return };
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("otp.v1"));
        let Ok(Ok((mut socket, _))) = timeout(CONNECT_WITHIN, tokio_tungstenite::connect_async(request)).await else {
            return;
        };
        let mut subscribe = json!({"type": "subscribe", "id": self.id, "ticket": self.ticket});
        if let (Some((last, _)), Some(members)) = (self.seen.events.last(), subscribe.as_object_mut()) {
            members.insert("after".to_owned(), json!(last));
        }
        if socket.send(Message::text(subscribe.to_string())).await.is_ok() {
            self.socket = Some(socket);
        }
    }

    /// The next thing said; `None` when the connection is over or was never there.
    async fn hear(&mut self, deadline: Instant) -> Option<Said> {
        let socket = self.socket.as_mut()?;
        loop {
            let until = deadline.min(Instant::now() + SILENCE);
            match timeout_at(until, socket.next()).await.ok()?? {
                Ok(Message::Text(text)) => return serde_json::from_str(&text).ok(),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    async fn leave(&mut self) {
        self.socket = None;
        self.seen.reconnects += 1;
        tokio::time::sleep(Duration::from_millis(rand::random_range(PAUSE_MS))).await;
    }
}
