//! One SMTP conversation (RFC 5321) as a state machine: lines in, replies out, no I/O.
//!
//! mailin, the crate for this, is not used: its EHLO answer can't be extended (no PIPELINING, SIZE or SMTPUTF8), and
//! it takes the null sender `MAIL FROM:<>` and every parameter but BODY for a syntax error.

use std::sync::Arc;

use super::command::{Command, Misread};
use super::fault::{Deferrals, Fault};
use super::lines::Line;
use super::mailbox::Mailbox;

/// Octets of a message; the EHLO answer says the same. A verification mail has some thousand.
pub(super) const MESSAGE_OCTETS_MAX: usize = 1_048_576;

/// Recipients of a message: the least that RFC 5321 §4.5.3.1.8 allows as a limit.
const RECIPIENTS_MAX: usize = 100;

/// Said when the connection opens.
pub(super) const GREETING: &str = "220 inbox.test ESMTP development inbox\r\n";
/// Said when there are too many connections.
pub(super) const BUSY: &str = "421 4.3.2 too many connections\r\n";
/// Said when a client was silent for too long.
pub(super) const IDLE: &str = "421 4.4.2 idle for too long\r\n";
/// Said when the inbox stops.
pub(super) const STOPPING: &str = "421 4.3.2 the inbox is stopping\r\n";

const EXTENSIONS: &str = "250-inbox.test\r\n250-PIPELINING\r\n250-SIZE 1048576\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
                          250 ENHANCEDSTATUSCODES\r\n";
const TOO_BIG: &str = "552 5.3.4 message too big\r\n";

/// What follows a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The conversation goes on.
    Listen,
    /// No reply, for long.
    Hang,
    /// The connection closes once the replies are sent.
    Close,
}

/// What all sessions share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Where accepted messages go.
    pub(super) mailbox: Arc<Mailbox>,
    /// The counts behind `defer-once` and `defer-twice`.
    pub(super) deferrals: Deferrals,
}

/// A conversation.
#[derive(Debug)]
pub(super) struct Session {
    shared: Arc<Shared>,
    greeted: bool,
    envelope: Option<Envelope>,
    body: Option<Body>,
}

#[derive(Debug, Default)]
struct Envelope {
    from: String,
    utf8: bool,
    to: Vec<String>,
    fault: Option<Fault>,
}

#[derive(Debug)]
struct Body {
    raw: Vec<u8>,
    /// The reply after the final dot, where it is a refusal.
    refusal: Option<&'static str>,
    /// Whether the line before ended in CR LF: only then does a dot end the message, or else mail could be smuggled.
    after_crlf: bool,
}

