//! What any WebSocket server costs: bare tokio-tungstenite with buffers of 4 KiB.

use anyhow::{Context as _, Result};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

/// As the notifier has it. The library's own is so short that a crowd overflows it, and who comes then waits a second for
/// the kernel's next attempt: no measure of anything.
const BACKLOG: u32 = 4096;
/// Octets of the answer to a message: those of a subscription's first event.
const ANSWER_OCTETS: usize = 230;

/// A listener that keeps a crowd waiting.
pub(super) fn bind() -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    Ok(socket.listen(BACKLOG)?)
}

fn small() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(4096).max_write_buffer_size(65_536)
}

async fn open(stream: TcpStream) -> Result<WebSocketStream<TcpStream>> {
    stream.set_nodelay(true)?;
    Ok(accept_async_with_config(stream, Some(small())).await?)
}

/// Upgrades, and answers each message with one: a task for each connection.
pub(super) async fn serve(listener: TcpListener) -> Result<()> {
    super::ready(&listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        drop(tokio::spawn(async move {
            let mut socket = open(stream).await?;
            while let Some(message) = socket.next().await.transpose()? {
                if message.is_text() {
                    socket.send(Message::text("x".repeat(ANSWER_OCTETS))).await?;
                }
            }
            anyhow::Ok(())
        }));
    }
}

/// Keeps all that connect, and sends: who says `OCTETS` gets no answer, but all others get a text so long, one after the
/// other, each in a write of its own.
pub(super) async fn send(listener: TcpListener) -> Result<()> {
    super::ready(&listener)?;
    let mut sockets: Vec<WebSocketStream<TcpStream>> = Vec::new();
    loop {
        let (stream, _) = listener.accept().await?;
        let mut socket = open(stream).await?;
        while let Some(message) = socket.next().await.transpose()? {
            let text = message.to_text().context("no text")?;
            let Ok(octets) = text.parse() else { break };
            let frame = Message::text("x".repeat(octets));
            for socket in &mut sockets {
                socket.send(frame.clone()).await?;
            }
        }
        socket.send(Message::text("x".repeat(ANSWER_OCTETS))).await?;
        sockets.push(socket);
    }
}
