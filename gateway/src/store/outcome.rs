//! What the scripts answer, read once into types.

use std::time::Duration;

use otp_nats::{Timestamp, VerificationId};
use redis::{FromRedisValue, Value};
use serde::{Deserialize, Serialize};

use super::StoreFault;

/// How a verification stands, as far as Redis knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Open: its code can be entered.
    Pending,
    /// The right code was entered.
    Verified,
    /// Its time is over.
    Expired,
    /// It was canceled.
    Canceled,
    /// A newer one took its place.
    Superseded,
    /// Its guesses are used up.
    Locked,
}

impl State {
    fn read(text: &str) -> Result<Self, StoreFault> {
        match text {
            "pending" => Ok(Self::Pending),
            "verified" => Ok(Self::Verified),
            "expired" => Ok(Self::Expired),
            "canceled" => Ok(Self::Canceled),
            "superseded" => Ok(Self::Superseded),
            "locked" => Ok(Self::Locked),
            _ => Err(fault("an unknown state")),
        }
    }
}

/// The times and counts of a verification, as every answer about an open one gives them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Terms {
    /// When it was accepted.
    pub requested_at: Timestamp,
    /// When its code ends.
    pub expires_at: Timestamp,
    /// When another mail may be asked for.
    pub resend_at: Timestamp,
    /// Guesses left.
    pub attempts_left: u32,
}

impl Terms {
    /// They stand at the same places in the answers of `issue`, `resend` and `status`.
    fn read(answer: &[Value]) -> Result<Self, StoreFault> {
        Ok(Self {
            expires_at: millis(answer, 2)?,
            resend_at: millis(answer, 3)?,
            attempts_left: count(answer, 4)?,
            requested_at: millis(answer, 6)?,
        })
    }
}

/// A verification that was issued, now or by an earlier run for the same id.
#[derive(Debug)]
pub struct Issued {
    /// Its times and counts.
    pub terms: Terms,
    /// Which mail of the verification is meant.
    pub generation: u32,
    /// The sealed record that counts: an earlier run's when there was one.
    pub record: String,
    /// The verification that this one took the place of.
    pub superseded: Option<VerificationId>,
    /// Whether this run issued it.
    pub fresh: bool,
    /// Whether the recipient wants no mails for a while.
    pub paused: bool,
    /// What makes this run known again when it is taken back.
    pub(super) nonce: String,
}

impl Issued {
    pub(super) fn read(id: &VerificationId, nonce: String, answer: &[Value]) -> Result<Self, StoreFault> {
        let older = text(answer, 8)?;
        let superseded = match older.as_str() {
            "" => None,
            suffix => Some(format!("{}{suffix}", id.tag()).parse().map_err(|_| fault("a malformed id"))?),
        };
        Ok(Self {
            terms: Terms::read(answer)?,
            generation: count(answer, 5)?,
            record: text(answer, 7)?,
            superseded,
            fresh: text(answer, 0)? == "issued",
            paused: integer(answer, 9)? == 1,
            nonce,
        })
    }
}

/// What a guess came to.
#[derive(Debug)]
pub enum Checked {
    /// Redis found it right and marked the verification as used. The caller compares again.
    Right {
        /// When.
        verified_at: Timestamp,
        /// Which mail of the verification was the newest.
        generation: u32,
        /// The stored code hash.
        stored_hash: String,
        /// The sealed record.
        record: String,
    },
    /// It is wrong.
    Wrong {
        /// When.
        at: Timestamp,
        /// Guesses left; zero when this one locked the verification.
        attempts_left: u32,
        /// Which mail of the verification was the newest.
        generation: u32,
    },
    /// The recipient had too many wrong guesses lately; this one was not looked at.
    Exhausted {
        /// Until the next one is.
        retry_after: Duration,
    },
    /// The verification is over.
    Over {
        /// How it ended.
        state: State,
        /// When this was found.
        at: Timestamp,
        /// Whether nobody had noticed before.
        just_now: bool,
        /// Which mail of the verification was the newest.
        generation: u32,
        /// How long until a new verification can be asked for.
        retry_after: Duration,
    },
    /// Redis does not have it.
    Missing,
}

impl Checked {
    pub(super) fn read(answer: &[Value]) -> Result<Self, StoreFault> {
        let (at, attempts_left, generation) = (millis(answer, 7)?, count(answer, 2)?, count(answer, 3)?);
        let retry_after = duration(answer, 6)?;
        let over = |state, just_now| Self::Over { state, at, just_now, generation, retry_after };
        Ok(match text(answer, 0)?.as_str() {
            // A repeat of the call that verified is told apart from a second guess by its stored hash.
            "verified" if !text(answer, 4)?.is_empty() => {
                Self::Right { verified_at: at, generation, stored_hash: text(answer, 4)?, record: text(answer, 5)? }
            }
            "incorrect" | "just-locked" => Self::Wrong { at, attempts_left, generation },
            "exhausted" => Self::Exhausted { retry_after },
            "missing" => Self::Missing,
            "just-expired" => over(State::Expired, true),
            state => over(State::read(state)?, false),
        })
    }
}

