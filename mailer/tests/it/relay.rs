//! A small SMTP server that does what a test tells it to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

/// Where in a session something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// Half of the message was read.
    Message,
    /// The final dot was read.
    Dot,
    Rset,
}

/// What happens there instead of the usual reply.
#[derive(Debug, Clone)]
pub(crate) enum Do {
    /// Answers this.
    Reply(&'static str),
    /// Answers this, and goes on as if it had said its usual reply.
    Belie(&'static str),
    /// Closes the connection without a word.
    Drop,
    /// Waits for [`Relay::release`], then answers this.
    Hold(&'static str),
}

#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) connection: usize,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) message: String,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<(At, Do)>,
    received: Vec<Received>,
    /// Every command with the number of its connection.
    commands: Vec<(usize, String)>,
    connections: usize,
}

/// See the module's description. It stops when dropped.
pub(crate) struct Relay {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    held: Arc<Semaphore>,
    accepting: AbortHandle,
}

impl Relay {
    /// A relay with these EHLO keywords.
    pub(crate) async fn start(keywords: &'static [&'static str]) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), keywords).await
    }

    pub(crate) async fn start_on(address: SocketAddr, keywords: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let held = Arc::new(Semaphore::new(0));
        let (shared, holding) = (Arc::clone(&state), Arc::clone(&held));
        let accepting = tokio::spawn(async move {
            let mut sessions = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut state = shared.lock().unwrap();
                    state.connections += 1;
                    state.connections
                };
                let (state, held) = (Arc::clone(&shared), Arc::clone(&holding));
                sessions.spawn(Session::new(stream, number, state, held).serve(keywords));
            }
        });
        Self { address, state, held, accepting: accepting.abort_handle() }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://{}?tls=none", self.address)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does this the next time a session comes there; several wait in line.
    pub(crate) fn plan(&self, at: At, what: Do) {
        self.lock().script.push_back((at, what));
    }

    /// Lets one held reply go.
    pub(crate) fn release(&self) {
        self.held.add_permits(1);
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.lock().received.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.lock().connections
    }

    /// The commands so far, of all connections.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.lock().commands.iter().map(|(_, command)| command.clone()).collect()
    }

    /// Whether everything that was planned has happened.
    pub(crate) fn is_done(&self) -> bool {
        self.lock().script.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The session ends.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

struct Session {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    number: usize,
    state: Arc<Mutex<State>>,
    held: Arc<Semaphore>,
}

impl Session {
    fn new(stream: TcpStream, number: usize, state: Arc<Mutex<State>>, held: Arc<Semaphore>) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader: BufReader::new(reader), writer, number, state, held }
    }

    async fn serve(mut self, keywords: &'static [&'static str]) {
        drop(self.talk(keywords).await);
    }

    async fn talk(&mut self, keywords: &[&str]) -> Result<(), Over> {
        self.answer(At::Greeting, "220 relay.test ESMTP").await?;
        let (mut from, mut to) = (String::new(), String::new());
        loop {
            let line = self.line().await?;
            self.state.lock().unwrap().commands.push((self.number, line.clone()));
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    let mut lines = vec!["250-relay.test".to_owned()];
                    lines.extend(keywords.iter().map(|keyword| format!("250-{keyword}")));
                    lines.push("250 ENHANCEDSTATUSCODES".to_owned());
                    self.answer(At::Ehlo, &lines.join("\r\n")).await?;
                }
                "STARTTLS" => _ = self.answer(At::StartTls, "454 4.7.0 TLS not available").await?,
                "AUTH" => self.authenticate(&line).await?,
                "MAIL" => {
                    if self.answer(At::Mail, "250 2.1.0 Ok").await? {
                        from = line;
                    }
                }
                "RCPT" => {
                    if from.is_empty() {
                        self.say("503 5.5.1 need MAIL first").await?;
                    } else if self.answer(At::Rcpt, "250 2.1.5 Ok").await? {
                        to = line;
                    }
                }
                "DATA" => {
                    if to.is_empty() {
                        self.say("554 5.5.1 no valid recipients").await?;
                    } else if self.answer(At::Data, "354 go on").await? {
                        let message = self.message().await?;
                        let received = Received {
                            connection: self.number,
                            from: std::mem::take(&mut from),
                            to: std::mem::take(&mut to),
                            message,
                        };
                        if self.answer(At::Dot, "250 2.0.0 Ok: queued as 4F1B2C").await? {
                            self.state.lock().unwrap().received.push(received);
                        }
                    }
                }
                "RSET" => {
                    (from, to) = (String::new(), String::new());
                    self.answer(At::Rset, "250 2.0.0 Ok").await?;
                }
                "QUIT" => {
                    self.say("221 2.0.0 Bye").await?;
                    return Ok(());
                }
                _ => self.say("500 5.5.2 what?").await?,
            }
        }
    }

    /// PLAIN of user and secret at once, LOGIN in steps, XOAUTH2 with a token.
    async fn authenticate(&mut self, line: &str) -> Result<(), Over> {
        // user NUL-separated from "secret", and the same pair in LOGIN's two steps.
        let good = match line {
            "AUTH PLAIN AHVzZXIAc2VjcmV0" | "AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIHNlY3JldAEB" => true,
            "AUTH LOGIN" => {
                self.say("334 VXNlcm5hbWU6").await?;
                let user = self.line().await?;
                self.say("334 UGFzc3dvcmQ6").await?;
                user == "dXNlcg==" && self.line().await? == "c2VjcmV0"
            }
            _ if line.starts_with("AUTH XOAUTH2") => {
                self.say("334 eyJzdGF0dXMiOiI0MDEifQ==").await?;
                assert_eq!(self.line().await?, "");
                false
            }
            _ => false,
        };
        let reply = if good { "235 2.7.0 welcome" } else { "535 5.7.8 wrong credentials" };
        self.answer(At::Auth, reply).await.map(drop)
    }

    async fn message(&mut self) -> Result<String, Over> {
        let mut message = String::new();
        for number in 0.. {
            let line = self.line().await?;
            if line == "." {
                break;
            }
            if number == 5 {
                let planned = self.planned(At::Message);
                if planned.is_some() {
                    return Err(Over);
                }
            }
            message.push_str(line.strip_prefix('.').unwrap_or(&line));
            message.push_str("\r\n");
        }
        Ok(message)
    }

    fn planned(&self, at: At) -> Option<Do> {
        let script = &mut self.state.lock().unwrap().script;
        let found = script.iter().position(|(place, _)| *place == at)?;
        script.remove(found).map(|(_, what)| what)
    }

    /// Says the usual or the planned, and whether that was positive.
    async fn answer(&mut self, at: At, usual: &str) -> Result<bool, Over> {
        let reply = match self.planned(at) {
            None => usual.to_owned(),
            Some(Do::Reply(reply)) => reply.to_owned(),
            Some(Do::Belie(reply)) => {
                self.say(reply).await?;
                return Ok(true);
            }
            Some(Do::Drop) => return Err(Over),
            Some(Do::Hold(reply)) => {
                self.held.acquire().await.map_err(|_| Over)?.forget();
                reply.to_owned()
            }
        };
        self.say(&reply).await?;
        Ok(reply.starts_with(['2', '3']))
    }

    async fn say(&mut self, reply: &str) -> Result<(), Over> {
        Ok(self.writer.write_all(format!("{reply}\r\n").as_bytes()).await?)
    }

    async fn line(&mut self) -> Result<String, Over> {
        let mut line = String::new();
        if self.reader.read_line(&mut line).await? == 0 {
            return Err(Over);
        }
        assert!(line.ends_with("\r\n"), "a line that ends in less than CRLF: {line:?}");
        Ok(line.trim_end_matches("\r\n").to_owned())
    }
}
