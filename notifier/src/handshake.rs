//! The HTTP side of a connection: one request head in, one answer out (RFC 6455 §4.2).
//!
//! The head is read here and not by the WebSocket library, because everything that is no proper handshake gets an
//! answer that says what is wrong, and nothing of the handshake stays in memory afterwards.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::{Request, create_response, write_response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, header};

use crate::origin::Origins;

/// The one path.
const PATH: &str = "/v1/events";
/// The one subprotocol.
const PROTOCOL: &str = "otp.v1";
/// Largest request head: browsers with all their cookies stay below.
const MAX_HEAD: usize = 8 * 1024;
/// A refused client's leftovers are read so far, so that it sees the answer and no reset.
const MAX_LEFTOVERS: usize = 1024 * 1024;

/// Why a handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No HTTP, or a handshake with something missing.
    Malformed,
    /// The head is beyond its bound.
    TooBig,
    /// Another path.
    NotFound,
    /// Another method.
    Method,
    /// No upgrade to WebSocket version 13.
    NoUpgrade,
    /// A page that is not allowed.
    Origin,
    /// Subprotocols were offered, and ours was not among them.
    Protocol,
    /// Too many connections.
    Full,
    /// The service stops.
    Draining,
    /// The head did not come in time.
    Timeout,
    /// The connection broke.
    Lost,
}

impl Refusal {
    /// The status line's code and phrase; `None` when nobody is there to read it.
    const fn status(self) -> Option<&'static str> {
        Some(match self {
            Self::Malformed | Self::Protocol => "400 Bad Request",
            Self::TooBig => "431 Request Header Fields Too Large",
            Self::NotFound => "404 Not Found",
            Self::Method => "405 Method Not Allowed",
            Self::NoUpgrade => "426 Upgrade Required",
            Self::Origin => "403 Forbidden",
            Self::Full | Self::Draining => "503 Service Unavailable",
            Self::Timeout => "408 Request Timeout",
            Self::Lost => return None,
        })
    }

    /// Header lines of its own.
    const fn headers(self) -> &'static str {
        match self {
            Self::Method => "Allow: GET\r\n",
            Self::NoUpgrade => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            Self::Full | Self::Draining => "Retry-After: 2\r\n",
            Self::Malformed
            | Self::TooBig
            | Self::NotFound
            | Self::Origin
            | Self::Protocol
            | Self::Timeout
            | Self::Lost => "",
        }
    }

    /// The name that metrics give it, and the body.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooBig => "head-too-big",
            Self::NotFound => "not-found",
            Self::Method => "method",
            Self::NoUpgrade => "no-upgrade",
            Self::Origin => "origin",
            Self::Protocol => "subprotocol",
            Self::Full => "full",
            Self::Draining => "draining",
            Self::Timeout => "timeout",
            Self::Lost => "lost",
        }
    }
}

/// Reads the request and answers it when it is a proper handshake. Gives what the client already sent beyond it.
///
/// # Errors
/// [`Refusal`]; it is not yet told.
pub(crate) async fn accept(stream: &mut TcpStream, origins: &Origins) -> Result<Vec<u8>, Refusal> {
    let (head, rest) = read_head(stream).await?;
    let answer = answer(&head, origins)?;
    stream.write_all(&answer).await.map_err(|_| Refusal::Lost)?;
    Ok(rest)
}

/// Tells a refusal and ends the connection.
pub(crate) async fn refuse(stream: &mut TcpStream, refusal: Refusal) {
    let Some(status) = refusal.status() else { return };
    let (body, headers) = (refusal.label(), refusal.headers());
    let connection = if refusal == Refusal::NoUpgrade { "Upgrade, close" } else { "close" };
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n{headers}Connection: \
         {connection}\r\n\r\n{body}\n",
        body.len() + 1
    );
    if stream.write_all(text.as_bytes()).await.is_ok() {
        finish(stream).await;
    }
}

/// Ends our side and reads what still comes, within a bound: a socket that is closed on unread bytes resets the
/// connection, and the peer may never see our last words.
pub(crate) async fn finish(stream: &mut TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let (mut scrap, mut left) = (vec![0; 512], MAX_LEFTOVERS);
    while let Ok(count) = stream.read(&mut scrap).await {
        left = left.saturating_sub(count);
        if count == 0 || left == 0 {
            return;
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
    let mut head = Vec::with_capacity(1024);
    loop {
        let seen = head.len();
        match stream.read_buf(&mut head).await {
            Ok(0) | Err(_) => return Err(Refusal::Lost),
            Ok(_) => {}
        }
        // The end may lie across two reads.
        let from = seen.saturating_sub(3);
        let end = head.get(from..).and_then(|new| new.windows(4).position(|bytes| bytes == b"\r\n\r\n"));
        match end {
            Some(end) if from + end + 4 <= MAX_HEAD => {
                let rest = head.split_off(from + end + 4);
                return Ok((head, rest));
            }
            Some(_) => return Err(Refusal::TooBig),
            None if head.len() >= MAX_HEAD => return Err(Refusal::TooBig),
            None => {}
        }
    }
}

/// The answer to a request head.
pub(crate) fn answer(head: &[u8], origins: &Origins) -> Result<Vec<u8>, Refusal> {
    let method = head.split(|byte| *byte == b' ').next().unwrap_or_default();
    if method != b"GET" && !method.is_empty() && method.iter().all(u8::is_ascii_uppercase) {
        return Err(Refusal::Method);
    }
    // The library's parser knows no other method.
    let (_, request) = Request::try_parse(head).ok().flatten().ok_or(Refusal::Malformed)?;
    let headers = request.headers();
    if request.uri().path() != PATH {
        return Err(Refusal::NotFound);
    }
    let is = |name, value| headers.get(name).is_some_and(|found: &HeaderValue| found == value);
    if !tokens(headers, header::UPGRADE).any(|token| token.eq_ignore_ascii_case("websocket"))
        || !tokens(headers, header::CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"))
        || !is(header::SEC_WEBSOCKET_VERSION, "13")
    {
        return Err(Refusal::NoUpgrade);
    }
    if !origins.allow(headers) {
        return Err(Refusal::Origin);
    }
    let mut offers = tokens(headers, header::SEC_WEBSOCKET_PROTOCOL).peekable();
    let offered = offers.peek().is_some();
    if offered && !offers.any(|offer| offer == PROTOCOL) {
        return Err(Refusal::Protocol);
    }
    let mut response = create_response(&request).map_err(|_| Refusal::Malformed)?;
    if offered {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    let mut bytes = Vec::with_capacity(256);
    write_response(&mut bytes, &response).map_err(|_| Refusal::Malformed)?;
    Ok(bytes)
}

/// The tokens of a header that is a list, over all its lines.
fn tokens(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests;
