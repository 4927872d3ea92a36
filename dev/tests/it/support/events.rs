//! A client of the notifier.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::PATIENCE;

/// A connection.
pub(crate) struct Events {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Events {
    /// Connects as a page of this origin does.
    pub(crate) async fn connect(url: &str, origin: &str) -> Self {
        let mut request = url.into_client_request().expect("a URL");
        let header = |text: &str| HeaderValue::from_str(text).expect("a header");
        request.headers_mut().insert("origin", header(origin));
        request.headers_mut().insert("sec-websocket-protocol", header("otp.v1"));
        let (socket, _) = tokio_tungstenite::connect_async(request).await.expect("connected");
        Self { socket }
    }

    /// Subscribes to a verification from what `POST /v1/verifications` answered.
    pub(crate) async fn subscribe(&mut self, accepted: &Value) {
        let message = json!({"type": "subscribe", "id": accepted["id"], "ticket": accepted["events"]["ticket"]});
        self.socket.send(Message::text(message.to_string())).await.expect("sent");
    }

    /// The next message; `None` once the server has closed.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a message in time");
            match message?.expect("a whole message") {
                Message::Text(text) => return Some(serde_json::from_str(&text).expect("JSON")),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// The names of the events up to this one, in the order of their coming.
    pub(crate) async fn until(&mut self, last: &str) -> Vec<String> {
        let mut names = Vec::new();
        while names.last().is_none_or(|name| name != last) {
            let message = self.next().await.expect("the connection stays open");
            assert_eq!(message["type"], "event", "{message}");
            names.push(message["event"].as_str().expect("a name").to_owned());
        }
        names
    }
}
