//! A DNS server for development and tests: every domain takes mail on this machine, but for those that have a fault.
//!
//! It answers over UDP and TCP on one port. Each name has the mail exchanger `10 mx.<name>` and the addresses
//! 127.0.0.1 and `::1`, so that the domain check is exercised, and works without a network. These names, and everything
//! below them, so that each test has a name that no cache holds, differ; case does not matter:
//!
//! | name | what is answered |
//! |---|---|
//! | `nxdomain.test` | NXDOMAIN |
//! | `nullmx.test` | the null exchanger `0 .` (RFC 7505) |
//! | `nomx.test` | no MX, but the addresses |
//! | `noaddress.test` | neither MX nor addresses |
//! | `servfail.test` | SERVFAIL |
//! | `timeout.test` | nothing, ever |
//! | `slow.test` | as for any name, after 2 s |
//!
//! Beside these, it has the TXT records that it is given ([`Zone::with_texts`]): what senders publish.
//!
//! Records live for 60 s. What does not exist comes with a SOA whose minimum is 30 s (RFC 2308).

mod records;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use hickory_proto::op::{Edns, Header, HeaderCounts, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::DNSClass;
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio_util::sync::CancellationToken;

use records::{Answer, Delay, Texts};

/// How long `slow.test` takes: beyond any budget of a request that waits for it.
const SLOW: Duration = Duration::from_secs(2);
/// How long a TCP client may be silent, after RFC 7766 §6.2.3.
const TCP_IDLE_MAX: Duration = Duration::from_secs(10);
/// Answers that wait for one TCP client; it sends a question at a time.
const TCP_ANSWERS_MAX: usize = 16;
/// UDP payload that is offered to a client that speaks EDNS (RFC 6891), as large as avoids fragments.
const UDP_OCTETS_MAX: u16 = 1232;
/// Attempts to find a port that is free for both UDP and TCP; on a busy machine the second one finds it.
const PORT_ATTEMPTS_MAX: usize = 32;
/// Connections that wait to be accepted.
const TCP_BACKLOG: u32 = 128;

/// A zone whose port is taken, and which answers once it is run.
#[derive(Debug)]
pub struct Zone {
    udp: UdpSocket,
    tcp: TcpListener,
    addr: SocketAddr,
    queries: Arc<AtomicU64>,
    texts: Texts,
}

impl Zone {
    /// Takes a port for UDP and TCP; port 0 takes one that is free for both.
    ///
    /// # Errors
    ///
    /// When the address can't be bound, for example because another program has the port. The error names the address.
    pub async fn bind(addr: SocketAddr) -> Result<Self> {
        let mut attempt = 1;
        loop {
            let udp = UdpSocket::bind(addr).await.with_context(|| format!("{addr} can't be bound for DNS over UDP"))?;
            let bound = udp.local_addr().context("a bound socket without an address")?;
            match listen(bound) {
                Ok(tcp) => {
                    let (queries, texts) = (Arc::default(), Texts::default());
                    return Ok(Self { udp, tcp, addr: bound, queries, texts });
                }
                // The port that was free for UDP may be taken for TCP.
                Err(error)
                    if error.kind() == ErrorKind::AddrInUse && addr.port() == 0 && attempt < PORT_ATTEMPTS_MAX =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error).with_context(|| format!("{bound} can't be bound for DNS over TCP")),
            }
        }
    }

    /// With TXT records as well: names, without the last dot, and what one record at each says.
    #[must_use]
    pub fn with_texts(mut self, texts: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, text) in texts {
            self.texts.entry(name.to_ascii_lowercase()).or_default().push(text);
        }
        self
    }

    /// Where questions are answered.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many questions came so far, those without an answer included: shows what a cache keeps away.
    pub fn queries(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.queries)
    }

    /// Answers until `shutdown` is cancelled.
    ///
    /// # Errors
    ///
    /// When a socket fails for good.
    pub async fn run(self, shutdown: CancellationToken) -> Result<()> {
        let mut server = Server::new(Questions { queries: self.queries, texts: self.texts });
        server.register_socket(self.udp);
        server.register_listener(self.tcp, TCP_IDLE_MAX, TCP_ANSWERS_MAX);
        tokio::select! {
            failed = server.block_until_done() => return failed.context("the DNS zone's sockets"),
            () = shutdown.cancelled() => {}
        }
        server.shutdown_gracefully().await.context("the DNS zone's end")
    }
}

fn listen(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it where that matters; the server itself gives no way to set it on them.
    socket.set_nodelay(true)?;
    socket.bind(addr)?;
    socket.listen(TCP_BACKLOG)
}

/// Answers questions from [`records`].
struct Questions {
    queries: Arc<AtomicU64>,
    texts: Texts,
}

#[async_trait::async_trait]
impl RequestHandler for Questions {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut responses: R) -> ResponseInfo {
        self.queries.fetch_add(1, Ordering::Relaxed);
        let answer = answer(request, &self.texts);
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = answer.code;
        metadata.authoritative = true;
        metadata.recursion_available = true;
        let unsent = ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() });
        match answer.delay {
            Delay::None => {}
            Delay::Slow => tokio::time::sleep(SLOW).await,
            Delay::Forever => return unsent,
        }
        let mut offered = Edns::new();
        offered.set_max_payload(UDP_OCTETS_MAX);
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if request.edns.is_some() {
            builder.edns(&offered);
        }
        let response = builder.build(metadata, &answer.records, [], &answer.soa, []);
        match responses.send_response(response).await {
            Ok(sent) => sent,
            Err(error) => {
                tracing::debug!(%error, "a DNS answer was not sent");
                unsent
            }
        }
    }
}

fn answer(request: &Request, texts: &Texts) -> Answer {
    if request.metadata.op_code != OpCode::Query {
        return Answer::failure(ResponseCode::NotImp);
    }
    let Ok(info) = request.request_info() else { return Answer::failure(ResponseCode::FormErr) };
    if info.query.query_class() != DNSClass::IN {
        return Answer::failure(ResponseCode::Refused);
    }
    records::answer(&info.query.original().name, info.query.query_type(), texts)
}
