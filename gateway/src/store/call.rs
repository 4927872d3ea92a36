//! One call of a script, as it goes to a server, and the names of keys.

use std::fmt::{self, Display, Write as _};
use std::time::Duration;

use otp_nats::VerificationId;
use redis::Cmd;

use super::scripts::Script;
use crate::limits::Limits;

/// A script with its keys, all of one slot, and its arguments. Running it again with the same arguments changes
/// nothing and gives the same answer.
#[derive(Debug)]
pub(super) struct Call {
    script: &'static Script,
    keys: Texts,
    arguments: Texts,
}

/// Texts in one piece of memory, one behind the other: a call has some twenty short ones.
#[derive(Debug)]
struct Texts {
    all: String,
    ends: Vec<usize>,
}

impl Texts {
    /// Room for what nearly all calls have.
    fn with_capacity(count: usize, octets: usize) -> Self {
        Self { all: String::with_capacity(octets), ends: Vec::with_capacity(count) }
    }

    fn push(&mut self, text: impl Display) {
        let written = write!(self.all, "{text}");
        debug_assert!(written.is_ok(), "a string takes everything");
        self.ends.push(self.all.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.all.get(start..*end).unwrap_or_default())
    }
}

/// What is decided anew each time that a call is sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sending {
    /// When Redis is to refuse it, on its own clock in ms.
    pub(super) not_after: Option<i64>,
    /// Whether it may have been run before.
    pub(super) again: bool,
    /// Whether the server does not know the script yet.
    pub(super) with_text: bool,
}

impl Call {
    pub(super) fn new(script: &'static Script) -> Self {
        Self { script, keys: Texts::with_capacity(6, 384), arguments: Texts::with_capacity(18, 768) }
    }

    pub(super) fn key(mut self, key: impl Display) -> Self {
        self.keys.push(key);
        self
    }

    pub(super) fn arg(mut self, argument: impl Display) -> Self {
        self.arguments.push(argument);
        self
    }

    pub(super) fn limits(mut self, limits: &Limits) -> Self {
        for limit in limits.as_slice() {
            self = self.arg(limit.count).arg(millis(limit.period));
        }
        self
    }

    /// The key that decides which server the call goes to.
    pub(super) fn first_key(&self) -> &str {
        self.keys.iter().next().unwrap_or_default()
    }

    /// The script's name.
    pub(super) const fn name(&self) -> &'static str {
        self.script.name()
    }

    /// The call as a command.
    pub(super) fn command(&self, sending: Sending) -> Cmd {
        let Self { script, keys, arguments } = self;
        let (name, text) = if sending.with_text { ("EVAL", script.text()) } else { ("EVALSHA", script.hash()) };
        // What is added here comes to less than that.
        let octets = keys.all.len() + arguments.all.len() + text.len() + 64;
        let mut command = Cmd::with_capacity(keys.ends.len() + arguments.ends.len() + 5, octets);
        command.arg(name).arg(text).arg(keys.ends.len());
        for text in keys.iter().chain(arguments.iter()) {
            command.arg(text);
        }
        command.arg(i32::from(sending.again));
        command.arg(sending.not_after.map(|time| time.to_string()).unwrap_or_default());
        command
    }
}

/// Begins a call on all that a request for a verification touches: itself, what is current for its purpose, and the
/// recipient's mails and cooldown.
pub(super) fn on_request(script: &'static Script, id: &VerificationId, purpose: &str) -> Call {
    Call::new(script)
        .key(verification_key(id))
        .key(slot_key(id, "p:", purpose))
        .key(slot_key(id, "s", ""))
        .key(slot_key(id, "c", ""))
        .arg(suffix(id))
        .arg(slot_key(id, "v:", ""))
}

/// Begins a call on what another mail of a verification touches.
pub(super) fn on_resend(script: &'static Script, id: &VerificationId) -> Call {
    Call::new(script).key(verification_key(id)).key(slot_key(id, "s", "")).key(slot_key(id, "c", ""))
}

/// The name of a key in the slot of a recipient.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlotKey<'k> {
    id: &'k VerificationId,
    kind: &'static str,
    rest: &'k str,
}

impl Display for SlotKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, kind, rest } = self;
        write!(f, "otp:{{{}}}:{kind}{rest}", id.tag())
    }
}

pub(super) const fn slot_key<'k>(id: &'k VerificationId, kind: &'static str, rest: &'k str) -> SlotKey<'k> {
    SlotKey { id, kind, rest }
}

pub(super) fn verification_key(id: &VerificationId) -> SlotKey<'_> {
    slot_key(id, "v:", suffix(id))
}

/// Where a recipient is noted who wants no mails for a while.
pub(super) const fn pause_key(id: &VerificationId) -> SlotKey<'_> {
    slot_key(id, "b", "")
}

pub(super) fn suffix(id: &VerificationId) -> &str {
    id.as_str().get(otp_nats::id::TAG_LENGTH..).unwrap_or_default()
}

pub(super) fn scope_key(kind: &str, name: &str) -> String {
    format!("otp:{{{kind}-{name}}}")
}

/// What is spent today, and who spent lately.
pub(super) fn budget_keys(kind: &str, name: &str) -> [String; 2] {
    ["d", "n"].map(|part| format!("{}:{part}", scope_key(kind, name)))
}

pub(super) fn redeemed_key(name: &str) -> String {
    format!("otp:{{pow-{name}}}")
}

pub(super) fn idempotency_key(key: &str) -> String {
    format!("otp:{{idem-{key}}}")
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
