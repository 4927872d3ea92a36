//! One client's connection: one task, from the handshake to the close.
//!
//! Ten thousand of these sleep most of their life, so what lives across the main wait is kept small: one timer for
//! all that is due, one queue for all subscriptions, buffers of a kilobyte.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use otp_nats::keys::KeyList;
use otp_nats::watched_file::InForce;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::expiry::Expiries;
use crate::handshake::{self, Refusal};
use crate::history::Histories;
use crate::hub::{Delivery, Hub, Outbox};
use crate::lifetime::{Lifetime, Step, Times};
use crate::message::Closing;
use crate::metrics::Metrics;
use crate::origin::Origins;

mod subscriptions;

use subscriptions::Subscriptions;

/// A subscription takes some 300 bytes.
const READ_BUFFER: usize = 1024;
/// Frames gather up to this before they are written.
const WRITE_BUFFER: usize = 1024;
/// What a peer that does not read can make us keep: the largest event and some more.
const MAX_WRITE_BUFFER: usize = 64 * 1024;
/// Largest message of a client.
const MAX_MESSAGE: usize = 4 * 1024;
/// Deliveries taken before the peer is listened to again.
const MOST_AT_ONCE: usize = 32;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) hub: Arc<Hub>,
    pub(crate) histories: Histories,
    pub(crate) expiries: Expiries,
    pub(crate) ticket_keys: KeyList,
    pub(crate) origins: InForce<Origins>,
    pub(crate) times: Times,
    pub(crate) metrics: Metrics,
    /// Connections and what they start.
    pub(crate) tasks: TaskTracker,
    /// Told when the service begins to stop.
    pub(crate) drain: CancellationToken,
    /// Over which time the connections close then; read after `drain` was told.
    pub(crate) spread: std::sync::OnceLock<std::time::Duration>,
}

type Socket = WebSocketStream<TcpStream>;

/// Serves one connection to its end.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, number: u64) {
    // Boxed and gone before the long wait begins.
    let Some(socket) = Box::pin(open(&shared, stream)).await else { return };
    let (outbox, inbox) = Outbox::new(number);
    let phase = rand::random_range(0.1..=1.0);
    let mut connection = Connection {
        lifetime: Lifetime::new(&shared.times, Instant::now(), phase),
        subscriptions: Subscriptions::new(outbox),
        shared,
        socket,
    };
    let closing = connection.run(inbox).await;
    connection.subscriptions.leave_all(&connection.shared);
    connection.shared.metrics.closed(closing);
    Box::pin(close(connection.socket, closing, connection.shared.times)).await;
}

async fn open(shared: &Shared, mut stream: TcpStream) -> Option<Socket> {
    let origins = shared.origins.current();
    let accepted = tokio::select! {
        biased;
        () = shared.drain.cancelled() => Err(Refusal::Draining),
        accepted = timeout(shared.times.handshake, handshake::accept(&mut stream, &origins)) =>
            accepted.unwrap_or(Err(Refusal::Timeout)),
    };
    match accepted {
        Ok(rest) => {
            shared.metrics.accepted.inc();
            Some(WebSocketStream::from_partially_read(stream, rest, Role::Server, Some(buffers())).await)
        }
        Err(refusal) => {
            refuse(shared, stream, refusal).await;
            None
        }
    }
}

/// Tells a refusal, within the time of a close.
pub(crate) async fn refuse(shared: &Shared, mut stream: TcpStream, refusal: Refusal) {
    shared.metrics.refused(refusal.label());
    if timeout(shared.times.close, handshake::refuse(&mut stream, refusal)).await.is_err() {
        tracing::trace!("a refused client did not hear it out");
    }
}

fn buffers() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}

/// Says why, waits for the peer's answer, and ends the connection.
async fn close(mut socket: Socket, closing: Closing, times: Times) {
    if closing == Closing::Lost {
        return;
    }
    let said = timeout(times.close, async {
        if let Some(frame) = closing.frame() {
            socket.close(Some(frame)).await?;
        }
        // The peer's own close frame, or what it sent before it saw ours.
        while socket.next().await.transpose()?.is_some() {}
        Ok::<_, Error>(())
    });
    // A peer that has broken the protocol is not understood any more; all others answer, or have gone.
    if said.await.is_ok() && timeout(times.close, handshake::finish(socket.get_mut())).await.is_err() {
        tracing::trace!("a client did not close its side");
    }
}

struct Connection {
    shared: Arc<Shared>,
    socket: Socket,
    subscriptions: Subscriptions,
    lifetime: Lifetime,
}

