//! What this process has in work and what it sent without being able to say so.
//!
//! A request can come to one process twice: after a stall longer than `ack_wait`, or because its verdict was lost. The
//! ledger keeps the second from becoming a second mail. It holds what is in work, which the concurrency bounds, and
//! what was sent and not yet recorded in `OTP_EVENTS`, which is bounded here; what is recorded is looked up there.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use otp_nats::{Event, VerificationId};

/// Mails sent and not recorded: while NATS is away no requests come either, so there are hardly more than the
/// concurrency. Beyond it the oldest is forgotten and may be mailed twice.
const MAX_UNRECORDED: usize = 10_000;

/// A mail: the verification and which of its mails.
pub type MailKey = (VerificationId, u32);

#[derive(Debug)]
enum Entry {
    InWork,
    Unrecorded(Box<Event>),
}

#[derive(Debug, Default)]
struct Entries {
    by_mail: HashMap<MailKey, Entry>,
    unrecorded: VecDeque<MailKey>,
}

/// See the module's description. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    entries: Arc<Mutex<Entries>>,
}

/// What the ledger says of a mail that is taken up.
#[derive(Debug)]
pub enum Entered {
    /// Nothing of it is known; it counts as in work until the guard is dropped.
    New(InWork),
    /// Another task of this process works on it.
    InWork,
    /// It was sent; this event is still to be recorded.
    Unrecorded(Box<Event>),
}

/// Keeps a mail in work until it is dropped.
#[derive(Debug)]
pub struct InWork {
    ledger: Ledger,
    mail: MailKey,
}

impl Ledger {
    /// Takes a mail up.
    pub fn enter(&self, mail: MailKey) -> Entered {
        let mut entries = self.lock();
        match entries.by_mail.get(&mail) {
            Some(Entry::InWork) => Entered::InWork,
            Some(Entry::Unrecorded(event)) => Entered::Unrecorded(event.clone()),
            None => {
                entries.by_mail.insert(mail, Entry::InWork);
                Entered::New(InWork { ledger: self.clone(), mail })
            }
        }
    }

    /// Notes that the relay took a mail, with the event that says so.
    pub fn sent(&self, mail: MailKey, event: &Event) {
        let mut entries = self.lock();
        entries.by_mail.insert(mail, Entry::Unrecorded(Box::new(event.clone())));
        entries.unrecorded.push_back(mail);
        while entries.unrecorded.len() > MAX_UNRECORDED {
            if let Some(oldest) = entries.unrecorded.pop_front() {
                entries.by_mail.remove(&oldest);
            }
        }
    }

    /// Forgets a mail whose event is recorded.
    pub fn recorded(&self, mail: MailKey) {
        let mut entries = self.lock();
        entries.by_mail.remove(&mail);
        entries.unrecorded.retain(|other| *other != mail);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        let mut entries = self.ledger.lock();
        if let Some(Entry::InWork) = entries.by_mail.get(&self.mail) {
            entries.by_mail.remove(&self.mail);
        }
    }
}

#[cfg(test)]
mod tests {
    use otp_nats::{Body, Timestamp};

    use super::*;

    fn mail(number: u32) -> MailKey {
        ("abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().unwrap(), number)
    }

    fn event(mail: MailKey) -> Event {
        Event { id: mail.0, at: Timestamp::from_millis(0), generation: mail.1, body: Body::Expired {} }
    }

    #[test]
    fn knows_what_is_in_work_and_what_was_sent() {
        let ledger = Ledger::default();
        let Entered::New(guard) = ledger.enter(mail(1)) else { panic!("it is new") };
        assert!(matches!(ledger.enter(mail(1)), Entered::InWork));
        assert!(matches!(ledger.enter(mail(2)), Entered::New(_)), "another generation is another mail");
        ledger.sent(mail(1), &event(mail(1)));
        drop(guard);
        let Entered::Unrecorded(kept) = ledger.enter(mail(1)) else { panic!("it was sent") };
        assert_eq!(*kept, event(mail(1)));
        ledger.recorded(mail(1));
        assert!(matches!(ledger.enter(mail(1)), Entered::New(_)));
        assert!(matches!(ledger.enter(mail(1)), Entered::New(_)), "a dropped guard leaves nothing behind");
    }

    #[test]
    fn is_bounded() {
        let ledger = Ledger::default();
        for number in 0..=u32::try_from(MAX_UNRECORDED).unwrap() {
            ledger.sent(mail(number), &event(mail(number)));
        }
        assert_eq!(ledger.lock().by_mail.len(), MAX_UNRECORDED);
        assert!(matches!(ledger.enter(mail(0)), Entered::New(_)));
        assert!(matches!(ledger.enter(mail(1)), Entered::Unrecorded(_)));
    }
}
