//! A nats-server of our own: a free port, a folder that vanishes, killed when dropped.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;

/// The server's programs are looked for here, in this order.
const PROGRAMS: [&str; 2] = ["nats-server", "/usr/sbin/nats-server"];

pub(crate) struct Nats {
    data: tempfile::TempDir,
    pub(crate) port: u16,
    child: Child,
}

impl Nats {
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let child = spawn(&data, port);
        let nats = Self { data, port, child };
        nats.answers().await;
        nats
    }

    /// Kills it without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, with the same data at the same port.
    pub(crate) async fn revive(&mut self) {
        self.child = spawn(&self.data, self.port);
        self.answers().await;
    }

    async fn answers(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Ok(mut stream) = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await {
                let mut greeting = [0; 4];
                if stream.read_exact(&mut greeting).await.is_ok() {
                    assert_eq!(&greeting, b"INFO");
                    return;
                }
            }
            assert!(Instant::now() < deadline, "nats-server does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn spawn(data: &tempfile::TempDir, port: u16) -> Child {
    for program in PROGRAMS {
        let spawned = Command::new(program)
            .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"])
            .arg(data.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if let Ok(child) = spawned {
            return child;
        }
    }
    panic!("nats-server is missing: apt-get install nats-server");
}
