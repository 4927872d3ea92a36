//! No service leaves its memory on a disk when it crashes, or shows it to others of its user, unless it is told to.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use otp_dev::stack::{Options, Part};

use crate::support::eventually;

/// What root starts services as here: nobody's number on every Linux.
const NOBODY: u32 = 65534;

/// A service that has read its settings and waits for a NATS that never speaks.
struct Waiting {
    child: Child,
    user: u32,
}

impl Waiting {
    async fn start(program: &Path, settings: &[(&str, &str)]) -> Self {
        let nats = TcpListener::bind("127.0.0.1:0").expect("bound");
        nats.set_nonblocking(true).expect("set");
        let silent = nats.local_addr().expect("an address");
        let root = fs::metadata("/proc/self").expect("of this process").uid() == 0;
        let mut command = if root {
            let mut command = Command::new("setpriv");
            let id = NOBODY.to_string();
            command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let key = |first: &str| format!("k1:{first}ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        command.env_clear().env("OTP_NATS_URL", format!("nats://{silent}"));
        for name in ["OTP_SEAL_KEYS", "OTP_TICKET_KEYS", "OTP_HASH_KEYS", "OTP_SIGNING_KEYS"] {
            command.env(name, key("AA"));
        }
        let more = [
            ("OTP_REDIS_URL", format!("redis://{silent}")),
            ("OTP_OPEN_MODE", "true".to_owned()),
            ("OTP_EVENTS_URL", "ws://127.0.0.1:5001/v1/events".to_owned()),
            ("OTP_SMTP_URL", "smtp://127.0.0.1:1?tls=none".to_owned()),
            ("OTP_MAIL_FROM", "otp@dumps.test".to_owned()),
            ("OTP_LISTEN", "127.0.0.1:0".to_owned()),
            ("OTP_ADMIN_LISTEN", "127.0.0.1:0".to_owned()),
        ];
        command.envs(more).envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("started");
        let user = if root { NOBODY } else { fs::metadata("/proc/self").expect("of this process").uid() };
        let mut waiting = Self { child, user };
        eventually("a service that has begun", async || {
            // A program that was just copied cannot be run while a process that some other test forks meanwhile still
            // has the copy open.
            if waiting.child.try_wait().expect("asked").is_some() {
                waiting.child = command.spawn().expect("started");
            }
            nats.accept().ok()
        })
        .await;
        waiting
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(name)
    }

    /// Whether processes of the same user may read its memory and environment: then their files are that user's.
    fn shows_memory(&self) -> bool {
        fs::metadata(self.file("mem")).expect("it runs").uid() == self.user
    }

    /// Soft and hard limit for core files.
    fn core_limits(&self) -> Vec<String> {
        let limits = fs::read_to_string(self.file("limits")).expect("it runs");
        let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("a limit");
        line.split_whitespace().take(2).map(str::to_owned).collect()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

#[tokio::test]
async fn no_service_leaves_or_shows_its_memory_unless_told_to() {
    if !Path::new("/proc/self/limits").exists() {
        println!("skipped: there is no /proc here");
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("set");
    let services = Options::isolated(folder.path()).expect("services").programs.services;
    for part in Part::SERVICES {
        // Where everybody may run it.
        let program = folder.path().join(part.program());
        fs::copy(services.join(part.program()), &program).expect("copied");
        let closed = Waiting::start(&program, &[]).await;
        assert_eq!(closed.core_limits(), ["0", "0"], "{part:?}");
        assert!(!closed.shows_memory(), "{part:?}");
        let open = Waiting::start(&program, &[("OTP_CORE_DUMPS", "true")]).await;
        assert!(open.shows_memory(), "{part:?} told that dumps are wanted");
    }
}
