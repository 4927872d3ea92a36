//! One call of a script, as it goes to a server, and the names of keys.

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
    keys: Vec<String>,
    arguments: Vec<String>,
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
    pub(super) const fn new(script: &'static Script) -> Self {
        Self { script, keys: Vec::new(), arguments: Vec::new() }
    }

    pub(super) fn key(mut self, key: String) -> Self {
        self.keys.push(key);
        self
    }

    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts read alike where calls are built")]
    pub(super) fn arg(mut self, argument: impl ToString) -> Self {
        self.arguments.push(argument.to_string());
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
        self.keys.first().map_or("", String::as_str)
    }

    /// The script's name.
    pub(super) const fn name(&self) -> &'static str {
        self.script.name()
    }

    /// The call as a command.
    pub(super) fn command(&self, sending: Sending) -> Cmd {
        let mut command = if sending.with_text { redis::cmd("EVAL") } else { redis::cmd("EVALSHA") };
        command.arg(if sending.with_text { self.script.text() } else { self.script.hash() });
        command.arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
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

pub(super) fn slot_key(id: &VerificationId, kind: &str, rest: &str) -> String {
    format!("otp:{{{}}}:{kind}{rest}", id.tag())
}

pub(super) fn verification_key(id: &VerificationId) -> String {
    slot_key(id, "v:", suffix(id))
}

/// Where a recipient is noted who wants no mails for a while.
pub(super) fn pause_key(id: &VerificationId) -> String {
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
