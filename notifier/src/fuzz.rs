//! Doors for the fuzz targets in `dev/`, through which they reach parsers that nobody else outside needs.

use otp_nats::event::EventError;
use serde_json::json;
use tokio_tungstenite::tungstenite::http::HeaderMap;

use crate::message::ClientMessage;
use crate::notice::Notice;
use crate::{Origins, handshake as head};

/// A client's message in one spelling; `None` when the text is none.
pub fn client_message(text: &str) -> Option<String> {
    let message = match ClientMessage::parse(text)? {
        ClientMessage::Subscribe { id, ticket, after } => {
            json!({"type": "subscribe", "id": id, "ticket": ticket, "after": after})
        }
        ClientMessage::Unsubscribe { id } => json!({"type": "unsubscribe", "id": id}),
    };
    Some(message.to_string())
}

/// The answer to a request head.
///
/// # Errors
/// The name of the refusal.
pub fn handshake(request: &[u8], origins: &Origins) -> Result<Vec<u8>, &'static str> {
    head::answer(request, origins).map_err(head::Refusal::label)
}

/// Whether a page that sends these headers may connect.
pub fn allows(origins: &Origins, headers: &HeaderMap) -> bool {
    origins.allow(headers)
}

/// The frame that tells clients of an event.
///
/// # Errors
/// As [`otp_nats::event::Envelope::from_json`].
pub fn notice(payload: &[u8]) -> Result<String, EventError> {
    Notice::read(1, payload).map(|notice| notice.frame.to_string())
}
