//! One connection whose answers are timed: nothing between the clock and the wire.

use std::net::SocketAddr;
use std::time::Instant;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::PATIENCE;

/// Longest answer that is read.
const ANSWER_MAX: usize = 64 * 1024;

/// A connection that is kept alive.
pub(super) struct Stopwatch {
    stream: TcpStream,
}

/// An answer with the time that it took.
#[derive(Debug)]
pub(super) struct Timed {
    pub(super) status: u16,
    /// Names of the headers, in the order of their coming.
    pub(super) headers: Vec<String>,
    pub(super) body: String,
    pub(super) micros: f64,
}

impl Timed {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Stopwatch {
    pub(super) async fn at(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("connected");
        stream.set_nodelay(true).expect("no delay");
        Self { stream }
    }

    /// Posts JSON and waits for the whole answer.
    pub(super) async fn post(&mut self, path: &str, body: &Value) -> Timed {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let started = Instant::now();
        self.stream.write_all(request.as_bytes()).await.expect("written");
        let read = tokio::time::timeout(PATIENCE, self.answer()).await.expect("an answer in time");
        let micros = started.elapsed().as_secs_f64() * 1e6;
        let (head, body) = read;
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|text| text.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_ascii_lowercase());
        Timed { status: status.expect("a status"), headers: headers.collect(), body, micros }
    }

    /// Head and body of one answer; the gateway gives all of its answers a length.
    async fn answer(&mut self) -> (String, String) {
        let mut bytes = Vec::new();
        loop {
            let count = self.stream.read_buf(&mut bytes).await.expect("read");
            assert!(count > 0 && bytes.len() <= ANSWER_MAX, "{}", String::from_utf8_lossy(&bytes));
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if bytes.len() - end - 4 >= length.unwrap_or(0) {
                let body = String::from_utf8_lossy(bytes.get(end + 4..).unwrap_or_default()).into_owned();
                return (head, body);
            }
        }
    }
}
