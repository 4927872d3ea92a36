//! Subjects on the bus. The grammar, and the only place that spells it:
//!
//! ```text
//! subject = "otp." event "." id      one verification's event
//!         | "otp.dead." id           a request that was given up
//! event   = "requested" | "processing" | ... (EventKind)
//! id      = 40 characters of [a-z2-7] (VerificationId)
//! ```

use crate::event::EventKind;
use crate::id::VerificationId;
use crate::text::sized;

const PREFIX: &str = "otp";
const DEAD: &str = "dead";

/// The subject of one verification's event.
pub fn event(kind: EventKind, id: &VerificationId) -> String {
    sized(64, format_args!("{PREFIX}.{kind}.{id}"))
}

/// The subject of a request that was given up.
pub fn dead_letter(id: &VerificationId) -> String {
    format!("{PREFIX}.{DEAD}.{id}")
}

/// The subject of a dead letter whose id could not be read.
pub fn dead_letter_without_id() -> String {
    format!("{PREFIX}.{DEAD}.unreadable")
}

/// Every verification's events of one kind.
pub fn all_of(kind: EventKind) -> String {
    format!("{PREFIX}.{kind}.*")
}

/// Every dead letter.
pub fn all_dead_letters() -> String {
    format!("{PREFIX}.{DEAD}.*")
}

/// What an event's subject says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed {
    /// The event's kind.
    pub kind: EventKind,
    /// The verification.
    pub id: VerificationId,
}

/// Reads an event's subject; `None` for every other subject.
pub fn parse(subject: &str) -> Option<Parsed> {
    let mut tokens = subject.split('.');
    let (prefix, kind, id) = (tokens.next()?, tokens.next()?, tokens.next()?);
    if prefix != PREFIX || tokens.next().is_some() {
        return None;
    }
    Some(Parsed { kind: kind.parse().ok()?, id: id.parse().ok()? })
}

#[cfg(test)]
mod tests;
