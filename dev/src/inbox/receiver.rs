//! The SMTP side: connections, and the bounds on them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lines::LineBuffer;
use super::mailbox::Mailbox;
use super::session::{BUSY, GREETING, IDLE, STOPPING, Session, Shared, Then};

/// Connections at once: several times the pools of all mailers on one machine.
pub(super) const CONNECTIONS_MAX: usize = 500;
/// How long a client may be silent, or may not take a reply: the least that RFC 5321 §4.5.3.2.7 allows.
const IDLE_MAX: Duration = Duration::from_mins(5);
/// How long `hang` lasts: longer than any deadline of a sender that is to be tested.
const HANG: Duration = Duration::from_mins(1);
/// How long a last word may take; a client that does not read it has no right to more.
const FAREWELL: Duration = Duration::from_secs(1);
/// Pause after a failed accept: without one, a lack of file descriptors is a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Takes mail over so many connections at once, until `shutdown` is cancelled and all of them are closed.
pub(super) async fn receive(
    listener: TcpListener,
    mailbox: Arc<Mailbox>,
    connections_max: usize,
    shutdown: CancellationToken,
) {
    let shared = Arc::new(Shared { mailbox, ..Shared::default() });
    let places = Arc::new(Semaphore::new(connections_max));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        let mut stream = match accepted {
            Ok((stream, _peer)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the inbox can't accept a connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            say_farewell(&mut stream, BUSY).await;
            continue;
        };
        let session = Session::new(Arc::clone(&shared));
        let shutdown = shutdown.clone();
        connections.spawn(async move {
            serve(stream, session, shutdown).await;
            drop(place);
        });
    }
    connections.close();
    connections.wait().await;
}

async fn serve(mut stream: TcpStream, session: Session, shutdown: CancellationToken) {
    let ended = tokio::select! {
        ended = converse(&mut stream, session) => ended,
        () = shutdown.cancelled() => Ok(Some(STOPPING)),
    };
    match ended {
        Ok(Some(last_word)) => say_farewell(&mut stream, last_word).await,
        Ok(None) => {}
        Err(error) => tracing::debug!(%error, "an SMTP connection broke"),
    }
}

/// Talks until either side ends it; gives what remains to be said.
async fn converse(stream: &mut TcpStream, mut session: Session) -> io::Result<Option<&'static str>> {
    stream.set_nodelay(true)?;
    let mut lines = LineBuffer::default();
    let mut replies = GREETING.as_bytes().to_vec();
    loop {
        // All lines that are there are answered in one write, as RFC 2920 has it. What is there is bounded by one
        // read, and so are the replies.
        let mut then = Then::Listen;
        while then == Then::Listen {
            let Some(line) = lines.next_line() else { break };
            then = session.take(&line, &mut replies);
        }
        if !replies.is_empty() {
            match timeout(IDLE_MAX, stream.write_all(&replies)).await {
                Ok(written) => written?,
                Err(_elapsed) => return Ok(None),
            }
            replies.clear();
        }
        match then {
            Then::Listen => {}
            Then::Close => return Ok(None),
            Then::Hang => return hang(stream).await,
        }
        match timeout(IDLE_MAX, stream.read_buf(lines.room())).await {
            Ok(Ok(0)) => return Ok(None),
            Ok(read) => {
                read?;
            }
            Err(_elapsed) => return Ok(Some(IDLE)),
        }
    }
}

/// Says nothing for long, but notices that the client has gone, so that its place is free.
async fn hang(stream: &mut TcpStream) -> io::Result<Option<&'static str>> {
    let until_gone = async {
        let mut ignored = [0; 512];
        while stream.read(&mut ignored).await? > 0 {}
        Ok(())
    };
    timeout(HANG, until_gone).await.unwrap_or(Ok(())).map(|()| None)
}

async fn say_farewell(stream: &mut TcpStream, last_word: &str) {
    let said = timeout(FAREWELL, stream.write_all(last_word.as_bytes())).await;
    if !matches!(said, Ok(Ok(()))) {
        tracing::debug!("an SMTP client did not take the last word");
    }
}
