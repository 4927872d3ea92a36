//! Real servers for tests: started on free ports with data in a temporary folder, killed when dropped.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server on an idle machine answers within milliseconds; on one that builds beside it, within seconds.
const STARTS_WITHIN: Duration = Duration::from_secs(20);
/// Debian installs servers where an ordinary user's `PATH` does not look.
const MORE_PLACES: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/lib/postfix/sbin"];

/// A server process with its data, on one port for its whole life.
#[derive(Debug)]
pub struct TestServer {
    program: PathBuf,
    arguments: Vec<String>,
    port: u16,
    data: TempDir,
    child: Option<Child>,
}

impl TestServer {
    /// A `nats-server` with JetStream.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn nats() -> io::Result<Self> {
        let data = TempDir::new()?;
        let (port, store) = (free_port()?, data.path().display().to_string());
        let arguments = ["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd", &store].map(str::to_owned).to_vec();
        Self::start_new("nats-server", "nats-server", arguments, port, data)
    }

    /// A `redis-server` that keeps its data over [`TestServer::stop`] and [`TestServer::start`].
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn redis() -> io::Result<Self> {
        let data = TempDir::new()?;
        let (port, folder) = (free_port()?, data.path().display().to_string());
        let arguments =
            ["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir", &folder, "--save", "", "--appendonly", "yes"];
        Self::start_new("redis-server", "redis-server", arguments.map(str::to_owned).to_vec(), port, data)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Its URL with this scheme.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address())
    }

    /// The folder of its data.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Kills it; its data stay.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn stop(&mut self) -> io::Result<()> {
        if let Some(mut child) = self.child.take() {
            // One that has ended by itself already is as good.
            child.kill().or_else(|error| if child.try_wait()?.is_some() { Ok(()) } else { Err(error) })?;
            child.wait()?;
        }
        Ok(())
    }

    /// Keeps it from answering until [`TestServer::thaw`], as a server does that is cut off.
    ///
    /// # Errors
    /// It does not run.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal("-STOP")
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn thaw(&self) -> io::Result<()> {
        self.signal("-CONT")
    }

    fn signal(&self, signal: &str) -> io::Result<()> {
        let child = self.child.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let sent = Command::new("kill").arg(signal).arg(child.id().to_string()).status()?;
        if sent.success() { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Starts it, on the same port with the same data.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(&mut self) -> io::Result<()> {
        self.stop()?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.child = Some(child);
        let started = Instant::now();
        while TcpStream::connect(self.address()).is_err() {
            if started.elapsed() > STARTS_WITHIN {
                return Err(io::Error::other(format!("{} does not listen", self.program.display())));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn start_new(program: &str, package: &str, arguments: Vec<String>, port: u16, data: TempDir) -> io::Result<Self> {
        let program = find(program).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("{program} is not installed: `apt-get install {package}`, `brew install {package}`, or `cargo dev up` once"),
            )
        })?;
        let mut server = Self { program, arguments, port, data, child: None };
        server.start()?;
        Ok(server)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "a test server could not be stopped");
        }
    }
}

/// A port that is free now.
///
/// # Errors
/// No port is free.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Asks again until the answer is there; `None` when it is not within ten seconds.
pub async fn eventually<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> Option<T> {
    within(Duration::from_secs(10), async || ask().await).await
}

/// As [`eventually`], within this time.
pub async fn within<T>(patience: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        if tokio::time::Instant::now() > deadline {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A program in `PATH`, or where Debian puts servers.
#[expect(clippy::disallowed_methods, reason = "where programs are is no setting of ours")]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(MORE_PLACES.map(PathBuf::from));
    places.map(|place| place.join(program)).find(|candidate| candidate.is_file())
}
