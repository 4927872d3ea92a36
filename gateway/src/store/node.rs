//! One server, over one connection that all requests share and that is made again after every loss.
//!
//! What may have been run is told apart from what was not: a server that says no has done nothing, a connection that
//! broke or an answer that did not come leave it open.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use otp_nats::bus::jittered;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value,
};
use tokio::time::{Instant, timeout_at};

use super::metrics::RedisMetrics;
use super::sentinel::Sentinel;

/// A connection is made within milliseconds, also to another zone; a hanging server accepts it and says nothing.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// Between two tries to connect: a return is noticed at once, and a server that comes up is not trampled.
const PAUSE: Duration = Duration::from_millis(200);
/// Commands in flight on the connection; beyond it callers wait in line, which their own deadline ends.
const CONCURRENCY: usize = 4096;
/// Codes beyond those that the crate knows with which Redis refuses a script before its first write.
const REFUSALS: [&str; 6] = ["NOREPLICAS", "MISCONF", "OOM", "BUSY", "NOAUTH", "WRONGPASS"];

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was not run: it was not sent, or the server said so.
    NotRun(RedisError),
    /// It was sent, and whether it was run is open: the connection broke.
    Broken(RedisError),
    /// It was sent, and whether it was run is open: the deadline came first.
    Silent,
}

/// Where the server is.
#[derive(Debug)]
pub(super) enum Source {
    /// Always at the same address.
    Fixed(Box<ConnectionInfo>),
    /// Where the Sentinels say.
    Sentinel(Box<Sentinel>),
}

#[derive(Clone)]
struct Wire {
    number: u64,
    connection: MultiplexedConnection,
}

/// What the next try to connect needs to know.
#[derive(Debug, Default)]
struct Connecting {
    made: u64,
    not_before: Option<Instant>,
}

/// A server and the connection to it.
pub(super) struct Node {
    source: Source,
    wire: RwLock<Option<Wire>>,
    connecting: tokio::sync::Mutex<Connecting>,
    metrics: RedisMetrics,
}

impl Node {
    pub(super) fn new(source: Source, metrics: RedisMetrics) -> Self {
        Self { source, wire: RwLock::new(None), connecting: tokio::sync::Mutex::default(), metrics }
    }

    /// Sends a command and waits for its answer; `asking` tells a server that takes a slot over that it is meant.
    pub(super) async fn send(&self, command: &Cmd, asking: bool, deadline: Instant) -> Result<Value, Failure> {
        let wire = timeout_at(deadline, self.wire()).await;
        let Wire { number, mut connection } =
            wire.unwrap_or_else(|_| Err(away("no connection in time"))).map_err(Failure::NotRun)?;
        let Ok(answer) = timeout_at(deadline, exchange(&mut connection, command, asking)).await else {
            self.lose(number);
            return Err(Failure::Silent);
        };
        answer.and_then(Value::extract_error).map_err(|error| {
            if was_not_run(&error) {
                if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) {
                    self.lose(number);
                }
                return Failure::NotRun(error);
            }
            if !matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) {
                self.lose(number);
            }
            Failure::Broken(error)
        })
    }

    async fn wire(&self) -> Result<Wire, RedisError> {
        if let Some(wire) = self.present() {
            return Ok(wire);
        }
        // One tries, the others wait for what comes of it.
        let mut connecting = self.connecting.lock().await;
        if let Some(wire) = self.present() {
            return Ok(wire);
        }
        if connecting.not_before.is_some_and(|time| Instant::now() < time) {
            return Err(away("it could not be reached a moment ago"));
        }
        // Stands while the try is under way, too: one that is given up counts as failed.
        connecting.not_before = Some(Instant::now() + jittered(PAUSE));
        let made = tokio::time::timeout(CONNECT_WITHIN, self.connect()).await;
        let made = made.unwrap_or_else(|_| Err(away("connecting takes too long")));
        self.metrics.connected(made.is_ok());
        let connection = made.inspect_err(|error| {
            connecting.not_before = Some(Instant::now() + jittered(PAUSE));
            tracing::debug!(kind = ?error.kind(), "no connection to Redis");
        })?;
        *connecting = Connecting { made: connecting.made + 1, not_before: None };
        let wire = Wire { number: connecting.made, connection };
        *self.wire.write().unwrap_or_else(PoisonError::into_inner) = Some(wire.clone());
        Ok(wire)
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        match &self.source {
            Source::Fixed(information) => open(information).await,
            Source::Sentinel(sentinel) => sentinel.connect(&self.metrics).await,
        }
    }

    fn present(&self) -> Option<Wire> {
        self.wire.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a connection out of use; what is in flight on it may still be answered.
    fn lose(&self, number: u64) {
        let mut wire = self.wire.write().unwrap_or_else(PoisonError::into_inner);
        if wire.as_ref().is_some_and(|wire| wire.number == number) {
            *wire = None;
        }
    }
}

/// Makes a connection.
pub(super) async fn open(information: &ConnectionInfo) -> Result<MultiplexedConnection, RedisError> {
    let configuration = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_WITHIN))
        // Every command has a deadline of its own.
        .set_response_timeout(None)
        .set_concurrency_limit(CONCURRENCY);
    Client::open(information.clone())?.get_multiplexed_async_connection_with_config(&configuration).await
}

/// That a server cannot be asked.
pub(super) fn away(why: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Io, why))
}

async fn exchange(connection: &mut MultiplexedConnection, command: &Cmd, asking: bool) -> Result<Value, RedisError> {
    if !asking {
        return connection.req_packed_command(command).await;
    }
    // In one piece: ASKING holds for the next command on a connection that others use as well.
    let mut both = Pipeline::with_capacity(2);
    both.cmd("ASKING").add_command(command.clone());
    let answers = connection.req_packed_commands(&both, 1, 1).await?;
    answers.into_iter().next().ok_or_else(|| RedisError::from((ErrorKind::UnexpectedReturnType, "no answer")))
}

/// Whether the server said that it has not run the command. A script is refused at its first write at the latest.
fn was_not_run(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::ResponseError | ServerErrorKind::ExecAbort) => false,
        ErrorKind::Server(_) | ErrorKind::AuthenticationFailed => true,
        ErrorKind::Extension => error.code().is_some_and(|code| REFUSALS.contains(&code)),
        _ => false,
    }
}
