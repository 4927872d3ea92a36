//! Clients that watch: many of them, each as cheap as a client can be, so that what serves them is what is measured.
//!
//! They speak just enough WebSocket: an upgrade, masked text, and pongs. A mask of zeros costs nothing here and as much
//! as any other at the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::http::connect;

/// Handshakes under way at once, here and at the anchor: fewer than either keeps waiting for it to accept, so that the
/// kernel never makes a client wait a second for its next attempt.
pub(super) const AT_ONCE: usize = 512;
/// What takes longer than this is broken.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Files of this process beside the connections.
pub(super) const RESERVED: usize = 600;
/// Room for an event or two.
const READ: usize = 1024;
/// Longest head of an answer.
const HEAD_OCTETS_MAX: usize = 4096;

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// Added to the length of what a client sends.
const MASKED: u8 = 0x80;

/// One client.
#[derive(Debug)]
pub(super) struct Watcher {
    stream: TcpStream,
    read: BytesMut,
}

impl Watcher {
    /// Connects and upgrades.
    pub(super) async fn open(address: SocketAddr, number: usize) -> Result<Self> {
        let mut stream = connect(address, u64::try_from(number)?).await?;
        stream.write_all(upgrade(address).as_bytes()).await?;
        let mut read = BytesMut::with_capacity(READ);
        loop {
            ensure!(read.len() < HEAD_OCTETS_MAX, "the answer is too long");
            ensure!(stream.read_buf(&mut read).await? > 0, "closed before the upgrade");
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                ensure!(read.starts_with(b"HTTP/1.1 101 "), "no upgrade: {}", String::from_utf8_lossy(&read));
                read.advance(end + 4);
                return Ok(Self { stream, read });
            }
        }
    }

    /// Sends a message made by [`message`].
    pub(super) async fn say(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(message).await?)
    }

    /// The next text; pings before it are answered.
    pub(super) async fn text(&mut self) -> Result<BytesMut> {
        loop {
            let Some((opcode, start, end)) = parse(&self.read)? else {
                self.read.reserve(READ);
                ensure!(self.stream.read_buf(&mut self.read).await? > 0, "the server is gone");
                continue;
            };
            let mut frame = self.read.split_to(end);
            match opcode {
                TEXT => {
                    frame.advance(start);
                    return Ok(frame);
                }
                PING => self.stream.write_all(&[PONG, MASKED, 0, 0, 0, 0]).await?,
                PONG => {}
                CLOSE => bail!("closed: {}", String::from_utf8_lossy(frame.get(start + 2..).unwrap_or_default())),
                _ => bail!("a frame of type {opcode:#x}"),
            }
        }
    }

    /// As [`Watcher::text`], within [`PATIENCE`].
    pub(super) async fn soon(&mut self) -> Result<BytesMut> {
        timeout(PATIENCE, self.text()).await.context("the server says nothing")?
    }
}

/// Does something for each number below `count`, so many at once, on all cores; what comes of it is in no order.
pub(super) async fn for_each<T, F>(count: usize, each: impl Fn(usize) -> F + Clone + Send + 'static) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send,
{
    let (next, mut workers) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    for _ in 0..AT_ONCE.min(count) {
        let (next, each) = (Arc::clone(&next), each.clone());
        workers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok::<_, anyhow::Error>(done);
                }
                done.push(each(number).await?);
            }
        });
    }
    let mut all = Vec::with_capacity(count);
    while let Some(done) = workers.join_next().await {
        all.extend(done??);
    }
    Ok(all)
}

/// Whether this process and its children may open so many connections each, and what to do when not.
pub(super) fn room_for(connections: usize) -> Result<()> {
    let most = connections_max();
    ensure!(
        most >= connections,
        "{connections} connections need more open files: ulimit -n {}",
        connections + RESERVED
    );
    Ok(())
}

/// Connections that the limit on open files allows.
pub(super) fn connections_max() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    files.saturating_sub(RESERVED)
}

fn upgrade(address: SocketAddr) -> String {
    format!(
        "GET /v1/events HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A text frame as clients send it.
pub(super) fn message(text: &str) -> Result<Vec<u8>> {
    let mut frame = vec![TEXT];
    match u8::try_from(text.len()) {
        Ok(length) if length < 126 => frame.push(MASKED + length),
        _ => {
            frame.push(MASKED + 126);
            frame.extend_from_slice(&u16::try_from(text.len())?.to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    Ok(frame)
}

/// Type, start of the payload and end of the first frame; `None` while it is not whole.
fn parse(read: &[u8]) -> Result<Option<(u8, usize, usize)>> {
    let (Some(opcode), Some(length)) = (read.first(), read.get(1)) else { return Ok(None) };
    let (start, length) = match length {
        126 => match read.get(2..4) {
            Some(octets) => (4, octets.iter().fold(0, |length, octet| length * 256 + usize::from(*octet))),
            None => return Ok(None),
        },
        length if *length < 126 => (2, usize::from(*length)),
        _ => bail!("a frame that is too long, or masked"),
    };
    let end = start + length;
    Ok((read.len() >= end).then_some((*opcode, start, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_apart() {
        assert_eq!(parse(&[TEXT, 2, b'h', b'i', PING]).expect("a frame"), Some((TEXT, 2, 4)));
        assert_eq!(parse(&[TEXT, 2, b'h']).expect("half of it"), None);
        let mut long = vec![TEXT, 126, 1, 0];
        assert_eq!(parse(&long).expect("its head"), None);
        long.resize(4 + 256, b'x');
        assert_eq!(parse(&long).expect("a frame"), Some((TEXT, 4, 260)));
        assert!(parse(&[TEXT, 127]).is_err());
    }

    #[test]
    fn messages_are_masked_text() {
        assert_eq!(message("hi").expect("short"), [TEXT, 0x82, 0, 0, 0, 0, b'h', b'i']);
        let long = message(&"x".repeat(300)).expect("long");
        assert_eq!((long.len(), &long[..4]), (308, &[TEXT, 0xfe, 1, 44][..]));
    }
}
