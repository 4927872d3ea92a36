//! Passwords for NATS and Redis: one for each service and one for people, made once, and what the servers are given to
//! know them by.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{FOLDER_MODE, KeysFault, random_name, write_draft, write_new};

/// Folder and file of each password. A folder can be given to one service by itself; the nodes' is only for servers.
const PASSWORDS: [(&str, &str); 7] = [
    ("nats-gateway", PASSWORD),
    ("nats-mailer", PASSWORD),
    ("nats-notifier", PASSWORD),
    ("nats-operator", PASSWORD),
    ("redis-gateway", PASSWORD),
    ("redis-operator", PASSWORD),
    (NATS, "route"),
];
const PASSWORD: &str = "password";
/// The folders that the servers are given.
const NATS: &str = "nats-server";
const REDIS: &str = "redis-server";
/// Who logs in at NATS, as nats/server/users.conf names them.
const NATS_USERS: [&str; 4] = ["gateway", "mailer", "notifier", "operator"];
/// Redis's users, with `PASSWORD` in place of a password's hash.
const REDIS_USERS: &str = include_str!("users.acl");
/// Octets of a password: none is ever typed, so nothing speaks for fewer.
const LENGTH: usize = 24;

/// Writes each password that lacks to `DIR/nats-SERVICE/password` or `DIR/redis-USER/password`, what nats-server includes
/// to `DIR/nats-server/passwords.conf`, and Redis's users to `DIR/redis-server/users.acl`; gives a line about each. A
/// password that is there stays as it is; the servers' files follow the passwords and this program's version.
///
/// # Errors
/// A file or folder cannot be made; those before it are whole.
pub fn write_missing(dir: &Path) -> Result<String, KeysFault> {
    let mut said = String::new();
    for (folder, file) in PASSWORDS {
        let folder = folder_in(dir, folder)?;
        let path = folder.join(file);
        let fault = |source| KeysFault::File { path: path.clone(), source };
        let made = !path.try_exists().map_err(fault)? && write_new(&path, &fresh()?).map_err(fault)?;
        tell(&mut said, "password", made, &path);
    }
    let mut conf = Zeroizing::new(String::from("# For nats-server: users.conf includes this.\n"));
    for user in NATS_USERS {
        let password = read(dir, &format!("nats-{user}"), PASSWORD)?;
        for part in ["OTP_NATS_", &user.to_uppercase(), "_PASSWORD: \"", &password, "\"\n"] {
            conf.push_str(part);
        }
    }
    follow(&mut said, dir, NATS, "passwords.conf", &conf)?;
    follow(&mut said, dir, REDIS, "users.acl", &redis_users(dir)?)?;
    Ok(said)
}

/// Writes what a cluster's nodes include to know each other: `DIR/nats-server/routes.conf`, with a way to each of these
/// `host:port`, for all nodes alike; a node notices which one it is. Comes after [`write_missing`].
///
/// # Errors
/// As [`write_missing`].
pub fn write_routes(dir: &Path, nodes: &[&str]) -> Result<String, KeysFault> {
    let mut said = String::new();
    let password = read(dir, NATS, "route")?;
    let mut conf = Zeroizing::new(String::from("# For nats-server: included within `cluster`.\n"));
    for part in ["authorization { user: route, password: \"", &password, "\", timeout: 3 }\nroutes: [\n"] {
        conf.push_str(part);
    }
    for node in nodes {
        for part in ["  \"nats://route:", &password, "@", node, "\"\n"] {
            conf.push_str(part);
        }
    }
    conf.push_str("]\n");
    follow(&mut said, dir, NATS, "routes.conf", &conf)?;
    Ok(said)
}

/// Redis takes no comments.
fn redis_users(dir: &Path) -> Result<Zeroizing<String>, KeysFault> {
    let mut users = Zeroizing::new(String::new());
    for line in REDIS_USERS.lines().filter(|line| line.starts_with("user ")) {
        let user = line.split(' ').nth(1).unwrap_or_default();
        if line.contains("#PASSWORD") {
            let hash = Sha256::digest(read(dir, &format!("redis-{user}"), PASSWORD)?.as_bytes());
            users.push_str(&line.replace("PASSWORD", &HEXLOWER.encode(&hash)));
        } else {
            users.push_str(line);
        }
        users.push('\n');
    }
    Ok(users)
}

/// A letter first: a value that looks like a number is read as one by nats-server.
fn fresh() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut octets = Zeroizing::new([0; LENGTH]);
    getrandom::fill(octets.as_mut_slice())?;
    let mut password = Zeroizing::new(String::from("p"));
    HEXLOWER.encode_append(octets.as_slice(), &mut password);
    Ok(password)
}

fn folder_in(dir: &Path, name: &str) -> Result<std::path::PathBuf, KeysFault> {
    let path = dir.join(name);
    match DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&path) {
        Ok(()) => Ok(path),
        Err(source) => Err(KeysFault::File { path, source }),
    }
}

fn read(dir: &Path, folder: &str, file: &str) -> Result<Zeroizing<String>, KeysFault> {
    let path = dir.join(folder).join(file);
    match fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(text) => Ok(Zeroizing::new(text.trim().to_owned())),
        Err(source) => Err(KeysFault::File { path, source }),
    }
}

/// Puts a file in the place of one that says something else.
fn follow(said: &mut String, dir: &Path, folder: &str, file: &str, text: &str) -> Result<(), KeysFault> {
    let path = folder_in(dir, folder)?.join(file);
    let outcome = replace(&path, text).map_err(|source| KeysFault::File { path: path.clone(), source })?;
    tell(said, file, outcome, &path);
    Ok(())
}

fn replace(path: &Path, text: &str) -> io::Result<bool> {
    let text = text.trim_end();
    if fs::read_to_string(path).map(Zeroizing::new).is_ok_and(|there| there.trim_end() == text) {
        return Ok(false);
    }
    let draft = path.with_extension(format!("draft-{}", random_name()?));
    write_draft(&draft, text)?;
    fs::rename(&draft, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(true)
}

fn tell(said: &mut String, what: &str, made: bool, path: &Path) {
    let outcome = if made { "written" } else { "kept" };
    let written = writeln!(said, "{what} {outcome}: {}", path.display());
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests;
