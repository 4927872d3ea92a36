//! A NATS server of a test's own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running server with its store in a folder of its own; both go when it is dropped.
pub(crate) struct NatsServer {
    child: Child,
    url: String,
    _store: TempDir,
}

impl NatsServer {
    pub(crate) fn start() -> Self {
        let store = tempfile::tempdir().unwrap();
        let config = store.path().join("nats.conf");
        // The server takes a free port and says which: no other test can take it in between.
        let text = format!(
            "listen: \"127.0.0.1:-1\"\nports_file_dir: {0:?}\njetstream {{ store_dir: {0:?} }}\n",
            store.path().to_str().unwrap()
        );
        std::fs::write(&config, text).unwrap();
        let program = find("nats-server").expect("nats-server is missing: apt-get install nats-server");
        let child =
            Command::new(program).arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let ports = store.path().join(format!("nats-server_{}.ports", child.id()));
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let text = std::fs::read_to_string(&ports).unwrap_or_default();
            if let Some(url) = serde_json::from_str::<serde_json::Value>(&text)
                .ok()
                .and_then(|ports| Some(ports.get("nats")?.get(0)?.as_str()?.to_owned()))
            {
                return Self { child, url, _store: store };
            }
            assert!(Instant::now() < deadline, "nats-server does not start");
            std::thread::yield_now();
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Stops answering, as a server does that is cut off.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Goes on.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap().success());
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A program in `PATH`, or where Debian puts servers.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/lib/postfix/sbin")]);
    folders.map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}
