//! `redis-server` in all its parts: master, replica, Sentinel, member of a cluster.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use otp_nats::testing::{find, free_port};
use redis::{Connection, FromRedisValue};
use tempfile::TempDir;

/// A failover takes seconds; a machine that builds beside it makes them many.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server process with its data, killed when dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    arguments: Vec<String>,
    data: TempDir,
    child: Option<Child>,
}

impl Server {
    /// A server with these arguments beside those of every test.
    pub(crate) fn new(more: &[&str]) -> Self {
        let port = free_port().unwrap();
        let data = TempDir::new().unwrap();
        let (folder, port_text) = (data.path().display().to_string(), port.to_string());
        let common = ["--bind", "127.0.0.1", "--port", &port_text, "--dir", &folder, "--save", ""];
        let arguments = common.iter().chain(more).map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { port, arguments, data, child: None };
        server.start();
        server
    }

    /// A replica of another server.
    pub(crate) fn replica_of(master: &Self) -> Self {
        Self::new(&["--appendonly", "yes", "--replicaof", "127.0.0.1", &master.port.to_string()])
    }

    /// A Sentinel that watches a master called `otp`.
    pub(crate) fn sentinel(master: u16) -> Self {
        let port = free_port().unwrap();
        let data = TempDir::new().unwrap();
        let file = data.path().join("sentinel.conf");
        let text = format!(
            "bind 127.0.0.1\nport {port}\ndir {}\nsentinel monitor otp 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds otp 1000\nsentinel failover-timeout otp 5000\n",
            data.path().display()
        );
        std::fs::write(&file, text).unwrap();
        let arguments = vec![file.display().to_string(), "--sentinel".to_owned()];
        let mut server = Self { port, arguments, data, child: None };
        server.start();
        server
    }

    /// A member of a cluster that knows no other yet.
    pub(crate) fn member() -> Self {
        let bus = free_port().unwrap().to_string();
        let cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "1000"];
        Self::new(&[&["--appendonly", "yes"], cluster.as_slice()].concat())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Starts it, with the data that it has.
    pub(crate) fn start(&mut self) {
        self.stop();
        let program = find("redis-server").expect("redis-server is installed: `apt-get install redis-server`");
        let mut command = Command::new(program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        until("a server answers", || self.connect().is_some().then_some(()));
    }

    /// Kills it; its data stay.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Removes its data while it is stopped.
    pub(crate) fn forget(&self) {
        for entry in std::fs::read_dir(self.data.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
        }
    }

    /// Keeps it from running, or lets it go on.
    pub(crate) fn freeze(&self, freeze: bool) {
        let id = self.child.as_ref().unwrap().id().to_string();
        let signal = if freeze { "-STOP" } else { "-CONT" };
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// A connection to it, if it answers.
    pub(crate) fn connect(&self) -> Option<Connection> {
        let client = redis::Client::open(format!("redis://{}", self.address())).unwrap();
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(2)).ok()?;
        connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        redis::cmd("PING").query::<String>(&mut connection).ok().map(|_| connection)
    }

    /// The answer to a command.
    pub(crate) fn ask<T: FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let Some(mut connection) = self.connect() else {
            return Err((redis::ErrorKind::Io, "the server does not answer").into());
        };
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query(&mut connection)
    }

    /// What `ROLE` says first.
    pub(crate) fn role(&self) -> String {
        let role: redis::RedisResult<Vec<redis::Value>> = self.ask(&["ROLE"]);
        role.ok().and_then(|parts| redis::from_redis_value(parts.first()?.clone()).ok()).unwrap_or_default()
    }

    /// Keys that begin so.
    pub(crate) fn keys(&self, pattern: &str) -> Vec<String> {
        self.ask(&["KEYS", pattern]).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits for a condition.
pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for a condition without holding up others.
pub(crate) async fn becomes<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
