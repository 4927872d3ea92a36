//! One look at a relay, for who examines a deployment: nothing is mailed.

use lettre::Address;
use lettre::transport::smtp::commands::{Mail, Rcpt, Rset};

use super::connection::Connection;
use super::reply::Reply;
use super::{Fault, Phase};

/// What a relay says that it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one keyword of an EHLO reply")]
pub struct Features {
    /// Whether the connection is encrypted.
    pub encrypted: bool,
    /// Commands may be sent together (RFC 2920).
    pub pipelining: bool,
    /// Messages beyond ASCII (RFC 6152).
    pub eight_bit: bool,
    /// Addresses beyond ASCII (RFC 6531).
    pub utf8: bool,
    /// Largest message in bytes (RFC 1870), where it says so.
    pub size: Option<u64>,
}

impl Connection {
    /// What the relay can.
    pub const fn features(&self) -> Features {
        let known = &self.capabilities;
        Features {
            encrypted: self.wire.is_encrypted(),
            pipelining: known.pipelining,
            eight_bit: known.eight_bit,
            utf8: known.utf8,
            size: known.size,
        }
    }

    /// Asks whether the relay would take a mail from this address to that one. No mail is sent. The refusal, if any.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn would_take(mut self, from: Address, to: Address) -> Result<Option<Reply>, Fault> {
        let commands = [
            (Phase::Mail, Mail::new(Some(from), Vec::new()).to_string()),
            (Phase::Recipient, Rcpt::new(to, Vec::new()).to_string()),
        ];
        let mut refusal = None;
        for (phase, command) in commands {
            let reply = self.wire.ask(phase, command.as_bytes()).await?;
            if !reply.is_positive() {
                refusal = Some(reply);
                break;
            }
        }
        self.wire.ask(Phase::Reset, Rset.to_string().as_bytes()).await?;
        self.quit().await;
        Ok(refusal)
    }
}