impl Connection {
    async fn run(&mut self, mut inbox: mpsc::Receiver<Delivery>) -> Closing {
        let shared = Arc::clone(&self.shared);
        let mut timer = std::pin::pin!(tokio::time::sleep_until(self.next_due()));
        let mut drain = std::pin::pin!(shared.drain.cancelled());
        loop {
            let outcome = tokio::select! {
                message = self.socket.next() => self.heard(message).await,
                Some(delivery) = inbox.recv() => self.delivered(delivery, &mut inbox).await,
                () = timer.as_mut() => self.due().await,
                () = drain.as_mut(), if !self.lifetime.is_leaving() => {
                    self.leave_soon();
                    Ok(())
                }
            };
            if let Err(closing) = outcome {
                return closing;
            }
            self.rest(timer.as_mut());
        }
    }

    /// Sets the timer to what is due next.
    fn rest(&mut self, mut timer: std::pin::Pin<&mut Sleep>) {
        if self.subscriptions.any_open() {
            self.lifetime.occupied();
        } else if self.subscriptions.had_any() {
            self.lifetime.vacated(&self.shared.times, Instant::now());
        }
        let next = self.next_due();
        if timer.deadline() != next {
            timer.as_mut().reset(next);
        }
    }

    fn next_due(&self) -> Instant {
        let next = self.lifetime.next();
        self.subscriptions.next_due().map_or(next, |due| next.min(due))
    }

    fn leave_soon(&mut self) {
        let spread = self.shared.spread.get().copied().unwrap_or_default();
        self.lifetime.leave_at(Instant::now() + spread.mul_f64(rand::random_range(0.0..=1.0)));
    }

    async fn heard(&mut self, message: Option<Result<Message, Error>>) -> Result<(), Closing> {
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(broken(&error)),
            None => return Err(Closing::Lost),
        };
        let now = Instant::now();
        self.lifetime.heard(now).map_or(Ok(()), Err)?;
        match message {
            Message::Text(text) => {
                let mut frames = Vec::new();
                let verdict = self.subscriptions.asked(&self.shared, &text, now, &mut frames);
                drop(text);
                for frame in frames {
                    self.feed(frame).await?;
                }
                self.flush().await?;
                if verdict == subscriptions::Heard::Fault {
                    self.lifetime.fault().map_or(Ok(()), Err)?;
                }
                Ok(())
            }
            Message::Pong(_) => {
                self.lifetime.pong();
                Ok(())
            }
            // The library has queued the pong; reading on would send it too, but this is where a write has a deadline.
            Message::Ping(_) => self.flush().await,
            Message::Binary(_) => Err(Closing::Binary),
            Message::Close(_) => Err(Closing::Peer),
            // Never given by a read.
            Message::Frame(_) => Ok(()),
        }
    }

    async fn delivered(&mut self, first: Delivery, inbox: &mut mpsc::Receiver<Delivery>) -> Result<(), Closing> {
        let (mut next, mut frames) = (Some(first), Vec::new());
        for left in (0..MOST_AT_ONCE).rev() {
            let Some(delivery) = next.take() else { break };
            let outcome = self.subscriptions.delivered(&self.shared, delivery, &mut frames);
            for frame in frames.drain(..) {
                self.feed(frame).await?;
            }
            outcome?;
            next = if left > 0 { inbox.try_recv().ok() } else { None };
        }
        self.flush().await
    }

    async fn due(&mut self) -> Result<(), Closing> {
        let now = Instant::now();
        let mut frames = Vec::new();
        self.subscriptions.due(&self.shared, now, &mut frames);
        for frame in frames {
            self.feed(frame).await?;
        }
        match self.lifetime.step(&self.shared.times, now) {
            Step::Wait => {}
            Step::Ping => self.say(Message::Ping(Bytes::new())).await?,
            Step::Close(closing) => {
                if closing == Closing::SubscribeTimeout {
                    let code = crate::message::ErrorCode::SubscribeTimeout;
                    self.shared.metrics.error(code.as_str());
                    self.feed(code.frame(None)).await?;
                }
                return Err(closing);
            }
        }
        self.flush().await
    }

    async fn feed(&mut self, frame: Utf8Bytes) -> Result<(), Closing> {
        self.say(Message::Text(frame)).await
    }

    async fn say(&mut self, message: Message) -> Result<(), Closing> {
        in_time(self.shared.times, self.socket.feed(message)).await
    }

    async fn flush(&mut self) -> Result<(), Closing> {
        let flushed = in_time(self.shared.times, self.socket.flush()).await;
        self.subscriptions.written();
        flushed
    }
}

/// A write that takes too long is a client that does not keep up.
async fn in_time(times: Times, write: impl Future<Output = Result<(), Error>>) -> Result<(), Closing> {
    match timeout(times.write, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(broken(&error)),
        Err(_elapsed) => Err(Closing::Slow),
    }
}

fn broken(error: &Error) -> Closing {
    match error {
        Error::Capacity(_) => Closing::TooBig,
        Error::Utf8(_) => Closing::NotUtf8,
        Error::WriteBufferFull(_) => Closing::Slow,
        Error::Protocol(tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            Closing::Lost
        }
        Error::Protocol(_) => Closing::Protocol,
        _ => Closing::Lost,
    }
}
