//! What a server says to bytes that nobody checked.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::PATIENCE;

/// Everything that came back.
#[derive(Debug)]
pub(in super::super) struct Heard {
    /// The status of each answer, in order.
    pub(in super::super) statuses: Vec<u16>,
    /// All of it.
    pub(in super::super) text: String,
}

/// Says this and listens until the server closes. A server that only waits for more is left after `patience`, by
/// closing our side first.
pub(in super::super) async fn hear(to: SocketAddr, said: &[u8], patience: Duration) -> Heard {
    let mut stream = TcpStream::connect(to).await.expect("connected");
    let mut bytes = Vec::new();
    // A server that has seen enough resets the connection, while we still write or before we have read all.
    let wrote = tokio::time::timeout(PATIENCE, stream.write_all(said)).await.expect("written in time");
    let read = async { while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {} };
    if tokio::time::timeout(patience, read).await.is_err() && wrote.is_ok() && stream.shutdown().await.is_ok() {
        let rest = async { while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {} };
        tokio::time::timeout(PATIENCE, rest).await.expect("the server closes its side too");
    }
    let (statuses, text) = (statuses(&bytes), String::from_utf8_lossy(&bytes).into_owned());
    Heard { statuses, text }
}

/// The statuses of answers one after the other, each with as long a body as it says.
fn statuses(mut bytes: &[u8]) -> Vec<u16> {
    let mut statuses = Vec::new();
    while !bytes.is_empty() {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { break };
        let (head, rest) = bytes.split_at(end + 4);
        let head = String::from_utf8_lossy(head).into_owned();
        let status = head.strip_prefix("HTTP/1.1 ").or_else(|| head.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|text| text.get(..3)).and_then(|text| text.parse().ok());
        statuses.push(status.unwrap_or_else(|| panic!("no answer: {head:?}")));
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        // A 100 has no body and no length.
        bytes = rest.get(length.unwrap_or(0)..).unwrap_or_default();
    }
    statuses
}
