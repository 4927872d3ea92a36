//! The bytes of a connection: replies read, commands written, each within its deadline.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::reply::Reply;
use super::{Fault, FaultKind, Phase, Stopwatch, scrubbed};

/// A server that pipelined replies to what was never asked is cut off here.
const MAX_INPUT: usize = 1 << 20;

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The server waits to be asked.
    Ours,
    /// The connection is closed.
    Closed,
    /// The server is about to close it.
    Goodbye(Reply),
    /// The server has said what it was not asked: whatever it says next may be the answer to something else.
    Overstepped,
}

/// A connection's stream with what was read ahead.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    input: Vec<u8>,
    stopwatch: Stopwatch,
}

impl Wire {
    pub(super) fn plain(stream: TcpStream, stopwatch: Stopwatch) -> Self {
        Self { stream: Stream::Plain(stream), input: Vec::with_capacity(512), stopwatch }
    }

    pub(super) const fn is_encrypted(&self) -> bool {
        match self.stream {
            Stream::Plain(_) => false,
            Stream::Tls(_) => true,
        }
    }

    pub(super) fn local_address(&self) -> io::Result<SocketAddr> {
        match &self.stream {
            Stream::Plain(stream) => stream.local_addr(),
            Stream::Tls(stream) => stream.get_ref().0.local_addr(),
        }
    }

    /// Encrypts the connection. What was read ahead came in clear and belongs to no reply: somebody between put it
    /// there so that it counts as said under TLS, and the connection is given up.
    pub(super) async fn encrypt(self, connector: &TlsConnector, host: &str) -> Result<Self, Fault> {
        let fault = |detail: String| Fault::new(Phase::Tls, FaultKind::Tls, detail);
        if !self.input.is_empty() {
            return Err(fault("the server spoke on before the handshake".to_owned()));
        }
        let Self { stream: Stream::Plain(stream), input, stopwatch } = self else {
            return Err(fault("encrypted already".to_owned()));
        };
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| fault("the host is no name for TLS".to_owned()))?;
        let handshake = tokio::time::timeout(Phase::Tls.deadline(), connector.connect(name, stream));
        match stopwatch.time(Phase::Tls, handshake).await {
            Ok(Ok(stream)) => Ok(Self { stream: Stream::Tls(Box::new(stream)), input, stopwatch }),
            Ok(Err(error)) => Err(fault(error.to_string())),
            Err(_elapsed) => Err(Fault::new(Phase::Tls, FaultKind::TimedOut, "no handshake in time")),
        }
    }

    /// Writes a command and reads its reply. What the server has said before is no reply to it: a server out of step is
    /// given up, or else it would be read as the answer to this mail.
    pub(super) async fn ask(&mut self, phase: Phase, command: &[u8]) -> Result<Reply, Fault> {
        self.in_turn(phase)?;
        let stopwatch = self.stopwatch.clone();
        let asked = within(phase, async {
            self.stream.write_all(command).await?;
            self.stream.flush().await?;
            self.next_reply().await
        });
        stopwatch.time(phase, asked).await
    }

    /// Writes without waiting for a reply; as [`Wire::ask`] only while the server has said nothing.
    pub(super) async fn say(&mut self, phase: Phase, commands: &[u8]) -> Result<(), Fault> {
        self.in_turn(phase)?;
        within(phase, async {
            self.stream.write_all(commands).await?;
            self.stream.flush().await
        })
        .await
    }

    /// Reads the next reply.
    pub(super) async fn reply(&mut self, phase: Phase) -> Result<Reply, Fault> {
        let stopwatch = self.stopwatch.clone();
        stopwatch.time(phase, within(phase, self.next_reply())).await
    }

    /// Whether it is the client's turn, as far as what has arrived here tells.
    pub(super) fn turn(&mut self) -> Turn {
        if self.input.is_empty() {
            match self.stream.read_buf(&mut self.input).now_or_never() {
                None => return Turn::Ours,
                Some(Ok(0) | Err(_)) => return Turn::Closed,
                Some(Ok(_)) => {}
            }
        }
        match Reply::read(&self.input) {
            // The one thing that a server may say unasked (RFC 5321 §3.8): that it closes the connection.
            Ok(Some((reply, _))) if reply.code == 421 => Turn::Goodbye(reply),
            Ok(_) | Err(_) => Turn::Overstepped,
        }
    }

    /// That it is the client's turn.
    pub(super) fn in_turn(&mut self, phase: Phase) -> Result<(), Fault> {
        match self.turn() {
            Turn::Ours => Ok(()),
            Turn::Closed => Err(Fault::new(phase, FaultKind::Lost, "closed by the server")),
            Turn::Goodbye(reply) => Err(Fault::new(phase, FaultKind::Busy, scrubbed(&reply))),
            Turn::Overstepped => Err(Fault::new(phase, FaultKind::Lost, "the server spoke out of turn")),
        }
    }

    async fn next_reply(&mut self) -> io::Result<Reply> {
        loop {
            match Reply::read(&self.input) {
                Ok(Some((reply, taken))) => {
                    self.input.drain(..taken);
                    return Ok(reply);
                }
                Ok(None) if self.input.len() < MAX_INPUT => {}
                Ok(None) | Err(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "no SMTP reply")),
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed by the server"));
            }
        }
    }
}

async fn within<T>(phase: Phase, step: impl Future<Output = io::Result<T>>) -> Result<T, Fault> {
    match tokio::time::timeout(phase.deadline(), step).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Fault::new(phase, FaultKind::Lost, error.to_string())),
        Err(_elapsed) => Err(Fault::new(phase, FaultKind::TimedOut, "no answer in time")),
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
