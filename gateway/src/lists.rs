//! Optional lists of domains and recipients, read again when their files change: disposable domains and the exceptions
//! from them, and whom no mail is ever sent to.
//!
//! A file has one entry a line; what follows a `#` is a comment. A line that is no entry makes the whole file bad.

use std::path::PathBuf;

use otp_nats::keys::KeyList;
use tokio_util::sync::CancellationToken;

pub use blocked::BlockedList;
pub use domains::DomainList;

use crate::email::EmailAddress;
use crate::watched_file::{FileFault, FileMetrics, WatchedFile};

pub mod blocked;
pub mod command;
mod domains;

/// The settings that name the files.
pub const DISPOSABLE: &str = "OTP_DISPOSABLE_DOMAINS_FILE";
/// Domains that are not disposable, whatever the list says.
pub const ALLOWED: &str = "OTP_ALLOWED_DOMAINS_FILE";
/// Domains and recipients that get no mail.
pub const BLOCKED: &str = "OTP_BLOCKED_FILE";

/// Where a list's lines are faulty. The line's own text is not repeated: it may be an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {fault}")]
pub struct LineFault {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: &'static str,
}

/// The files of the lists; each may be missing.
#[derive(Debug, Clone, Default)]
pub struct ListFiles {
    /// Disposable domains.
    pub disposable: Option<PathBuf>,
    /// Exceptions.
    pub allowed: Option<PathBuf>,
    /// Blocked domains and recipients.
    pub blocked: Option<PathBuf>,
}

/// What the lists say of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainStanding {
    /// Nothing.
    Good,
    /// Its mailboxes are thrown away after use.
    Disposable,
    /// No mail goes there.
    Blocked,
}

/// The lists that are in force. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    disposable: Option<WatchedFile<DomainList>>,
    allowed: Option<WatchedFile<DomainList>>,
    blocked: Option<WatchedFile<BlockedList>>,
}

impl Lists {
    /// Reads the files for the first time. `keys` are those that recipients in the list of the blocked may be hashed with.
    ///
    /// # Errors
    /// All files that cannot be used, by their settings, and why.
    pub fn open(files: ListFiles, keys: &KeyList) -> Result<Self, Vec<(&'static str, FileFault)>> {
        let mut faults = Vec::new();
        let mut domains = |name, path: Option<PathBuf>| {
            path.and_then(|path| kept(name, WatchedFile::open(name, path, DomainList::parse), &mut faults))
        };
        let (disposable, allowed) = (domains(DISPOSABLE, files.disposable), domains(ALLOWED, files.allowed));
        let keys = keys.clone();
        let blocked = files.blocked.and_then(|path| {
            let opened = WatchedFile::open(BLOCKED, path, move |bytes| BlockedList::parse(bytes, &keys));
            kept(BLOCKED, opened, &mut faults)
        });
        if faults.is_empty() { Ok(Self { disposable, allowed, blocked }) } else { Err(faults) }
    }

    /// Looks at the files now and then until `stop` is cancelled.
    pub fn watch(&self, metrics: &FileMetrics, stop: &CancellationToken) {
        for domains in [&self.disposable, &self.allowed].into_iter().flatten() {
            tokio::spawn(domains.clone().watch(metrics.clone(), stop.clone()));
        }
        if let Some(blocked) = &self.blocked {
            tokio::spawn(blocked.clone().watch(metrics.clone(), stop.clone()));
        }
    }

    /// What the lists say of a domain in lower-case ASCII.
    pub fn domain(&self, domain: &str) -> DomainStanding {
        let has = |list: &Option<WatchedFile<DomainList>>| list.as_ref().is_some_and(|list| list.current().has(domain));
        if self.blocked.as_ref().is_some_and(|list| list.current().domains().has(domain)) {
            DomainStanding::Blocked
        } else if has(&self.disposable) && !has(&self.allowed) {
            DomainStanding::Disposable
        } else {
            DomainStanding::Good
        }
    }

    /// Whether no mail is to be sent to this mailbox, in any of its spellings.
    pub fn blocks(&self, email: &EmailAddress) -> bool {
        self.blocked.as_ref().is_some_and(|list| list.current().has(email))
    }
}

fn kept<T>(
    name: &'static str,
    opened: Result<WatchedFile<T>, FileFault>,
    faults: &mut Vec<(&'static str, FileFault)>,
) -> Option<WatchedFile<T>> {
    opened.map_err(|fault| faults.push((name, fault))).ok()
}

/// The lines that are not empty without their comments, with their numbers.
fn entries(bytes: &[u8]) -> Result<impl Iterator<Item = (usize, &str)>, LineFault> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).and_then(|before| std::str::from_utf8(before).ok());
        let line = before.map_or(0, |before| before.matches('\n').count()) + 1;
        LineFault { line, fault: "is no UTF-8" }
    })?;
    let lines = text.trim_start_matches('\u{feff}').lines();
    let bare = lines.map(|line| line.split_once('#').map_or(line, |(entry, _comment)| entry).trim());
    Ok((1..).zip(bare).filter(|(_, entry)| !entry.is_empty()))
}

#[cfg(test)]
mod tests;
