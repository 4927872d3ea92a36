//! A TCP proxy whose wire can be made to fail: what stands between two parts when a test wants to see how they bear it.

mod carry;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Connections at once; beyond it new ones wait in the kernel. A service has some, a load generator some hundred.
const CONNECTIONS_MAX: usize = 2048;

/// What is wrong with a wire. It holds for all connections, those that are there and those to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Everything arrives later, in both directions and in order.
    Latency {
        /// At least this much.
        delay: Duration,
        /// And up to this much more.
        jitter: Duration,
    },
    /// Nothing arrives as long as it lasts; then all that was sent does.
    Stall,
    /// Connections are reset (RST), new ones as soon as they are made.
    Reset,
    /// What is sent is lost and nobody is told, as when a cable is pulled. A connection that lost something stays so
    /// when the fault is over; its ends have to find out by themselves.
    HalfOpen,
    /// A connection is reset when this many more bytes have passed in one direction.
    CutAfter {
        /// How many.
        bytes: u64,
    },
}

#[derive(Debug, Clone, Copy)]
struct State {
    fault: Fault,
    /// Grows with each [`Proxy::cut`].
    cuts: u64,
}

/// A proxy. Dropping it closes its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    _stop: DropGuard,
}

impl Proxy {
    /// Listens here (port 0 takes a free one) and passes everything on to `target`, which need not be there yet.
    ///
    /// # Errors
    /// The address can't be listened on.
    pub async fn bind(listen: SocketAddr, target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(listen).await.with_context(|| format!("a proxy can't listen on {listen}"))?;
        let address = listener.local_addr()?;
        let (state, seen) = watch::channel(State { fault: Fault::None, cuts: 0 });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(listener, target, seen)));
        Ok(Self { address, state, _stop: stop.drop_guard() })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is wrong with the wire now.
    pub fn fault(&self) -> Fault {
        self.state.borrow().fault
    }

    /// Makes this wrong with the wire; [`Fault::None`] mends it.
    pub fn set(&self, fault: Fault) {
        self.state.send_modify(|state| state.fault = fault);
    }

    /// Resets the connections that are there now.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }
}

/// The tasks of connections belong to this future, so that they end with it.
async fn accept(listener: TcpListener, target: SocketAddr, state: watch::Receiver<State>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((client, _)) => {
                    connections.spawn(connection(client, target, state.clone()));
                }
                // Out of descriptors: connections that end give some back.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(mut client: TcpStream, target: SocketAddr, mut state: watch::Receiver<State>) {
    let State { fault, cuts } = *state.borrow();
    if fault == Fault::Reset {
        return reset(&client);
    }
    let Ok(mut server) = TcpStream::connect(target).await else { return reset(&client) };
    for stream in [&client, &server] {
        // A stream that is gone already needs no such thing.
        drop(stream.set_nodelay(true));
    }
    let seen = state.clone();
    let whole = tokio::select! {
        carried = carry::both_ways(&mut client, &mut server, &seen) => carried.is_ok(),
        _ = state.wait_for(|state| state.fault == Fault::Reset || state.cuts != cuts) => false,
    };
    if !whole {
        reset(&client);
        reset(&server);
    }
}

/// The stream ends with RST when it is dropped.
fn reset(stream: &TcpStream) {
    drop(stream.set_zero_linger());
}
