//! `otp-gateway keys`: a fresh set of keys, printed or written to files.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use otp_nats::keys::{KEY_LENGTH, Key};
use zeroize::Zeroizing;

pub mod passwords;

/// The settings that hold keys, the folder each has its file in, and who is given them.
const PURPOSES: [(&str, &str, &str); 4] = [
    ("OTP_SEAL_KEYS", "seal", "gateway and mailer"),
    ("OTP_TICKET_KEYS", "ticket", "gateway and notifier"),
    ("OTP_HASH_KEYS", "hash", "gateway alone"),
    ("OTP_SIGNING_KEYS", "signing", "gateway alone"),
];
/// The file's name in each purpose's folder.
const FILE: &str = "keys";
/// A folder and a file for their owner alone, who may replace the file but has no reason to write into it.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o400;

/// Why keys are not written.
#[derive(Debug, thiserror::Error)]
pub enum KeysFault {
    /// The system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// A file or folder cannot be made.
    #[error("{path} cannot be written: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A fresh key for each purpose, as lines for an environment file. Each id begins with a different random part, so
/// that keys of two sets can stand in one list.
///
/// # Errors
/// The system gave no random bytes.
pub fn fresh_set() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut lines = Zeroizing::new(String::new());
    for (name, _folder, holders) in PURPOSES {
        let key = fresh_key()?;
        for part in ["# ", holders, "\n", name, "=", &key, "\n"] {
            lines.push_str(part);
        }
    }
    Ok(lines)
}

/// Writes a fresh key for each purpose to `DIR/PURPOSE/keys`, readable by its owner alone, and says in a line each
/// what it did. A file that is there stays as it is, so this may run before every start, also twice at once. Each
/// folder can be given to a service by itself, as `OTP_..._KEYS_FILE`. Passwords for NATS and Redis come with them, as
/// [`passwords::write_missing`] says.
///
/// # Errors
/// A file or folder cannot be made; those before it are whole.
pub fn write_missing(dir: &Path) -> Result<String, KeysFault> {
    let mut said = String::new();
    for (name, folder, _holders) in PURPOSES {
        let folder = dir.join(folder);
        let path = folder.join(FILE);
        let fault = |source| KeysFault::File { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&folder).map_err(fault)?;
        let outcome = if path.try_exists().map_err(fault)? || !write_new(&path, &fresh_key()?).map_err(fault)? {
            "kept"
        } else {
            "written"
        };
        for part in [name, " ", outcome, ": ", &path.to_string_lossy(), "\n"] {
            said.push_str(part);
        }
    }
    said.push_str(&passwords::write_missing(dir)?);
    Ok(said)
}

/// As [`write_missing`], and what the nodes of a NATS cluster (`host:port,...`) include to know each other.
///
/// # Errors
/// As [`write_missing`].
pub fn write_for_cluster(dir: &Path, nodes: &str) -> Result<String, KeysFault> {
    let nodes: Vec<&str> = nodes.split(',').collect();
    Ok(write_missing(dir)? + &passwords::write_routes(dir, &nodes)?)
}

fn fresh_key() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
    getrandom::fill(bytes.as_mut_slice())?;
    let key = Key::new(&random_name()?, *bytes);
    // Eight letters and digits are an id.
    Ok(key.map(|key| key.to_setting()).unwrap_or_default())
}

fn random_name() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes)?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

/// Whether this call made the file. It appears whole or not at all, and never in the place of another: a link, unlike
/// a rename, fails where a name is taken.
fn write_new(path: &Path, key: &str) -> io::Result<bool> {
    // A process id would not do for the name: in a container it is 1 at every start, also after one that was killed.
    let draft = path.with_extension(format!("draft-{}", random_name()?));
    let written = write_draft(&draft, key).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        linked => linked.map(|()| true),
    });
    let removed = match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    written.and_then(|made| removed.map(|()| made))
}

fn write_draft(draft: &Path, key: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(draft)?;
    writeln!(file, "{key}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
