//! Taking connections: a bound on how many there are, and a word for those beyond it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use otp_nats::bus::jittered;
use otp_nats::network::{ConnectionCap, Connections, Place};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connection::{self, Shared};
use crate::handshake::Refusal;

/// Connections that the kernel keeps until we take them: what a crowd that reconnects fills in some milliseconds.
const BACKLOG: u32 = 4096;
/// What the kernel keeps for a client that does not read. Events are small; a client further behind resumes.
const SEND_BUFFER: u32 = 32 * 1024;
/// Connections beyond the bound that are told so at once; more are dropped without a word.
const REFUSED_AT_ONCE: usize = 256;
/// Files beside the connections: ports, NATS, the refused.
const RESERVED: usize = REFUSED_AT_ONCE + 64;
/// After a failure to take a connection (no descriptors left), some have to end first.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// Binds the address; port 0 takes a free one.
///
/// # Errors
/// The address cannot be bound.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes connections until the service stops; each is served by a task of its own.
pub(crate) async fn run(listener: TcpListener, shared: Arc<Shared>, max_connections: usize, cap: ConnectionCap) {
    if descriptors().is_some_and(|limit| limit < max_connections.saturating_add(RESERVED)) {
        tracing::warn!(max_connections, "the process may not open so many files: raise its limit (ulimit -n)");
    }
    let networks = Connections::new(cap);
    let places = Arc::new(Semaphore::new(max_connections));
    let refused = Arc::new(Semaphore::new(REFUSED_AT_ONCE));
    let mut number = 0_u64;
    loop {
        let taken = tokio::select! {
            biased;
            () = shared.drain.cancelled() => return,
            taken = listener.accept() => taken,
        };
        let (stream, peer) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                shared.metrics.refused("accept-failed");
                tokio::time::sleep(jittered(AFTER_FAILURE)).await;
                continue;
            }
        };
        number += 1;
        let room = networks.admit(peer.ip()).zip(Arc::clone(&places).try_acquire_owned().ok());
        if let Some(room) = room {
            serve(&shared, stream, number, room);
        } else if let Ok(place) = Arc::clone(&refused).try_acquire_owned() {
            let shared_there = Arc::clone(&shared);
            shared.tasks.spawn(async move {
                connection::refuse(&shared_there, stream, Refusal::Full).await;
                drop(place);
            });
        } else {
            shared.metrics.refused("full-dropped");
        }
    }
}

/// How many files the process may have open, where the system tells it this way.
fn descriptors() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn serve(shared: &Arc<Shared>, stream: TcpStream, number: u64, place: (Place, OwnedSemaphorePermit)) {
    // Events are single small frames: none of them shall wait for another's acknowledgement.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    shared.metrics.open.inc();
    let shared_there = Arc::clone(shared);
    shared.tasks.spawn(async move {
        let open = shared_there.metrics.open.clone();
        connection::serve(shared_there, stream, number).await;
        open.dec();
        drop(place);
    });
}
