//! One mail on a connection: MAIL, RCPT, DATA and the message.

use lettre::Address;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{MailBodyParameter, MailParameter};
use zeroize::Zeroizing;

use super::connection::{Capabilities, Connection};
use super::reply::Reply;
use super::wire::Turn;
use super::{Fault, FaultKind, Phase};

/// What ends a message.
const FINAL_DOT: &[u8] = b".\r\n";
/// Octets kept free for fields that are added above a message: the signatures of two keys.
const ROOM: usize = 1280;

/// A mail ready to go: envelope and message. Wiped when dropped.
pub struct Outgoing {
    from: Address,
    to: Address,
    /// Dots stuffed, ended by the final dot, so that one write carries all of it.
    message: Zeroizing<Vec<u8>>,
    is_ascii: bool,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("bytes", &self.message.len()).finish_non_exhaustive()
    }
}

/// How far a lost exchange had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// The server did not answer at all: an idle connection may have been dead before.
    Untouched,
    /// The server cannot have taken the mail.
    NotSent,
    /// The server had the message; whether it took it is not known.
    Unsure,
}

/// How a mail fared.
#[derive(Debug)]
pub enum Ending {
    /// The server took it over (2xx after the final dot).
    Accepted(Reply),
    /// The server refused it for good (5xx).
    Refused(Reply),
    /// The server asked to come back later (4xx).
    Busy(Reply),
    /// The server cannot take such an address or message; it was not offered.
    Unsupported(&'static str),
    /// The connection broke.
    Lost(Fault, Certainty),
}

impl Outgoing {
    /// Prepares a message (RFC 5322, any line ends) for the wire.
    pub fn new(from: Address, to: Address, message: &[u8]) -> Self {
        Self { from, to, message: Zeroizing::new(wire_form(message)), is_ascii: message.is_ascii() }
    }

    /// The domain of the address that it is from.
    pub fn sender_domain(&self) -> &str {
        self.from.domain()
    }

    /// The message as it arrives: every line ends in CRLF, and no dot is doubled.
    pub fn text(&self) -> Zeroizing<Vec<u8>> {
        let mut text = Zeroizing::new(Vec::with_capacity(self.message.len()));
        for line in Lines(self.wire()) {
            text.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            text.extend_from_slice(b"\r\n");
        }
        text
    }

    /// The message as it goes over the wire, without the final dot: as [`Outgoing::text`], but for dots doubled.
    pub(crate) fn wire(&self) -> &[u8] {
        self.message.strip_suffix(FINAL_DOT).unwrap_or(&self.message)
    }

    /// The same mail below more header fields: ASCII, none of whose lines begins with a dot, each ended by CRLF.
    #[must_use]
    pub fn with_fields(self, fields: &str) -> Self {
        let Self { from, to, mut message, is_ascii } = self;
        let (added, length) = (fields.len(), message.len());
        if message.capacity() - length < added {
            // Growing in place would leave a copy behind that nobody wipes.
            let mut roomier = Zeroizing::new(Vec::with_capacity(length + added));
            roomier.extend_from_slice(&message);
            message = roomier;
        }
        message.resize(length + added, 0);
        message.copy_within(..length, added);
        message.iter_mut().zip(fields.bytes()).for_each(|(place, byte)| *place = byte);
        Self { from, to, message, is_ascii }
    }

