//! A mail server for development and tests that keeps what it is sent and shows it.
//!
//! Mail comes in by SMTP (RFC 5321 with PIPELINING, SIZE, 8BITMIME, SMTPUTF8 and ENHANCEDSTATUSCODES) and is read by
//! the part of Mailpit's HTTP API that a test needs, or on the page at `/`. Everything is in memory and bounded: the
//! newest 10,000 messages and 256 MiB of them stay, older ones make room.
//!
//! The receiver is strict where leniency would hide a sender's defect: lines end in CR LF, a bare line feed in a
//! message refuses it, and a parameter that was not offered is a 555.
//!
//! # Faults
//!
//! A recipient's local part can ask for a fault. Case does not matter, and a tag may follow (`fail550+anything@`), so
//! that each test has an address of its own. Any domain does.
//!
//! | local part | what happens |
//! |---|---|
//! | `fail550` | `550 5.1.1` at RCPT |
//! | `defer451` | `451 4.7.1` at RCPT, always |
//! | `defer-once`, `defer-twice` | `451 4.7.1` at RCPT the first time, or the first two, for that whole address; then accepted |
//! | `hang` | no reply at RCPT for 60 s, then the connection closes |
//! | `drop` | the connection closes after the first line of the message; nothing is stored |
//! | `drop-after` | the message is stored, and the connection closes without the 250 |
//! | `reject-data` | `554 5.6.0` after the final dot; nothing is stored |
//!
//! The program that runs an inbox can make it a relay that fails in any other way, by a [`Script`], and can have it
//! count what it keeps and acknowledges, by a [`Tally`].
//!
//! # HTTP
//!
//! | request | answers |
//! |---|---|
//! | `GET /api/v1/messages?start=&limit=` | a page of summaries, newest first |
//! | `DELETE /api/v1/messages` | `ok`; all messages, or those in a body `{"IDs":[..]}` |
//! | `GET /api/v1/search?query=to:ADDRESS` | the same for messages sent to an address: to exactly that one if the term holds an `@`, else to one that contains it |
//! | `GET /api/v1/message/{ID}` | a whole message; `latest` stands for the newest, here and below |
//! | `GET /api/v1/message/{ID}/headers` | header names with lists of unfolded values |
//! | `GET /api/v1/message/{ID}/raw` | the message as it came, dots unstuffed, nothing added |
//! | `GET /view/{ID}.html`, `/view/{ID}.txt` | one part of a message, for a browser |
//! | `GET /livez`, `/readyz` | `ok` |

mod address;
mod api;
mod command;
mod fault;
mod lines;
mod mailbox;
mod receiver;
mod replies;
mod script;
mod session;
mod tally;
#[cfg(test)]
mod tests;
mod view;

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use mailbox::Mailbox;
use session::Shared;

pub use script::{Fault, Rule, Script, Verb};
pub use tally::{Copies, Tally};

/// How long open HTTP requests may take once the inbox is told to stop: none has work that needs more.
const HTTP_DRAIN: Duration = Duration::from_secs(2);

/// An inbox whose two ports are taken, and which serves them once it is run.
#[derive(Debug)]
pub struct Inbox {
    smtp: TcpListener,
    smtp_addr: SocketAddr,
    http: TcpListener,
    http_addr: SocketAddr,
    mailbox: Arc<Mailbox>,
    script: Script,
    tally: Tally,
    connections_max: usize,
}

impl Inbox {
    /// Takes the ports for SMTP and HTTP; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// When an address can't be bound, for example because another program has the port. The error names the address.
    pub async fn bind(smtp: SocketAddr, http: SocketAddr) -> Result<Self> {
        let (smtp, smtp_addr) = listen(smtp).await.context("the inbox's SMTP port")?;
        let (http, http_addr) = listen(http).await.context("the inbox's HTTP port")?;
        let connections_max = receiver::CONNECTIONS_MAX;
        let (mailbox, script, tally) = Default::default();
        Ok(Self { smtp, smtp_addr, http, http_addr, mailbox, script, tally, connections_max })
    }

    /// Where mail is delivered.
    pub fn smtp_addr(&self) -> SocketAddr {
        self.smtp_addr
    }

    /// Where the API and the page are.
    pub fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// What goes wrong on the SMTP side; at first nothing does.
    pub fn script(&self) -> Script {
        self.script.clone()
    }

    /// Counts the mails that are kept, once it is started.
    pub fn tally(&self) -> Tally {
        self.tally.clone()
    }

    /// Serves both ports until `shutdown` is cancelled; SMTP clients are then told 421.
    ///
    /// # Errors
    ///
    /// When the HTTP server fails as a whole, which axum does not do at present.
    pub async fn run(self, shutdown: CancellationToken) -> Result<()> {
        let mailbox = Arc::clone(&self.mailbox);
        let shared = Shared { mailbox, script: self.script, tally: self.tally, ..Shared::default() };
        let receiver = receiver::receive(self.smtp, shared, self.connections_max, shutdown.clone());
        let http = self.http.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY not set");
            }
        });
        let drain = shutdown.clone();
        let api = axum::serve(http, api::router(self.mailbox))
            .with_graceful_shutdown(async move { drain.cancelled().await })
            .into_future();
        let api = async {
            tokio::select! {
                served = api => served,
                () = async { shutdown.cancelled().await; tokio::time::sleep(HTTP_DRAIN).await } => Ok(()),
            }
        };
        let ((), served) = tokio::join!(receiver, api);
        served.context("the inbox's HTTP server")
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("{address} can't be bound"))?;
    let bound = listener.local_addr().context("a bound socket without an address")?;
    Ok((listener, bound))
}
