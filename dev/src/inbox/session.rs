//! One SMTP conversation (RFC 5321) as a state machine: lines in, replies out, no I/O.
//!
//! mailin, the crate for this, is not used: its EHLO answer can't be extended (no PIPELINING, SIZE or SMTPUTF8), and
//! it takes the null sender `MAIL FROM:<>` and every parameter but BODY for a syntax error.

use std::sync::Arc;

use super::command::{Command, Misread};
use super::fault::{AskedFault, Deferrals};
use super::lines::Line;
use super::mailbox::Mailbox;
use super::replies::Replies;
use super::script::{Fault, Script, Verb};
use super::tally::Tally;

/// Octets of a message; the EHLO answer says the same. A verification mail has some thousand.
pub(super) const MESSAGE_OCTETS_MAX: usize = 1_048_576;

/// Recipients of a message: the least that RFC 5321 §4.5.3.1.8 allows as a limit.
const RECIPIENTS_MAX: usize = 100;

/// Said when the connection opens.
const GREETING: &str = "220 inbox.test ESMTP development inbox\r\n";
/// Said when there are too many connections.
pub(super) const BUSY: &str = "421 4.3.2 too many connections\r\n";
/// Said when a client was silent for too long.
pub(super) const IDLE: &str = "421 4.4.2 idle for too long\r\n";
/// Said when the inbox stops.
pub(super) const STOPPING: &str = "421 4.3.2 the inbox is stopping\r\n";

const TLS_EXTENSION: &str = "250-STARTTLS\r\n";
const EXTENSIONS: &str = "250-PIPELINING\r\n250-SIZE 1048576\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
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
    /// The connection is reset.
    Reset,
    /// A reply without end.
    Flood,
    /// Octets that make no sense, whatever comes next.
    Garble,
}

/// What all sessions share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Where accepted messages go.
    pub(super) mailbox: Arc<Mailbox>,
    /// The counts behind `defer-once` and `defer-twice`.
    pub(super) deferrals: Deferrals,
    /// What goes wrong.
    pub(super) script: Script,
    /// Counts what is kept.
    pub(super) tally: Tally,
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
    fault: Option<AskedFault>,
}

#[derive(Debug)]
struct Body {
    raw: Vec<u8>,
    /// The reply after the final dot, where it is a refusal.
    refusal: Option<&'static str>,
    /// Whether the line before ended in CR LF: only then does a dot end the message, or else mail could be smuggled.
    after_crlf: bool,
    /// Whether a line of it has come.
    has_begun: bool,
}

