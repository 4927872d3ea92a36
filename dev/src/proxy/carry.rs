//! Carries bytes from one stream to another, as well as the wire allows.

use std::future::pending;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Fault, State};

/// Octets that are read at once.
const CHUNK_OCTETS: usize = 16 * 1024;
/// Chunks on the wire in one direction: with a delay of 100 ms they still let some ten MB pass in a second.
const CHUNKS_MAX: usize = 64;

/// A chunk and when it arrives.
type OnTheWay = (Instant, Bytes);

/// Carries until both directions have ended.
///
/// # Errors
/// A stream broke or is to be cut: both are to be reset.
pub(super) async fn both_ways(
    client: &mut TcpStream,
    server: &mut TcpStream,
    state: &watch::Receiver<State>,
) -> io::Result<()> {
    let (client_read, client_write) = client.split();
    let (server_read, server_write) = server.split();
    tokio::try_join!(
        one_way(client_read, server_write, state.clone()),
        one_way(server_read, client_write, state.clone()),
    )?;
    Ok(())
}

async fn one_way(reader: ReadHalf<'_>, writer: WriteHalf<'_>, state: watch::Receiver<State>) -> io::Result<()> {
    let (sent, arriving) = mpsc::channel(CHUNKS_MAX);
    tokio::try_join!(send(reader, sent, state.clone()), arrive(writer, arriving, state))?;
    Ok(())
}

async fn send(mut reader: ReadHalf<'_>, wire: mpsc::Sender<OnTheWay>, state: watch::Receiver<State>) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    let mut last = Instant::now();
    loop {
        buffer.reserve(CHUNK_OCTETS);
        if reader.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let fault = state.borrow().fault;
        // What was sent later does not arrive earlier, whatever the jitter.
        last = last.max(Instant::now() + delay(fault));
        if wire.send((last, buffer.split().freeze())).await.is_err() {
            return Ok(());
        }
    }
}

fn delay(fault: Fault) -> Duration {
    match fault {
        Fault::Latency { delay, jitter } => delay + jitter.mul_f64(rand::random_range(0.0..=1.0)),
        Fault::None | Fault::Stall | Fault::Reset | Fault::HalfOpen | Fault::CutAfter { .. } => Duration::ZERO,
    }
}

async fn arrive(
    mut writer: WriteHalf<'_>,
    mut wire: mpsc::Receiver<OnTheWay>,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut budget = Budget::default();
    while let Some((due, chunk)) = wire.recv().await {
        tokio::time::sleep_until(due).await;
        // The sender outlives every connection.
        let passing = state.wait_for(|state| state.fault != Fault::Stall).await.map(|state| state.fault);
        match passing.unwrap_or(Fault::None) {
            Fault::HalfOpen => return swallow(wire).await,
            Fault::CutAfter { bytes } => {
                let (rest, cut) = budget.spend(bytes, &chunk);
                writer.write_all(rest).await?;
                if cut {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
            }
            Fault::None | Fault::Stall | Fault::Latency { .. } | Fault::Reset => {
                budget = Budget::default();
                writer.write_all(&chunk).await?;
            }
        }
    }
    writer.shutdown().await
}

/// Takes what still comes and passes on nothing, not even that it has ended.
async fn swallow(mut wire: mpsc::Receiver<OnTheWay>) -> io::Result<()> {
    while wire.recv().await.is_some() {}
    pending().await
}

/// What has passed since the fault began.
#[derive(Debug, Default)]
struct Budget {
    passed: u64,
}

impl Budget {
    /// What of the chunk may pass, and whether the connection is cut then.
    fn spend<'c>(&mut self, most: u64, chunk: &'c [u8]) -> (&'c [u8], bool) {
        let left = usize::try_from(most.saturating_sub(self.passed)).unwrap_or(usize::MAX);
        let rest = chunk.get(..left).unwrap_or(chunk);
        self.passed += rest.len() as u64;
        (rest, self.passed >= most)
    }
}
