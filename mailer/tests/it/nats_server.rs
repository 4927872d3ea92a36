//! A NATS server of a test's own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running server with its store in a folder of its own; both go when it is dropped.
pub(crate) struct NatsServer {
    child: Child,
    url: String,
    store: TempDir,
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
        let mut start = Command::new(program);
        start.arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Self { child: start.spawn().unwrap(), url: String::new(), store };
        let ports = server.store.path().join(format!("nats-server_{}.ports", server.child.id()));
        let deadline = Instant::now() + Duration::from_secs(20);
        while server.url.is_empty() {
            assert!(Instant::now() < deadline, "nats-server does not start");
            std::thread::yield_now();
            let text = std::fs::read_to_string(&ports).unwrap_or_default();
            let listed: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            let url = listed.pointer("/nats/0").and_then(|url| url.as_str());
            url.unwrap_or_default().clone_into(&mut server.url);
        }
        server
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
