//! Whether a part answers as it should.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpStream, UdpSocket};

use super::operator::redis_client;
use crate::certificates::Identity;

/// Longest wait for one answer: a service's own readiness check takes up to 2 s.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// A question for the mail exchangers of `ready.test`, as RFC 1035 §4.1 lays it out.
const QUESTION: &[u8] = b"\x13\x37\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05ready\x04test\x00\x00\x0f\x00\x01";

/// An HTTP client for this machine: no proxy that the environment may name, no endless wait.
///
/// # Errors
/// The client can't be set up.
pub fn http_client() -> Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().timeout(PROBE_TIMEOUT).build().context("the HTTP client")
}

/// What is probed.
#[derive(Debug, Clone)]
pub(super) enum Probe {
    /// `GET` of this URL answers 200.
    Http(String),
    /// nats-server greets and has JetStream.
    Nats(u16),
    /// redis-server answers PING.
    Redis {
        /// Where it is, with a login.
        url: String,
        /// What to show to it, when it is reached by TLS.
        tls: Option<Identity>,
    },
    /// The zone answers a question.
    Dns(u16),
}

impl Probe {
    /// Asks once.
    ///
    /// # Errors
    /// It does not answer, or not as it should; the error says how.
    pub(super) async fn ask(&self, client: &reqwest::Client) -> Result<()> {
        let asked = async {
            match self {
                Self::Http(url) => http(client, url).await,
                Self::Nats(port) => {
                    let info = greeting(*port).await?;
                    if !info.starts_with("INFO") || !info.contains("\"jetstream\":true") {
                        bail!("it does not offer JetStream");
                    }
                    Ok(())
                }
                Self::Redis { url, tls } => redis(url, tls.as_ref()).await,
                Self::Dns(port) => dns(*port).await,
            }
        };
        tokio::time::timeout(PROBE_TIMEOUT, asked).await.context("no answer in time")?
    }
}

async fn http(client: &reqwest::Client, url: &str) -> Result<()> {
    let answer = match client.get(url).send().await {
        Ok(answer) => answer,
        Err(error) if error.is_connect() => bail!("it does not listen"),
        Err(error) => return Err(error.without_url().into()),
    };
    if answer.status().is_success() {
        return Ok(());
    }
    let status = answer.status();
    let body: serde_json::Value = answer.json().await.unwrap_or_default();
    let faults = body.get("faults").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let faults: Vec<&str> = faults.iter().filter_map(serde_json::Value::as_str).collect();
    bail!("{}", if faults.is_empty() { status.to_string() } else { faults.join("; ") })
}

async fn redis(url: &str, tls: Option<&Identity>) -> Result<()> {
    let mut connection = match redis_client(url, tls)?.get_multiplexed_async_connection().await {
        Ok(connection) => connection,
        Err(error) if error.is_connection_refusal() => bail!("it does not listen"),
        Err(error) => bail!("{error}"),
    };
    Ok(redis::cmd("PING").query_async(&mut connection).await?)
}

/// The first line that a server says; nats-server says it before TLS begins.
async fn greeting(port: u16) -> Result<String> {
    let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { bail!("it does not listen") };
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    Ok(line)
}

async fn dns(port: u16) -> Result<()> {
    let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    socket.connect((Ipv4Addr::LOCALHOST, port)).await?;
    socket.send(QUESTION).await?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).await?;
    // The same id, the flag of a response, and in the last four bits the code, 0 for NOERROR.
    match answer.get(..length) {
        Some([0x13, 0x37, flags, code, ..]) if flags & 0x80 != 0 && code % 16 == 0 => Ok(()),
        _ => bail!("it answers something else"),
    }
}
