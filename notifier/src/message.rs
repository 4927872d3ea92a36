//! What clients say, what they are told when it is wrong, and how connections end.

use otp_nats::VerificationId;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// A client's message. Members that are not known are ignored, a `type` that is not known is a fault.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum ClientMessage {
    /// Asks for one verification's events.
    Subscribe {
        /// The verification.
        id: VerificationId,
        /// Proof that the client may; never logged.
        ticket: String,
        /// The client has everything up to this sequence, `requested` (0) included.
        #[serde(default)]
        after: Option<u64>,
    },
    /// Asks for no more of them.
    Unsubscribe {
        /// The verification.
        id: VerificationId,
    },
}

impl ClientMessage {
    /// Reads a text frame; `None` when it is no message of the protocol.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// The codes of `error` frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    /// No JSON, no known `type`, a member is missing or of the wrong form.
    BadMessage,
    /// Not a ticket for this verification.
    BadTicket,
    /// The verification is over.
    TicketExpired,
    /// Sixteen are open.
    TooManySubscriptions,
    /// This one is open.
    AlreadySubscribed,
    /// Nothing was subscribed to in time.
    SubscribeTimeout,
    /// The timeline cannot be read now.
    Unavailable,
}

impl ErrorCode {
    /// The code as frames spell it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::BadMessage => "bad-message",
            Self::BadTicket => "bad-ticket",
            Self::TicketExpired => "ticket-expired",
            Self::TooManySubscriptions => "too-many-subscriptions",
            Self::AlreadySubscribed => "already-subscribed",
            Self::SubscribeTimeout => "subscribe-timeout",
            Self::Unavailable => "unavailable",
        }
    }

    /// The frame.
    pub(crate) fn frame(self, id: Option<&VerificationId>) -> Utf8Bytes {
        let code = self.as_str();
        match id {
            Some(id) => format!(r#"{{"type":"error","code":"{code}","id":"{id}"}}"#).into(),
            None => format!(r#"{{"type":"error","code":"{code}"}}"#).into(),
        }
    }
}

/// Why the server closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    /// No subscription is left.
    Over,
    /// The peer said goodbye.
    Peer,
    /// No pong came.
    NoPong,
    /// A frame broke RFC 6455.
    Protocol,
    /// A binary frame.
    Binary,
    /// A text frame that is no UTF-8.
    NotUtf8,
    /// Nothing was subscribed to in time.
    SubscribeTimeout,
    /// Too many bad messages or tickets.
    TooManyFaults,
    /// Too many messages altogether.
    TooManyMessages,
    /// A message beyond the bound.
    TooBig,
    /// The service stops.
    Restart,
    /// The client does not keep up.
    Slow,
    /// The timeline cannot be read now.
    Unavailable,
    /// The connection broke.
    Lost,
}

impl Closing {
    /// All of them.
    pub(crate) const ALL: [Self; 14] = [
        Self::Over,
        Self::Peer,
        Self::NoPong,
        Self::Protocol,
        Self::Binary,
        Self::NotUtf8,
        Self::SubscribeTimeout,
        Self::TooManyFaults,
        Self::TooManyMessages,
        Self::TooBig,
        Self::Restart,
        Self::Slow,
        Self::Unavailable,
        Self::Lost,
    ];

    /// The close code and the reason that goes with it; `None` when nobody is there to read it.
    pub(crate) const fn code(self) -> Option<(CloseCode, &'static str)> {
        Some(match self {
            Self::Over => (CloseCode::Normal, "over"),
            Self::NoPong => (CloseCode::Away, "no pong"),
            Self::Protocol => (CloseCode::Protocol, "protocol error"),
            Self::Binary => (CloseCode::Unsupported, "text frames only"),
            Self::NotUtf8 => (CloseCode::Invalid, "not UTF-8"),
            Self::SubscribeTimeout => (CloseCode::Policy, "no subscription in time"),
            Self::TooManyFaults => (CloseCode::Policy, "too many bad messages"),
            Self::TooManyMessages => (CloseCode::Policy, "too many messages"),
            Self::TooBig => (CloseCode::Size, "message too big"),
            Self::Restart => (CloseCode::Restart, "restarting"),
            Self::Slow => (CloseCode::Again, "too slow"),
            Self::Unavailable => (CloseCode::Again, "try again"),
            Self::Peer | Self::Lost => return None,
        })
    }

    /// The close frame.
    pub(crate) fn frame(self) -> Option<CloseFrame> {
        self.code().map(|(code, reason)| CloseFrame { code, reason: Utf8Bytes::from_static(reason) })
    }

    /// The name that metrics give it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Peer => "peer",
            Self::NoPong => "no-pong",
            Self::Protocol => "protocol",
            Self::Binary => "binary",
            Self::NotUtf8 => "not-utf8",
            Self::SubscribeTimeout => "subscribe-timeout",
            Self::TooManyFaults => "too-many-faults",
            Self::TooManyMessages => "too-many-messages",
            Self::TooBig => "too-big",
            Self::Restart => "restart",
            Self::Slow => "slow",
            Self::Unavailable => "unavailable",
            Self::Lost => "lost",
        }
    }
}

#[cfg(test)]
mod tests;
