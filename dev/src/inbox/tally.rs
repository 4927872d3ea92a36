//! How often each mail was kept, and how often a client was told so: what a ledger of a long run is compared with.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use otp_nats::Timestamp;

/// Mails that are told apart. At some 200 octets each they are 400 MB, which only a run of hours at full rate reaches.
const MAILS_MAX: usize = 2_000_000;

/// What became of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copies {
    /// The last recipient, as the envelope spells it.
    pub to: Box<str>,
    /// How often it was kept.
    pub kept: u32,
    /// How often its 250 was given to the network. Fewer than were kept is what explains a second mail.
    pub acknowledged: u32,
    /// When the first was kept.
    pub first_at: Timestamp,
    /// When the last was kept.
    pub last_at: Timestamp,
}

#[derive(Debug, Default)]
struct Counted {
    by_id: HashMap<Box<str>, Copies>,
    beyond: u64,
}

/// The counts of an inbox, by Message-ID. Clones share them. They are off until [`Tally::start`], and unlike the
/// messages none is dropped to make room for a newer one.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    is_on: Arc<AtomicBool>,
    counted: Arc<Mutex<Counted>>,
}

impl Tally {
    /// Counts from now on, and from nothing.
    pub fn start(&self) {
        *self.lock() = Counted::default();
        self.is_on.store(true, Ordering::Release);
    }

    /// What became of the mail with this Message-ID, angle brackets included.
    pub fn copies(&self, message_id: &str) -> Option<Copies> {
        self.lock().by_id.get(message_id).cloned()
    }

    /// Shows all mails in no order: Message-ID and what became of it. Mail is not received meanwhile.
    pub fn for_each(&self, mut show: impl FnMut(&str, &Copies)) {
        self.lock().by_id.iter().for_each(|(id, copies)| show(id, copies));
    }

    /// How many mails there are.
    pub fn len(&self) -> usize {
        self.lock().by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many mails came beyond the bound of 2,000,000 and are not told apart: zero, or the counts are of no use.
    pub fn beyond(&self) -> u64 {
        self.lock().beyond
    }

    /// Counts a mail that is kept; what [`Tally::acknowledged`] takes when its 250 is said. `None` while it is off.
    pub(super) fn kept(&self, raw: &[u8], to: &str) -> Option<Receipt> {
        if !self.is_on.load(Ordering::Acquire) {
            return None;
        }
        let (id, now) = (message_id(raw), Timestamp::now());
        let mut counted = self.lock();
        if let Some(copies) = counted.by_id.get_mut(&*id) {
            copies.kept = copies.kept.saturating_add(1);
            copies.last_at = now;
            copies.to = to.into();
        } else if counted.by_id.len() < MAILS_MAX {
            counted
                .by_id
                .insert(id.clone(), Copies { to: to.into(), kept: 1, acknowledged: 0, first_at: now, last_at: now });
        } else {
            counted.beyond += 1;
        }
        Some(Receipt(id))
    }

    /// Counts a 250.
    pub(super) fn acknowledged(&self, receipt: &Receipt) {
        if let Some(copies) = self.lock().by_id.get_mut(&receipt.0) {
            copies.acknowledged = copies.acknowledged.saturating_add(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A mail whose 250 is still to be said.
#[derive(Debug)]
pub(super) struct Receipt(Box<str>);

/// The Message-ID in a message's header, unparsed; empty where there is none. A folded one is unfolded by the trim:
/// it is a single word.
fn message_id(raw: &[u8]) -> Box<str> {
    let mut lines = raw.split(|octet| *octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut found = b"".as_slice();
    while let Some(line) = lines.next().filter(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_at_checked("Message-ID:".len())
            && name.eq_ignore_ascii_case(b"Message-ID:")
        {
            found = value.trim_ascii();
            if found.is_empty() {
                found = lines.next().unwrap_or_default().trim_ascii();
            }
            break;
        }
    }
    String::from_utf8_lossy(found).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_id_out_of_the_header_alone() {
        for (raw, id) in [
            ("Message-ID: <1@a.test>\r\n\r\nx", "<1@a.test>"),
            ("To: a\r\nmessage-id:<2@a.test>\r\n\r\nMessage-ID: <3@a.test>", "<2@a.test>"),
            ("Message-ID:\r\n <4@a.test>\r\nTo: a\r\n\r\n", "<4@a.test>"),
            ("To: a\r\n\r\nMessage-ID: <5@a.test>\r\n", ""),
            ("Message-IDs: <6@a.test>\r\n", ""),
            ("", ""),
        ] {
            assert_eq!(&*message_id(raw.as_bytes()), id, "{raw:?}");
        }
    }

    #[test]
    fn counts_when_it_is_on() {
        let tally = Tally::default();
        let raw = b"Message-ID: <1@a.test>\r\n\r\n";
        assert!(tally.kept(raw, "ann@a.test").is_none());
        tally.start();
        let first = tally.kept(raw, "ann@a.test").expect("on");
        tally.kept(raw, "Ann@a.test").expect("on");
        tally.acknowledged(&first);
        let copies = tally.copies("<1@a.test>").expect("counted");
        assert_eq!((&*copies.to, copies.kept, copies.acknowledged), ("Ann@a.test", 2, 1));
        assert!(copies.first_at <= copies.last_at);
        let mut all = Vec::new();
        tally.for_each(|id, copies| all.push((id.to_owned(), copies.clone())));
        assert_eq!(all, [("<1@a.test>".to_owned(), copies)]);
        tally.start();
        assert!(tally.is_empty() && tally.beyond() == 0);
    }
}