impl Session {
    /// A conversation at its start.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, greeted: false, envelope: None, body: None }
    }

    /// Takes a line, appends what is to be replied, and says how to go on.
    pub(super) fn take(&mut self, line: &Line<'_>, replies: &mut Vec<u8>) -> Then {
        let mut reply = |text: &str| replies.extend_from_slice(text.as_bytes());
        if let Some(body) = &mut self.body {
            if self.envelope.as_ref().is_some_and(|envelope| envelope.fault == Some(Fault::DropInData)) {
                return Then::Close;
            }
            if body.take(line) { Then::Listen } else { self.finish(reply) }
        } else {
            match line {
                Line::Whole(line) => match Command::parse(line) {
                    Ok(command) => self.obey(&command, reply),
                    Err(misread) => {
                        reply(misread_reply(misread));
                        Then::Listen
                    }
                },
                Line::BareLineFeed => {
                    reply("500 5.5.2 a line ends in CR LF\r\n");
                    Then::Listen
                }
                Line::TooLong => {
                    reply("500 5.5.2 line too long\r\n");
                    Then::Listen
                }
            }
        }
    }

    fn obey(&mut self, command: &Command<'_>, mut reply: impl FnMut(&str)) -> Then {
        match command {
            Command::Hello => {
                self.greet();
                reply("250 inbox.test\r\n");
            }
            Command::ExtendedHello => {
                self.greet();
                reply(EXTENSIONS);
            }
            Command::Mail { from, size_octets, utf8 } => reply(self.mail(from, *size_octets, *utf8)),
            Command::Recipient { to } => match self.recipient(to) {
                Some(text) => reply(text),
                None => return Then::Hang,
            },
            Command::Data => reply(self.data()),
            Command::Reset => {
                self.envelope = None;
                reply("250 2.0.0 forgotten\r\n");
            }
            Command::Noop => reply("250 2.0.0 fine\r\n"),
            Command::Verify => reply("252 2.5.2 send some mail and see\r\n"),
            Command::Help => reply("214 2.0.0 RFC 5321; the faults stand in the inbox's documentation\r\n"),
            Command::Quit => {
                reply("221 2.0.0 bye\r\n");
                return Then::Close;
            }
        }
        Then::Listen
    }

    fn greet(&mut self) {
        self.greeted = true;
        self.envelope = None;
    }

    fn mail(&mut self, from: &str, size_octets: Option<u64>, utf8: bool) -> &'static str {
        if !self.greeted || self.envelope.is_some() {
            return "503 5.5.1 not now\r\n";
        }
        if size_octets.is_some_and(|octets| octets > MESSAGE_OCTETS_MAX as u64) {
            return TOO_BIG;
        }
        if !utf8 && !from.is_ascii() {
            return "553 5.6.7 needs SMTPUTF8\r\n";
        }
        self.envelope = Some(Envelope { from: from.to_owned(), utf8, ..Envelope::default() });
        "250 2.1.0 sender ok\r\n"
    }

    /// The reply, or `None` where there is to be none.
    fn recipient(&mut self, to: &str) -> Option<&'static str> {
        let Some(envelope) = &mut self.envelope else { return Some("503 5.5.1 MAIL first\r\n") };
        if envelope.to.len() >= RECIPIENTS_MAX {
            return Some("452 4.5.3 too many recipients\r\n");
        }
        if !envelope.utf8 && !to.is_ascii() {
            return Some("553 5.6.7 needs SMTPUTF8\r\n");
        }
        let fault = Fault::of(to);
        let deferred = "451 4.7.1 try again later\r\n";
        match fault {
            Some(Fault::Refuse) => return Some("550 5.1.1 no such mailbox\r\n"),
            Some(Fault::Defer) => return Some(deferred),
            Some(Fault::DeferFirst(times)) if self.shared.deferrals.defer(to, times) => return Some(deferred),
            Some(Fault::Hang) => return None,
            Some(Fault::DropInData | Fault::DropAfterData | Fault::RejectData) => envelope.fault = fault,
            Some(Fault::DeferFirst(_)) | None => {}
        }
        envelope.to.push(to.to_owned());
        Some("250 2.1.5 recipient ok\r\n")
    }

    fn data(&mut self) -> &'static str {
        match &self.envelope {
            None => "503 5.5.1 MAIL first\r\n",
            Some(envelope) if envelope.to.is_empty() => "554 5.5.1 no valid recipients\r\n",
            Some(_) => {
                self.body = Some(Body { raw: Vec::with_capacity(4096), refusal: None, after_crlf: true });
                "354 end with CR LF . CR LF\r\n"
            }
        }
    }

    /// Ends a message after its final dot.
    fn finish(&mut self, mut reply: impl FnMut(&str)) -> Then {
        let (Some(body), Some(envelope)) = (self.body.take(), self.envelope.take()) else { return Then::Close };
        if let Some(refusal) = body.refusal {
            reply(refusal);
        } else if envelope.fault == Some(Fault::RejectData) {
            reply("554 5.6.0 refused as asked\r\n");
        } else {
            let id = self.shared.mailbox.keep(envelope.from, envelope.to, body.raw);
            if envelope.fault == Some(Fault::DropAfterData) {
                return Then::Close;
            }
            reply("250 2.0.0 kept as ");
            reply(&id);
            reply("\r\n");
        }
        Then::Listen
    }
}

impl Body {
    /// Takes a line; false at the final dot.
    fn take(&mut self, line: &Line<'_>) -> bool {
        let after_crlf = std::mem::replace(&mut self.after_crlf, *line != Line::BareLineFeed);
        match line {
            Line::Whole(b".") if after_crlf => return false,
            Line::Whole(text) => self.append(text.strip_prefix(b".").unwrap_or(text)),
            Line::BareLineFeed => self.refuse("554 5.6.0 bare line feed in the message\r\n"),
            Line::TooLong => self.refuse("554 5.6.0 line too long in the message\r\n"),
        }
        true
    }

    fn append(&mut self, text: &[u8]) {
        if self.refusal.is_some() {
            return;
        }
        if self.raw.len() + text.len() + 2 > MESSAGE_OCTETS_MAX {
            self.refuse(TOO_BIG);
        } else {
            self.raw.extend_from_slice(text);
            self.raw.extend_from_slice(b"\r\n");
        }
    }

    fn refuse(&mut self, refusal: &'static str) {
        self.refusal = Some(refusal);
        self.raw = Vec::new();
    }
}

fn misread_reply(misread: Misread) -> &'static str {
    match misread {
        Misread::Unknown => "500 5.5.1 unknown command\r\n",
        Misread::Arguments => "501 5.5.4 wrong arguments\r\n",
        Misread::Parameter => "555 5.5.4 parameter not offered\r\n",
    }
}
