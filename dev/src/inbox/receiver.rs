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
use super::replies::Replies;
use super::session::{BUSY, IDLE, STOPPING, Session, Shared, Then};

/// Connections at once: several times the pools of all mailers on one machine.
pub(super) const CONNECTIONS_MAX: usize = 500;
/// How long a client may be silent, or may not take a reply: the least that RFC 5321 §4.5.3.2.7 allows.
const IDLE_MAX: Duration = Duration::from_mins(5);
/// How long `hang` lasts: longer than any deadline of a sender that is to be tested.
const HANG: Duration = Duration::from_mins(1);
/// How long a last word may take; a client that does not read it has no right to more.
const FAREWELL: Duration = Duration::from_secs(1);
/// Writes of a reply without end, some KiB each: more than any buffer between here and a client takes.
const FLOOD_WRITES_MAX: usize = 100_000;
/// Pause after a failed accept: without one, a lack of file descriptors is a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Takes mail over so many connections at once, until `shutdown` is cancelled and all of them are closed.
pub(super) async fn receive(
    listener: TcpListener,
    shared: Shared,
    connections_max: usize,
    shutdown: CancellationToken,
) {
    let shared = Arc::new(shared);
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
        let shared = Arc::clone(&shared);
        let shutdown = shutdown.clone();
        connections.spawn(async move {
            serve(stream, shared, shutdown).await;
            drop(place);
        });
    }
    connections.close();
    connections.wait().await;
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>, shutdown: CancellationToken) {
    let mut hang_ups = shared.script.hang_ups();
    let ended = tokio::select! {
        ended = converse(&mut stream, &shared) => ended,
        () = shutdown.cancelled() => Ok(Some(STOPPING)),
        _ = hang_ups.changed() => Ok(None),
    };
    match ended {
        Ok(Some(last_word)) => say_farewell(&mut stream, last_word).await,
        Ok(None) => {}
        Err(error) => tracing::debug!(%error, "an SMTP connection broke"),
    }
}

/// Talks until either side ends it; gives what remains to be said.
async fn converse(stream: &mut TcpStream, shared: &Arc<Shared>) -> io::Result<Option<&'static str>> {
    stream.set_nodelay(true)?;
    let mut session = Session::new(Arc::clone(shared));
    let mut lines = LineBuffer::default();
    let mut replies = Replies::default();
    let mut then = session.open(&mut replies);
    loop {
        // All lines that are there are answered in one write, as RFC 2920 has it. What is there is bounded by one
        // read, and so are the replies.
        while then == Then::Listen {
            let Some(line) = lines.next_line() else { break };
            then = session.take(&line, &mut replies);
        }
        match timeout(IDLE_MAX, say(stream, &mut replies, shared)).await {
            Ok(said) => said?,
            Err(_elapsed) => return Ok(None),
        }
        match then {
            Then::Listen => {}
            Then::Close => return close(stream).await,
            Then::Hang => return hang(stream).await,
            Then::Reset => return stream.set_zero_linger().map(|()| None),
            Then::Flood => return flood(stream).await,
            Then::Garble => return garble(stream, lines).await,
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

/// Writes the replies, and counts the 250s of mails among them once they are given to the network.
async fn say(stream: &mut TcpStream, replies: &mut Replies, shared: &Shared) -> io::Result<()> {
    if let Some(pause) = replies.drip {
        for octet in &replies.octets {
            stream.write_all(std::slice::from_ref(octet)).await?;
            sleep(pause).await;
        }
    } else if !replies.octets.is_empty() {
        stream.write_all(&replies.octets).await?;
    }
    replies.octets.clear();
    replies.receipts.drain(..).for_each(|receipt| shared.tally.acknowledged(&receipt));
    Ok(())
}

/// Closes in order. What still comes is read for a while: closing over unread octets resets the connection instead.
async fn close(stream: &mut TcpStream) -> io::Result<Option<&'static str>> {
    stream.shutdown().await?;
    let mut ignored = [0; 512];
    let until_gone = async { while stream.read(&mut ignored).await.is_ok_and(|read| read > 0) {} };
    // A client that stays has been told all the same.
    Ok(timeout(FAREWELL, until_gone).await.map_or(None, |()| None))
}

/// A reply of so many lines that no client waits for its last one.
async fn flood(stream: &mut TcpStream) -> io::Result<Option<&'static str>> {
    let lines = "250-and another line\r\n".repeat(64);
    for _ in 0..FLOOD_WRITES_MAX {
        match timeout(IDLE_MAX, stream.write_all(lines.as_bytes())).await {
            Ok(written) => written?,
            Err(_elapsed) => break,
        }
    }
    Ok(None)
}

/// Answers whatever comes next with octets that are no TLS record.
async fn garble(stream: &mut TcpStream, mut lines: LineBuffer) -> io::Result<Option<&'static str>> {
    if let Ok(read) = timeout(IDLE_MAX, stream.read_buf(lines.room())).await {
        read?;
        stream.write_all(&[0x42; 64]).await?;
    }
    close(stream).await
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
