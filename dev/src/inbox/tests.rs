//! The inbox over real sockets.

mod api;
mod bounds;
mod faults;
mod script;
mod smtp;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Inbox, Script, Tally};

const DEADLINE: Duration = Duration::from_secs(10);

const MAIL: &str = "From: \"Some App\" <app@example.com>\r\nTo: Ann <ann@example.com>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
    Message-ID: <1@example.com>\r\nDate: Mon, 2 Feb 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n\
    Auto-Submitted:\r\n auto-generated\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nYour code:\r\n\r\n  012345\r\n\
    --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Your code: <b>012345</b></p>\r\n--b--\r\n";

struct Running {
    smtp: SocketAddr,
    url: String,
    http: reqwest::Client,
    script: Script,
    tally: Tally,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut Inbox)) -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut inbox = Inbox::bind(free, free).await.unwrap();
        change(&mut inbox);
        let shutdown = CancellationToken::new();
        let (smtp, url) = (inbox.smtp_addr(), format!("http://{}", inbox.http_addr()));
        let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        let (script, tally) = (inbox.script(), inbox.tally());
        let task = tokio::spawn(inbox.run(shutdown.clone()));
        Self { smtp, url, http, script, tally, shutdown, task }
    }

    /// A client that was greeted and has said EHLO.
    async fn client(&self) -> Client {
        let mut client = Client::connect(self.smtp).await;
        assert!(client.reply().await.starts_with("220 "));
        assert!(client.ask("EHLO client.test").await.starts_with("250-"));
        client
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    async fn total(&self) -> u64 {
        self.json("/api/v1/messages").await["total"].as_u64().unwrap()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(DEADLINE, self.task).await.expect("it ends when told").unwrap().unwrap();
    }
}

/// Asks until it is so.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let started = std::time::Instant::now();
    while !is_so() {
        assert!(started.elapsed() < DEADLINE, "waited in vain for {what}");
        tokio::task::yield_now().await;
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(smtp: SocketAddr) -> Self {
        let stream = TcpStream::connect(smtp).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    async fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    /// The next reply, all of its lines; empty where the connection ended.
    async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            let read = timeout(DEADLINE, self.0.read_line(&mut reply)).await.expect("a reply in time");
            if read.unwrap_or(0) == 0 || reply.as_bytes().get(start + 3) != Some(&b'-') {
                return reply;
            }
        }
    }

    async fn ask(&mut self, command: &str) -> String {
        self.send(&format!("{command}\r\n")).await;
        self.reply().await
    }

    /// Asks, and checks how the reply starts.
    async fn expect(&mut self, command: &str, reply: &str) {
        let got = self.ask(command).await;
        assert!(got.starts_with(reply), "{command}: {got}");
    }

    /// Whether the peer has closed or reset the connection.
    async fn ended(&mut self) -> bool {
        let mut rest = Vec::new();
        let read = timeout(DEADLINE, self.0.read_to_end(&mut rest)).await.expect("an end in time");
        read.is_err() || rest.is_empty()
    }

    /// Delivers a message and gives the reply to its final dot.
    async fn deliver(&mut self, to: &str, message: &str) -> String {
        self.expect("MAIL FROM:<app@example.com>", "250 ").await;
        self.expect(&format!("RCPT TO:<{to}>"), "250 ").await;
        self.expect("DATA", "354 ").await;
        self.ask(&format!("{message}.")).await
    }
}