/// What became of a resend.
#[derive(Debug)]
pub enum Resent {
    /// Another mail may go out.
    Allowed {
        /// When it was asked for.
        at: Timestamp,
        /// The verification's times and counts.
        terms: Terms,
        /// The mail's generation.
        generation: u32,
        /// The sealed record.
        record: String,
        /// Whether the recipient wants no mails for a while.
        paused: bool,
        /// What makes the resend known again when it is taken back.
        nonce: String,
    },
    /// The verification is over.
    Over {
        /// How it ended.
        state: State,
        /// The newest generation, when nobody had noticed that the time is over.
        just_expired: Option<u32>,
    },
    /// Redis does not have it.
    Missing,
}

impl Resent {
    pub(super) fn read(nonce: String, answer: &[Value]) -> Result<Self, StoreFault> {
        Ok(match text(answer, 0)?.as_str() {
            "allowed" => Self::Allowed {
                at: millis(answer, 1)?,
                terms: Terms::read(answer)?,
                generation: count(answer, 5)?,
                record: text(answer, 7)?,
                paused: integer(answer, 8)? == 1,
                nonce,
            },
            "missing" => Self::Missing,
            "just-expired" => Self::Over { state: State::Expired, just_expired: Some(count(answer, 2)?) },
            state => Self::Over { state: State::read(state)?, just_expired: None },
        })
    }
}

/// What became of a cancellation.
#[derive(Debug, Clone, Copy)]
pub struct Canceled {
    /// The state that the verification had before; `None` when Redis does not have it.
    pub before: Option<State>,
    /// When.
    pub at: Timestamp,
    /// Which mail of the verification was the newest.
    pub generation: u32,
    /// Whether nobody had noticed before that its time is over.
    pub just_expired: bool,
}

impl Canceled {
    pub(super) fn read(answer: &[Value]) -> Result<Self, StoreFault> {
        let said = text(answer, 0)?;
        let before = match said.as_str() {
            "missing" => None,
            "just-canceled" => Some(State::Pending),
            "just-expired" => Some(State::Expired),
            state => Some(State::read(state)?),
        };
        let just_expired = said == "just-expired";
        Ok(Self { before, at: millis(answer, 1)?, generation: count(answer, 2)?, just_expired })
    }
}

/// A verification as it stands.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot {
    /// How it stands.
    pub state: State,
    /// Its times and counts.
    pub terms: Terms,
}

impl Snapshot {
    pub(super) fn read(answer: &[Value]) -> Result<Option<Self>, StoreFault> {
        let said = text(answer, 0)?;
        if said == "missing" {
            return Ok(None);
        }
        Ok(Some(Self { state: State::read(&said)?, terms: Terms::read(answer)? }))
    }
}

/// What an idempotency key stands for.
#[derive(Debug)]
pub enum Claimed {
    /// This request, to be carried out with this id.
    Ours(VerificationId),
    /// An earlier request that was answered.
    Done(VerificationId, String),
    /// The same request, under way.
    Busy(Duration),
    /// Another request.
    Other,
}

impl Claimed {
    pub(super) fn read(answer: &[Value]) -> Result<Self, StoreFault> {
        let id = || text(answer, 2)?.parse().map_err(|_| fault("a malformed id"));
        Ok(match text(answer, 0)?.as_str() {
            "claimed" => Self::Ours(id()?),
            "done" => Self::Done(id()?, text(answer, 3)?),
            "busy" => Self::Busy(duration(answer, 2)?),
            _ => Self::Other,
        })
    }
}

pub(super) fn fault(what: &str) -> StoreFault {
    StoreFault { what: format!("a script answered {what}"), may_run: None }
}

pub(super) fn text(answer: &[Value], index: usize) -> Result<String, StoreFault> {
    part(answer, index)
}

pub(super) fn integer(answer: &[Value], index: usize) -> Result<i64, StoreFault> {
    part(answer, index)
}

pub(super) fn millis(answer: &[Value], index: usize) -> Result<Timestamp, StoreFault> {
    integer(answer, index).map(Timestamp::from_millis)
}

pub(super) fn duration(answer: &[Value], index: usize) -> Result<Duration, StoreFault> {
    integer(answer, index).map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or_default()))
}

fn count(answer: &[Value], index: usize) -> Result<u32, StoreFault> {
    integer(answer, index).map(|count| u32::try_from(count.max(0)).unwrap_or(u32::MAX))
}

fn part<T: FromRedisValue>(answer: &[Value], index: usize) -> Result<T, StoreFault> {
    let value = answer.get(index).cloned().ok_or_else(|| fault("too little"))?;
    T::from_redis_value(value).map_err(|_| fault("another type"))
}
