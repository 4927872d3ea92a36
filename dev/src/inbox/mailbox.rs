//! The messages that are kept: a ring of the newest.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use time::OffsetDateTime;

use super::view::Summary;

/// What a mailbox keeps at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Messages.
    pub(super) messages: usize,
    /// Octets of all messages together.
    pub(super) octets: usize,
}

impl Default for Limits {
    /// 10,000 messages cover a day of development and any test. At 1 MiB each they would be 10 GiB, so that the octets
    /// have a bound of their own.
    fn default() -> Self {
        Self { messages: 10_000, octets: 256 * 1024 * 1024 }
    }
}

/// A message as it came.
#[derive(Debug)]
pub(super) struct Mail {
    sequence: u64,
    /// The sender of the envelope, empty for the null path.
    pub(super) from: String,
    /// The recipients of the envelope.
    pub(super) to: Vec<String>,
    /// When it was accepted.
    pub(super) received: OffsetDateTime,
    /// The message, dots unstuffed.
    pub(super) raw: Box<[u8]>,
    /// Filled when it is first listed: receiving must not cost the parsing.
    pub(super) summary: OnceLock<Summary>,
    read: AtomicBool,
}

impl Mail {
    /// Its name in the API.
    pub(super) fn id(&self) -> String {
        format!("{:016x}", self.sequence)
    }

    /// Whether somebody opened it.
    pub(super) fn is_read(&self) -> bool {
        self.read.load(Ordering::Relaxed)
    }

    /// Notes that somebody opened it.
    pub(super) fn mark_read(&self) {
        self.read.store(true, Ordering::Relaxed);
    }
}

/// The newest messages.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    limits: Limits,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    /// In the order of their sequence, oldest first.
    mails: VecDeque<Arc<Mail>>,
    octets: usize,
    next_sequence: u64,
}

impl Mailbox {
    /// An empty mailbox with bounds of its own.
    #[cfg(test)]
    pub(super) fn with_limits(limits: Limits) -> Self {
        Self { limits, ring: Mutex::default() }
    }

    /// Keeps a message, drops the oldest ones beyond the limits, and gives its id.
    pub(super) fn keep(&self, from: String, to: Vec<String>, raw: Vec<u8>) -> String {
        let raw = raw.into_boxed_slice();
        let received = OffsetDateTime::now_utc();
        let mut ring = self.ring();
        let mail = Mail {
            sequence: ring.next_sequence,
            from,
            to,
            received,
            raw,
            summary: OnceLock::new(),
            read: AtomicBool::new(false),
        };
        let id = mail.id();
        ring.next_sequence += 1;
        ring.octets += mail.raw.len();
        ring.mails.push_back(Arc::new(mail));
        while ring.mails.len() > self.limits.messages || ring.octets > self.limits.octets {
            let Some(oldest) = ring.mails.pop_front() else { break };
            ring.octets -= oldest.raw.len();
        }
        id
    }

    /// The message of that id.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Mail>> {
        let sequence = sequence_of(id)?;
        let ring = self.ring();
        let at = ring.mails.binary_search_by_key(&sequence, |mail| mail.sequence).ok()?;
        ring.mails.get(at).cloned()
    }

    /// The newest message.
    pub(super) fn newest(&self) -> Option<Arc<Mail>> {
        self.ring().mails.back().cloned()
    }

    /// All messages, newest first.
    pub(super) fn all(&self) -> Vec<Arc<Mail>> {
        self.ring().mails.iter().rev().cloned().collect()
    }

    /// Removes all messages.
    pub(super) fn clear(&self) {
        self.remove(|_| true);
    }

    /// Removes the messages of these ids.
    pub(super) fn delete(&self, ids: &[String]) {
        let sequences: HashSet<u64> = ids.iter().filter_map(|id| sequence_of(id)).collect();
        self.remove(|mail| sequences.contains(&mail.sequence));
    }

    fn remove(&self, unwanted: impl Fn(&Mail) -> bool) {
        let mut ring = self.ring();
        ring.mails.retain(|mail| !unwanted(mail));
        ring.octets = ring.mails.iter().map(|mail| mail.raw.len()).sum();
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sequence_of(id: &str) -> Option<u64> {
    u64::from_str_radix(id, 16).ok()
}