    /// The three commands, or why this server cannot take the mail.
    fn commands(&self, capabilities: &Capabilities) -> Result<[(Phase, String); 3], &'static str> {
        let mut parameters = Vec::new();
        if !(AsRef::<str>::as_ref(&self.to).is_ascii() && AsRef::<str>::as_ref(&self.from).is_ascii()) {
            if !capabilities.utf8 {
                return Err("the relay does not take addresses beyond ASCII (SMTPUTF8)");
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !self.is_ascii {
            if !capabilities.eight_bit {
                return Err("the relay does not take messages beyond ASCII (8BITMIME)");
            }
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok([
            (Phase::Mail, Mail::new(Some(self.from.clone()), parameters).to_string()),
            (Phase::Recipient, Rcpt::new(self.to.clone(), Vec::new()).to_string()),
            (Phase::Data, Data.to_string()),
        ])
    }
}

impl Connection {
    /// Offers a mail. The connection comes back when it can take another one.
    pub async fn send(mut self, mail: &Outgoing) -> (Ending, Option<Self>) {
        let commands = match mail.commands(&self.capabilities) {
            Ok(commands) => commands,
            Err(why) => return (Ending::Unsupported(why), Some(self)),
        };
        self.mails = self.mails.saturating_add(1);
        match self.offer(&commands).await {
            Ok(()) => {
                // A reply that is there before the message is none to it.
                if let Err(fault) = self.wire.in_turn(Phase::Body) {
                    return (Ending::Lost(fault, Certainty::NotSent), None);
                }
                match self.wire.ask(Phase::Body, &mail.message).await {
                    // The final dot ends the transaction, whatever the reply: no RSET is needed.
                    Ok(reply) => self.end_of(reply),
                    Err(fault) => (Ending::Lost(fault, Certainty::Unsure), None),
                }
            }
            // One reply too many: which of them was the answer to what is not known.
            Err(Objection::Reply { .. }) if self.wire.turn() == Turn::Overstepped => {
                let fault = Fault::new(Phase::Data, FaultKind::Lost, "the server spoke out of turn");
                (Ending::Lost(fault, Certainty::NotSent), None)
            }
            Err(Objection::Reply { reply, in_step }) => {
                let (ending, connection) = self.end_of(reply);
                match connection {
                    Some(connection) if in_step => (ending, connection.reset().await),
                    Some(_) | None => (ending, None),
                }
            }
            Err(Objection::Fault(fault, certainty)) => (Ending::Lost(fault, certainty), None),
        }
    }

    /// Says MAIL, RCPT and DATA, in one write where the server can take that (RFC 2920), and hears all the replies.
    async fn offer(&mut self, commands: &[(Phase, String); 3]) -> Result<(), Objection> {
        let pipelining = self.capabilities.pipelining;
        if pipelining {
            let together: String = commands.iter().map(|(_, command)| command.as_str()).collect();
            let said = self.wire.say(Phase::Mail, together.as_bytes()).await;
            said.map_err(|fault| Objection::Fault(fault, Certainty::Untouched))?;
        }
        let mut objection: Option<Reply> = None;
        for (phase, command) in commands {
            let reply = if pipelining {
                self.wire.reply(*phase).await
            } else {
                self.wire.ask(*phase, command.as_bytes()).await
            };
            let expected = |reply: &Reply| if *phase == Phase::Data { reply.code == 354 } else { reply.is_positive() };
            match (reply, objection.take()) {
                (Ok(reply), None) if expected(&reply) => {}
                (Ok(reply), None) if reply.code < 400 => {
                    let fault = Fault::new(*phase, FaultKind::Lost, format!("unexpected reply {}", reply.code));
                    return Err(Objection::Fault(fault, Certainty::NotSent));
                }
                (Ok(reply), None) if pipelining => objection = Some(reply),
                (Ok(reply), None) => return Err(Objection::Reply { reply, in_step: true }),
                // Pipelined behind a refusal: the server now waits for a message that there is no reason to send.
                (Ok(reply), Some(first)) if reply.code == 354 => {
                    return Err(Objection::Reply { reply: first, in_step: false });
                }
                // No server says so to DATA: the replies are out of step with the commands.
                (Ok(reply), Some(_)) if *phase == Phase::Data && reply.is_positive() => {
                    let fault = Fault::new(*phase, FaultKind::Lost, format!("unexpected reply {}", reply.code));
                    return Err(Objection::Fault(fault, Certainty::NotSent));
                }
                (Ok(_), Some(first)) => objection = Some(first),
                (Err(_), Some(first)) => return Err(Objection::Reply { reply: first, in_step: false }),
                (Err(fault), None) => {
                    let certainty = if *phase == Phase::Mail { Certainty::Untouched } else { Certainty::NotSent };
                    return Err(Objection::Fault(fault, certainty));
                }
            }
        }
        objection.map_or(Ok(()), |reply| Err(Objection::Reply { reply, in_step: true }))
    }

    /// What a complete reply means for the mail and for the connection.
    fn end_of(self, reply: Reply) -> (Ending, Option<Self>) {
        match reply.code {
            200..300 => (Ending::Accepted(reply), Some(self)),
            // "Service not available, closing transmission channel".
            421 => (Ending::Busy(reply), None),
            400..500 => (Ending::Busy(reply), Some(self)),
            500..600 => (Ending::Refused(reply), Some(self)),
            code => {
                let fault = Fault::new(Phase::Body, FaultKind::Lost, format!("unexpected reply {code}"));
                (Ending::Lost(fault, Certainty::Unsure), None)
            }
        }
    }

    /// Ends a refused transaction, so that the next one starts clean.
    async fn reset(mut self) -> Option<Self> {
        let reply = self.wire.ask(Phase::Reset, Rset.to_string().as_bytes()).await;
        reply.is_ok_and(|reply| reply.is_positive()).then_some(self)
    }
}

/// Why a mail could not be offered.
enum Objection {
    /// The server refused; `in_step` says whether every command got its reply.
    Reply {
        reply: Reply,
        in_step: bool,
    },
    Fault(Fault, Certainty),
}

/// The message as it travels: lines end in CRLF and in nothing else, a dot that opens a line is doubled, and the final
/// dot closes it (RFC 5321 §4.5.2). A bare CR or LF becomes a whole line end: what servers disagree on is what lets
/// one mail pass as two.
fn wire_form(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(message.len() + message.len() / 32 + ROOM);
    for line in Lines(message) {
        if line.first() == Some(&b'.') {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(FINAL_DOT);
    wire
}

/// The lines of a message, each ended by CRLF, CR or LF.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\r', b'\n', self.0).unwrap_or(self.0.len());
        let (line, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
        Some(line)
    }
}

#[cfg(test)]
mod tests;
