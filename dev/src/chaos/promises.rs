//! What was promised, and what clients have seen of it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use otp_nats::{EventKind, Timestamp, VerificationId};

/// Violations that are kept word for word; more are only counted.
const VIOLATIONS_MAX: usize = 100;

/// A request that was answered 202.
#[derive(Debug, Clone)]
pub(super) struct Promise {
    /// The address, which no other request has.
    pub(super) email: String,
    /// When the answer came.
    pub(super) accepted_at: Timestamp,
    /// What a client has seen that watched it.
    pub(super) watched: Option<Watched>,
    /// How often a right code was answered 200.
    pub(super) verified: u32,
}

/// The timeline as a client has seen it.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    /// Positions and kinds in the order of their coming.
    pub(super) events: Vec<(u64, EventKind)>,
    /// How often the connection was made again.
    pub(super) reconnects: u32,
    /// Whether it saw the end that it waited for.
    pub(super) complete: bool,
}

/// What is counted beside the promises.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Requests that clients wanted to make.
    pub wanted: u64,
    /// Those that nobody accepted within a client's patience.
    pub refused: u64,
    /// Answers 503 to anything.
    pub unavailable: u64,
    /// Requests that got no answer.
    pub unanswered: u64,
    /// Longest time from the first attempt to the 202.
    pub longest_accept: Duration,
    /// What must never be, beyond what `violations` holds.
    pub violations: u64,
}

/// Everything that clients know. Shared by all of them.
#[derive(Debug, Default)]
pub(super) struct Promises {
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    by_id: HashMap<VerificationId, Promise>,
    counts: Counts,
    violations: Vec<String>,
}

impl Promises {
    /// Notes a 202.
    pub(super) fn made(&self, id: VerificationId, promise: Promise, took: Duration) {
        let mut book = self.book();
        book.counts.longest_accept = book.counts.longest_accept.max(took);
        let others = book.by_id.get(&id).is_some_and(|before| before.email != promise.email);
        book.by_id.insert(id, promise);
        drop(book);
        if others {
            self.violated(format!("two requests were answered with the id {id}"));
        }
    }

    /// Notes what a client has seen.
    pub(super) fn watched(&self, id: &VerificationId, watched: Watched) {
        if let Some(promise) = self.book().by_id.get_mut(id) {
            promise.watched = Some(watched);
        }
    }

    /// Notes a 200 for a code.
    pub(super) fn verified(&self, id: &VerificationId) {
        if let Some(promise) = self.book().by_id.get_mut(id) {
            promise.verified += 1;
        }
    }

    /// Counts something.
    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.book().counts);
    }

    /// Notes what must never be.
    pub(super) fn violated(&self, what: String) {
        let mut book = self.book();
        book.counts.violations += 1;
        if book.violations.len() < VIOLATIONS_MAX {
            book.violations.push(what);
        }
    }

    /// How many were made.
    pub(super) fn len(&self) -> usize {
        self.book().by_id.len()
    }

    /// The verifications.
    pub(super) fn ids(&self) -> Vec<VerificationId> {
        self.book().by_id.keys().copied().collect()
    }

    /// All of it, as it is now.
    pub(super) fn content(&self) -> (HashMap<VerificationId, Promise>, Counts, Vec<String>) {
        let book = self.book();
        (book.by_id.clone(), book.counts.clone(), book.violations.clone())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
