//! Files that are read again when they change: applications, lists.
//!
//! A file is read whole and parsed whole; what is in force changes at once or not at all. A bad one, or none, leaves
//! the old in force, is logged, and is counted.

use std::fmt::{self, Display};
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub use metrics::FileMetrics;

mod metrics;

/// How often a file is looked at. What has changed is taken up when it looks the same twice, so that one that is
/// being written in place is not read by half.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Largest file in bytes: a list of a million domains has some 20 MB.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// It cannot be opened or read.
    #[error("it cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    /// It is over [`MAX_BYTES`].
    #[error("it has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// Its content is not what it should be, in the parser's words.
    #[error("{0}")]
    Malformed(String),
    /// It changed while it was read.
    #[error("it is being written")]
    Unsettled,
}

type Parse<T> = Box<dyn Fn(&[u8]) -> Result<T, String> + Send + Sync>;

/// A file's content as it is in force. Clones share it.
pub struct WatchedFile<T>(Arc<Inner<T>>);

struct Inner<T> {
    name: &'static str,
    path: PathBuf,
    parse: Parse<T>,
    looks: Mutex<Looks>,
    in_force: watch::Sender<Arc<T>>,
}

impl<T> Clone for WatchedFile<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for WatchedFile<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedFile").field("name", &self.0.name).field("path", &self.0.path).finish_non_exhaustive()
    }
}

/// What is in force: as a file has it now, or always the same where there is no file. Clones share it.
#[derive(Debug)]
pub enum InForce<T> {
    /// There is no file.
    Fixed(Arc<T>),
    /// As the file has it.
    File(WatchedFile<T>),
}

impl<T> Clone for InForce<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Fixed(content) => Self::Fixed(Arc::clone(content)),
            Self::File(file) => Self::File(file.clone()),
        }
    }
}

impl<T: Send + Sync + 'static> InForce<T> {
    /// What is in force now.
    pub fn current(&self) -> Arc<T> {
        match self {
            Self::Fixed(content) => Arc::clone(content),
            Self::File(file) => file.current(),
        }
    }

    /// Looks at the file now and then, if there is one, until `stop` is cancelled.
    pub async fn watch(self, metrics: FileMetrics, stop: CancellationToken) {
        if let Self::File(file) = self {
            file.watch(metrics, stop).await;
        }
    }
}

impl<T: Send + Sync + 'static> WatchedFile<T> {
    /// Reads the file for the first time, on this thread. `name` is how logs and metrics call it, as its setting.
    /// The parser's errors are logged: they shall say where a fault is, and repeat nothing that is secret.
    ///
    /// # Errors
    /// [`FileFault`], as its variants say.
    pub fn open<E: Display>(
        name: &'static str,
        path: impl Into<PathBuf>,
        parse: impl Fn(&[u8]) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, FileFault> {
        let path = path.into();
        let parse: Parse<T> = Box::new(move |bytes| parse(bytes).map_err(|error| error.to_string()));
        let (stamp, bytes) = match read(&path) {
            // Nothing is in force yet, so there is nothing to keep: what is being written is read as it is.
            Err(FileFault::Unsettled) => read(&path),
            outcome => outcome,
        }?;
        let content = parse(&bytes).map_err(FileFault::Malformed)?;
        let looks = Mutex::new(Looks { last: Some(stamp), tried: stamp });
        Ok(Self(Arc::new(Inner { name, path, parse, looks, in_force: watch::Sender::new(Arc::new(content)) })))
    }

    /// What is in force.
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.0.in_force.borrow())
    }

    /// Looks at the file now and then, away from the async threads, until `stop` is cancelled.
    pub async fn watch(self, metrics: FileMetrics, stop: CancellationToken) {
        metrics.opened(self.0.name);
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            let file = self.clone();
            match tokio::task::spawn_blocking(move || file.look()).await {
                Ok(Look::Nothing) => {}
                Ok(Look::Good) => {
                    metrics.reloaded(self.0.name);
                    tracing::info!(file = self.0.name, "a file was read again");
                }
                Ok(Look::Bad(fault)) => {
                    metrics.refused(self.0.name);
                    tracing::error!(file = self.0.name, %fault, "a file is faulty; what was read before stays in force");
                }
                Err(error) => {
                    metrics.refused(self.0.name);
                    tracing::error!(file = self.0.name, panicked = error.is_panic(), "a file could not be read again");
                }
            }
        }
    }

    /// Looks once, and reads the file when it has changed and looks as it did the last time.
    fn look(&self) -> Look {
        let inner = &self.0;
        let found = Stamp::of(&inner.path);
        {
            let mut looks = inner.looks.lock().unwrap_or_else(PoisonError::into_inner);
            let settled = looks.last.replace(found) == Some(found);
            if found == looks.tried || !settled {
                return Look::Nothing;
            }
            // Noted first: a parser that panics is not run on the same bytes for ever.
            looks.tried = found;
        }
        let parsed =
            read(&inner.path).and_then(|(stamp, bytes)| match (inner.parse)(&bytes).map_err(FileFault::Malformed) {
                Ok(_) if stamp != found => Err(FileFault::Unsettled),
                outcome => outcome,
            });
        match parsed {
            Ok(content) => {
                inner.in_force.send_replace(Arc::new(content));
                Look::Good
            }
            // The next look finds another stamp and waits until that settles.
            Err(FileFault::Unsettled) => Look::Nothing,
            Err(fault) => Look::Bad(fault),
        }
    }
}

/// What the looks so far have seen.
struct Looks {
    /// The last one.
    last: Option<Stamp>,
    /// What was read last, well or not.
    tried: Stamp,
}

#[derive(Debug, PartialEq, Eq)]
enum Look {
    Nothing,
    Good,
    Bad(FileFault),
}

/// What changes whenever a file's content does: a new file has another inode, one that was written another time of
/// change, also where its length and the time that `touch` sets are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp {
    There { device: u64, inode: u64, length: u64, modified: (i64, i64), changed: (i64, i64) },
    Away(io::ErrorKind),
}

impl Stamp {
    fn of(path: &Path) -> Self {
        fs::metadata(path).map_or_else(|error| Self::Away(error.kind()), |found| Self::from(&found))
    }
}

impl From<&Metadata> for Stamp {
    fn from(found: &Metadata) -> Self {
        Self::There {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

/// The whole file, and the stamp that it had before and after.
fn read(path: &Path) -> Result<(Stamp, Vec<u8>), FileFault> {
    let unreadable = |error: io::Error| FileFault::Unreadable(error.kind());
    let file = File::open(path).map_err(unreadable)?;
    let before = file.metadata().map_err(unreadable)?;
    if before.len() > MAX_BYTES {
        return Err(FileFault::TooLarge);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or_default());
    // One byte more than fits tells a file that grew.
    (&file).take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let after = file.metadata().map_err(unreadable)?;
    let stamp = Stamp::from(&before);
    if stamp == Stamp::from(&after) { Ok((stamp, bytes)) } else { Err(FileFault::Unsettled) }
}

#[cfg(test)]
mod tests;
