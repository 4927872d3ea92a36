//! The SMTP client (RFC 5321): one connection, its phases and their deadlines.
//!
//! lettre's commands and mechanisms, on connections of the mailer's own: lettre 0.11 keeps what a server sends ahead
//! of the TLS handshake and reads it as the reply after it, writes a mail's body and its final dot apart, sets no
//! `TCP_NODELAY`, and knows no deadline after which a connection is not used again. A [`Connection`] goes into
//! [`Connection::send`] by value and comes back only after a complete exchange, so a half-used one cannot be reused.

mod connection;
mod examine;
pub mod reply;
mod stopwatch;
mod tls;
mod transaction;
mod wire;

use std::fmt;
use std::time::Duration;

use otp_nats::event::Reason;

pub use connection::{Connection, Dialer};
pub use examine::Features;
pub use reply::Reply;
pub use stopwatch::Stopwatch;
pub use tls::TlsFault;
pub use transaction::{Certainty, Ending, Outgoing};

/// A step of a connection's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Resolving the name and opening the connection.
    Connect,
    /// Waiting for the server's first words.
    Greeting,
    /// EHLO.
    Hello,
    /// STARTTLS, and the handshake.
    Tls,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Recipient,
    /// DATA.
    Data,
    /// The mail itself, to the reply to its final dot.
    Body,
    /// RSET.
    Reset,
    /// QUIT.
    Quit,
}

impl Phase {
    /// How many there are.
    pub const COUNT: usize = Self::Quit as usize + 1;

    /// The deadline of each step. Far below what RFC 5321 §4.5.3.2 lets a relay take: a code that leaves minutes late
    /// is of no use, and another relay may be quicker. Together they stay below a minute; a request that takes longer
    /// than `ack_wait` says progress meanwhile.
    pub const fn deadline(self) -> Duration {
        Duration::from_secs(match self {
            Self::Connect | Self::Greeting | Self::Tls | Self::Login | Self::Mail | Self::Recipient => 5,
            Self::Hello | Self::Data | Self::Reset => 3,
            Self::Body => 10,
            Self::Quit => 1,
        })
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::Greeting => "greeting",
            Self::Hello => "EHLO",
            Self::Tls => "TLS",
            Self::Login => "AUTH",
            Self::Mail => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Body => "message",
            Self::Reset => "RSET",
            Self::Quit => "QUIT",
        }
    }
}

impl Phase {
    /// The name that metrics and traces use.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Greeting => "greeting",
            Self::Hello => "ehlo",
            Self::Tls => "tls",
            Self::Login => "auth",
            Self::Mail => "mail",
            Self::Recipient => "rcpt",
            Self::Data => "data",
            Self::Body => "message",
            Self::Reset => "rset",
            Self::Quit => "quit",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What kind of trouble a connection had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It could not be opened.
    Unreachable,
    /// The server did not answer in time.
    TimedOut,
    /// The server closed it or broke the protocol.
    Lost,
    /// It could not be encrypted as required.
    Tls,
    /// The server refused the credentials, or cannot take them.
    Authentication,
    /// The server asked to come back later before any mail was offered.
    Busy,
    /// The server refused to talk at all.
    Unwelcome,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Unreachable, Self::TimedOut, Self::Lost, Self::Tls, Self::Authentication, Self::Busy, Self::Unwelcome];

    /// The name that metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed-out",
            Self::Lost => "connection-lost",
            Self::Tls => "tls-failed",
            Self::Authentication => "authentication-failed",
            Self::Busy => "busy",
            Self::Unwelcome => "unwelcome",
        }
    }

    /// The reason as events tell it.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Unreachable | Self::Unwelcome => Reason::Unreachable,
            Self::TimedOut => Reason::TimedOut,
            Self::Lost => Reason::ConnectionLost,
            Self::Tls => Reason::TlsFailed,
            Self::Authentication => Reason::AuthenticationFailed,
            Self::Busy => Reason::Busy,
        }
    }
}

/// Trouble with a connection; it is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{phase}: {detail}")]
pub struct Fault {
    /// Where it happened.
    pub phase: Phase,
    /// What it was.
    pub kind: FaultKind,
    /// For the operator; holds no secret and no address.
    pub detail: String,
}

impl Fault {
    fn new(phase: Phase, kind: FaultKind, detail: impl Into<String>) -> Self {
        Self { phase, kind, detail: detail.into() }
    }

    /// From a reply that was not the hoped-for one before any mail was offered.
    fn unwelcome(phase: Phase, reply: &Reply) -> Self {
        let kind = if reply.is_permanent() { FaultKind::Unwelcome } else { FaultKind::Busy };
        Self::new(phase, kind, scrubbed(reply))
    }
}

/// A reply without addresses, for the operator.
fn scrubbed(reply: &Reply) -> String {
    otp_nats::mask::scrub_reply(&reply.to_string(), "", "", 200)
}