impl Session {
    /// A conversation at its start.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, greeted: false, envelope: None, body: None }
    }

    /// Speaks first.
    pub(super) fn open(&self, replies: &mut Replies) -> Then {
        self.unless_scripted(Verb::Greeting, None, replies, |replies| {
            replies.say(GREETING);
            Then::Listen
        })
    }

    /// Takes a line, appends what is to be replied, and says how to go on.
    pub(super) fn take(&mut self, line: &Line<'_>, replies: &mut Replies) -> Then {
        replies.after_a_line(|replies| {
            if self.body.is_some() {
                return self.take_body(line, replies);
            }
            match line {
                Line::Whole(line) => match Command::parse(line) {
                    Ok(command) => return self.hear(&command, replies),
                    Err(misread) => replies.say(misread_reply(misread)),
                },
                Line::BareLineFeed => replies.say("500 5.5.2 a line ends in CR LF\r\n"),
                Line::TooLong => replies.say("500 5.5.2 line too long\r\n"),
            }
            Then::Listen
        })
    }

    /// What the script has for this case; else the usual.
    fn unless_scripted(
        &self,
        at: Verb,
        to: Option<&str>,
        replies: &mut Replies,
        usual: impl FnOnce(&mut Replies) -> Then,
    ) -> Then {
        match self.shared.script.fault(at, to) {
            Some(fault) => replies.go_wrong(&fault, usual),
            None => usual(replies),
        }
    }

    fn take_body(&mut self, line: &Line<'_>, replies: &mut Replies) -> Then {
        let Some(body) = &mut self.body else { return Then::Close };
        if self.envelope.as_ref().is_some_and(|envelope| envelope.fault == Some(AskedFault::DropInData)) {
            return Then::Close;
        }
        let begins = !std::mem::replace(&mut body.has_begun, true);
        if !body.take(line) {
            return self.finish(replies);
        }
        if begins {
            let to = self.envelope.as_ref().and_then(Envelope::last_recipient);
            return self.unless_scripted(Verb::Body, to, replies, |_| Then::Listen);
        }
        Then::Listen
    }

    /// Obeys a command, unless the script has something else for it.
    fn hear(&mut self, command: &Command<'_>, replies: &mut Replies) -> Then {
        let (at, to) = match command {
            Command::Hello | Command::ExtendedHello => (Verb::Ehlo, None),
            Command::StartTls => (Verb::StartTls, None),
            Command::Mail { .. } => (Verb::Mail, None),
            Command::Recipient { to } => (Verb::Rcpt, Some(*to)),
            Command::Data => (Verb::Data, self.envelope.as_ref().and_then(Envelope::last_recipient)),
            Command::Reset => (Verb::Rset, None),
            Command::Quit => (Verb::Quit, None),
            Command::Noop | Command::Verify | Command::Help => return self.obey(command, replies),
        };
        match self.shared.script.fault(at, to) {
            Some(Fault::Bare) => self.obey(&Command::Hello, replies),
            Some(fault) => replies.go_wrong(&fault, |replies| self.obey(command, replies)),
            None => self.obey(command, replies),
        }
    }

    fn obey(&mut self, command: &Command<'_>, replies: &mut Replies) -> Then {
        match command {
            Command::Hello => {
                self.greet();
                replies.say("250 inbox.test\r\n");
            }
            Command::ExtendedHello => {
                self.greet();
                replies.say("250-inbox.test\r\n");
                if self.shared.script.offers_tls() {
                    replies.say(TLS_EXTENSION);
                }
                replies.say(EXTENSIONS);
            }
            Command::StartTls if self.shared.script.offers_tls() => replies.say("454 4.7.0 no TLS now\r\n"),
            Command::StartTls => replies.say(misread_reply(Misread::Unknown)),
            Command::Mail { from, size_octets, utf8 } => replies.say(self.mail(from, *size_octets, *utf8)),
            Command::Recipient { to } => match self.recipient(to) {
                Some(text) => replies.say(text),
                None => return Then::Hang,
            },
            Command::Data => replies.say(self.data()),
            Command::Reset => {
                self.envelope = None;
                replies.say("250 2.0.0 forgotten\r\n");
            }
            Command::Noop => replies.say("250 2.0.0 fine\r\n"),
            Command::Verify => replies.say("252 2.5.2 send some mail and see\r\n"),
            Command::Help => replies.say("214 2.0.0 RFC 5321; the faults stand in the inbox's documentation\r\n"),
            Command::Quit => {
                replies.say("221 2.0.0 bye\r\n");
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
        let fault = AskedFault::of(to);
        let deferred = "451 4.7.1 try again later\r\n";
        match fault {
            Some(AskedFault::Refuse) => return Some("550 5.1.1 no such mailbox\r\n"),
            Some(AskedFault::Defer) => return Some(deferred),
            Some(AskedFault::DeferFirst(times)) if self.shared.deferrals.defer(to, times) => return Some(deferred),
            Some(AskedFault::Hang) => return None,
            Some(AskedFault::DropInData | AskedFault::DropAfterData | AskedFault::RejectData) => envelope.fault = fault,
            Some(AskedFault::DeferFirst(_)) | None => {}
        }
        envelope.to.push(to.to_owned());
        Some("250 2.1.5 recipient ok\r\n")
    }

    fn data(&mut self) -> &'static str {
        match &self.envelope {
            None => "503 5.5.1 MAIL first\r\n",
            Some(envelope) if envelope.to.is_empty() => "554 5.5.1 no valid recipients\r\n",
            Some(_) => {
                self.body = Some(Body::default());
                "354 end with CR LF . CR LF\r\n"
            }
        }
    }

    /// Ends a message after its final dot.
    fn finish(&mut self, replies: &mut Replies) -> Then {
        let (Some(body), Some(envelope)) = (self.body.take(), self.envelope.take()) else { return Then::Close };
        let to = envelope.last_recipient().map(str::to_owned);
        self.unless_scripted(Verb::Dot, to.as_deref(), replies, |replies| {
            if let Some(refusal) = body.refusal {
                replies.say(refusal);
            } else if envelope.fault == Some(AskedFault::RejectData) {
                replies.say("554 5.6.0 refused as asked\r\n");
            } else {
                return self.keep(body, envelope, replies);
            }
            Then::Listen
        })
    }

    fn keep(&self, body: Body, envelope: Envelope, replies: &mut Replies) -> Then {
        let to = envelope.last_recipient().unwrap_or_default().to_owned();
        let receipt = self.shared.tally.kept(&body.raw, &to);
        let id = self.shared.mailbox.keep(envelope.from, envelope.to, body.raw);
        if envelope.fault == Some(AskedFault::DropAfterData) {
            return Then::Close;
        }
        self.unless_scripted(Verb::Kept, Some(&to), replies, |replies| {
            replies.say("250 2.0.0 kept as ");
            replies.say(&id);
            replies.say("\r\n");
            replies.receipts.extend(receipt);
            Then::Listen
        })
    }
}

impl Envelope {
    fn last_recipient(&self) -> Option<&str> {
        self.to.last().map(String::as_str)
    }
}

impl Default for Body {
    fn default() -> Self {
        Self { raw: Vec::with_capacity(4096), refusal: None, after_crlf: true, has_begun: false }
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
