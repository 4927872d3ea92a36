//! `probe`: asks the service in the same container whether it is ready, for health checks of images that hold
//! neither a shell nor an HTTP client.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::settings::{Declared, Environment, Setting as _};

/// The setting that says where `/ready` is; each service declares it with a default of its own.
const ADMIN_LISTEN: &str = "OTP_ADMIN_LISTEN";
/// The whole probe takes no longer: somewhat more than the service gives its own check, less than the timeout that
/// container runtimes are commonly given.
const WITHIN: Duration = Duration::from_secs(4);
/// Most bytes of an answer that are read; a readiness answer has some hundred.
const ANSWER_MAX: u64 = 4096;

/// Why a probe does not find the service ready.
#[derive(Debug, thiserror::Error)]
pub enum ProbeFault {
    /// The address of the admin port is not known.
    #[error("{ADMIN_LISTEN} names no address to ask")]
    Address,
    /// Nothing answers in time.
    #[error("no answer: {0}")]
    NoAnswer(#[from] std::io::Error),
    /// The service says what stands in the way.
    #[error("not ready: {0}")]
    NotReady(String),
}

/// Asks this service's own admin port. `declared` holds the service's settings with their defaults.
///
/// # Errors
/// The service is not ready, or does not answer.
pub fn probe(environment: &dyn Environment, declared: &[Declared]) -> Result<(), ProbeFault> {
    let default = declared.iter().find(|setting| setting.name == ADMIN_LISTEN).and_then(|setting| setting.default);
    let set = environment.variable(ADMIN_LISTEN).filter(|text| !text.trim().is_empty());
    let listen = set.as_deref().or(default).and_then(|text| SocketAddr::parse(text.trim()).ok());
    ask(reachable(listen.ok_or(ProbeFault::Address)?)?, WITHIN)
}

/// Where to connect for what is listened on: "all addresses" is no destination, and port 0 is not known from outside.
fn reachable(listen: SocketAddr) -> Result<SocketAddr, ProbeFault> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    if listen.port() == 0 { Err(ProbeFault::Address) } else { Ok(SocketAddr::new(ip, listen.port())) }
}

fn ask(address: SocketAddr, within: Duration) -> Result<(), ProbeFault> {
    let deadline = Instant::now() + within;
    let mut stream = TcpStream::connect_timeout(&address, within)?;
    stream.set_write_timeout(Some(within))?;
    // HTTP/1.0: the answer ends with the connection, and comes in one piece.
    stream.write_all(b"GET /ready HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let answer = read_until(stream, deadline)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let mut status_line = head.split_ascii_whitespace();
    let is_http = status_line.next().is_some_and(|version| version.starts_with("HTTP/1."));
    match status_line.next() {
        Some("200") if is_http => Ok(()),
        _ if is_http && !body.is_empty() => Err(ProbeFault::NotReady(body.trim().to_owned())),
        status => Err(ProbeFault::NotReady(format!("status {}", status.filter(|_| is_http).unwrap_or("unknown")))),
    }
}

/// Reads to the end, to [`ANSWER_MAX`] or to the deadline: a peer that sends byte by byte gets no more time.
fn read_until(stream: TcpStream, deadline: Instant) -> std::io::Result<String> {
    let mut limited = stream.take(ANSWER_MAX);
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        limited.get_ref().set_read_timeout(Some(left))?;
        match limited.read(&mut piece)? {
            0 => return Ok(String::from_utf8_lossy(&answer).into_owned()),
            length => answer.extend_from_slice(piece.get(..length).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests;
