//! Opening a connection: greeting, EHLO, STARTTLS, AUTH.

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::{Auth, Ehlo, Quit, Starttls};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::reply::Reply;
use super::wire::{Turn, Wire};
use super::{Fault, FaultKind, Phase, Stopwatch, TlsFault, scrubbed, tls};
use crate::relay_url::{Encryption, Login, RelayUrl};

/// Challenges that an AUTH exchange may have: LOGIN has two.
const MAX_CHALLENGES: usize = 3;

/// Opens connections to one relay.
#[derive(Clone)]
pub struct Dialer {
    url: RelayUrl,
    connector: Option<TlsConnector>,
    hello: Option<String>,
    stopwatch: Stopwatch,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What a server said that it can.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one keyword of an EHLO reply")]
pub(super) struct Capabilities {
    pub(super) starttls: bool,
    pub(super) pipelining: bool,
    pub(super) utf8: bool,
    pub(super) eight_bit: bool,
    /// Largest message in bytes.
    pub(super) size: Option<u64>,
    mechanisms: Vec<String>,
}

/// A connection on which nothing is under way.
#[derive(Debug)]
pub struct Connection {
    pub(super) wire: Wire,
    pub(super) capabilities: Capabilities,
    pub(super) mails: u32,
}

impl Dialer {
    /// Prepares to connect to this relay and to say this name, or the connection's own address.
    ///
    /// # Errors
    /// [`TlsFault`], as its variants say.
    pub fn new(url: RelayUrl, hello: Option<String>) -> Result<Self, TlsFault> {
        let connector = match url.encryption {
            Encryption::None => None,
            Encryption::Implicit | Encryption::Required | Encryption::Opportunistic => {
                Some(tls::connector(url.ca.as_deref())?)
            }
        };
        Ok(Self { url, connector, hello, stopwatch: Stopwatch::default() })
    }

    /// The same, with what is told how long each step takes.
    #[must_use]
    pub fn timed(self, stopwatch: Stopwatch) -> Self {
        Self { stopwatch, ..self }
    }

    /// The relay.
    pub const fn url(&self) -> &RelayUrl {
        &self.url
    }

    /// Connects, encrypts and logs in as the relay's URL says.
    ///
    /// # Errors
    /// [`Fault`]; no connection is left behind.
    pub async fn connect(&self) -> Result<Connection, Fault> {
        let mut wire = Wire::plain(self.open().await?, self.stopwatch.clone());
        if let (Encryption::Implicit, Some(connector)) = (self.url.encryption, &self.connector) {
            wire = wire.encrypt(connector, &self.url.host).await?;
        }
        let greeting = wire.reply(Phase::Greeting).await?;
        if greeting.code != 220 {
            return Err(Fault::unwelcome(Phase::Greeting, &greeting));
        }
        let mut capabilities = self.hello(&mut wire).await?;
        if let (Encryption::Required | Encryption::Opportunistic, Some(connector)) =
            (self.url.encryption, &self.connector)
        {
            if capabilities.starttls {
                wire = starttls(wire, connector, &self.url.host).await?;
                // What was said in clear does not count any more (RFC 3207 §4.2).
                capabilities = self.hello(&mut wire).await?;
            } else if self.url.encryption == Encryption::Required {
                return Err(Fault::new(Phase::Tls, FaultKind::Tls, "the server does not offer STARTTLS"));
            }
        }
        if let Some(login) = &self.url.login {
            if !wire.is_encrypted() && self.url.encryption != Encryption::None {
                return Err(Fault::new(Phase::Tls, FaultKind::Tls, "the password is not sent in clear"));
            }
            log_in(&mut wire, &capabilities, login).await?;
        }
        Ok(Connection { wire, capabilities, mails: 0 })
    }

    async fn open(&self) -> Result<TcpStream, Fault> {
        let fault = |detail: String| Fault::new(Phase::Connect, FaultKind::Unreachable, detail);
        let connecting = TcpStream::connect((self.url.host.as_str(), self.url.port));
        let connecting = tokio::time::timeout(Phase::Connect.deadline(), connecting);
        let stream = match self.stopwatch.time(Phase::Connect, connecting).await {
            Ok(connected) => connected.map_err(|error| fault(error.to_string()))?,
            Err(_elapsed) => return Err(fault("no connection in time".to_owned())),
        };
        // Without it, a command waits for the acknowledgement of the one before (Nagle): 23 mails/s instead of thousands.
        stream.set_nodelay(true).map_err(|error| fault(error.to_string()))?;
        Ok(stream)
    }

    async fn hello(&self, wire: &mut Wire) -> Result<Capabilities, Fault> {
        let name = match (&self.hello, wire.local_address()) {
            (Some(name), _) => ClientId::Domain(name.clone()),
            (None, Ok(address)) => match address.ip().to_canonical() {
                std::net::IpAddr::V4(ip) => ClientId::Ipv4(ip),
                std::net::IpAddr::V6(ip) => ClientId::Ipv6(ip),
            },
            (None, Err(error)) => return Err(Fault::new(Phase::Hello, FaultKind::Lost, error.to_string())),
        };
        let reply = wire.ask(Phase::Hello, Ehlo::new(name).to_string().as_bytes()).await?;
        if reply.code == 250 { Ok(Capabilities::of(&reply)) } else { Err(Fault::unwelcome(Phase::Hello, &reply)) }
    }
}

async fn starttls(mut wire: Wire, connector: &TlsConnector, host: &str) -> Result<Wire, Fault> {
    let reply = wire.ask(Phase::Tls, Starttls.to_string().as_bytes()).await?;
    if reply.code != 220 {
        return Err(Fault::new(Phase::Tls, FaultKind::Tls, scrubbed(&reply)));
    }
    wire.encrypt(connector, host).await
}

async fn log_in(wire: &mut Wire, capabilities: &Capabilities, login: &Login) -> Result<(), Fault> {
    let fault = |detail: String| Fault::new(Phase::Login, FaultKind::Authentication, detail);
    let Some(mechanism) = capabilities.mechanism(login.mechanism) else {
        return Err(fault("the server offers no mechanism that is to be used".to_owned()));
    };
    let credentials = Credentials::new(login.user.clone(), login.password.expose_secret().to_owned());
    let unusable = |_error| fault("the server's challenge makes no sense".to_owned());
    let first = Auth::new(mechanism, credentials.clone(), None).map_err(unusable)?;
    let mut command = Zeroizing::new(first.to_string());
    for _ in 0..=MAX_CHALLENGES {
        let reply = wire.ask(Phase::Login, command.as_bytes()).await?;
        match (reply.code, mechanism) {
            (235, _) => return Ok(()),
            // The challenge tells in JSON what is wrong; an empty line asks for the refusal itself.
            (334, Mechanism::Xoauth2) => command = Zeroizing::new("\r\n".to_owned()),
            (334, Mechanism::Plain | Mechanism::Login) => {
                let challenge = reply.lines.first().map_or("", String::as_str);
                let challenge: Response = format!("334 {challenge}\r\n").parse().map_err(unusable)?;
                let answer = Auth::new_from_response(mechanism, credentials.clone(), &challenge).map_err(unusable)?;
                command = Zeroizing::new(answer.to_string());
            }
            (_, _) => return Err(fault(scrubbed(&reply))),
        }
    }
    Err(fault("the server challenges without end".to_owned()))
}

impl Capabilities {
    fn of(reply: &Reply) -> Self {
        let mut capabilities = Self::default();
        for line in reply.lines.iter().skip(1) {
            // Some servers write `AUTH=PLAIN`, as an old draft had it.
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty()).map(str::to_ascii_uppercase);
            match words.next().as_deref() {
                Some("STARTTLS") => capabilities.starttls = true,
                Some("PIPELINING") => capabilities.pipelining = true,
                Some("SMTPUTF8") => capabilities.utf8 = true,
                Some("8BITMIME") => capabilities.eight_bit = true,
                Some("SIZE") => {
                    capabilities.size = words.next().and_then(|word| word.parse().ok()).filter(|size| *size > 0);
                }
                Some("AUTH") => capabilities.mechanisms.extend(words),
                Some(_) | None => {}
            }
        }
        capabilities
    }

    fn mechanism(&self, chosen: Option<Mechanism>) -> Option<Mechanism> {
        let offered = |mechanism: &Mechanism| self.mechanisms.iter().any(|name| *name == mechanism.to_string());
        match chosen {
            Some(mechanism) => Some(mechanism).filter(offered),
            None => [Mechanism::Plain, Mechanism::Login].into_iter().find(offered),
        }
    }
}

impl Connection {
    /// How many mails were offered on it.
    pub const fn mails(&self) -> u32 {
        self.mails
    }

    /// Whether the server said nothing since the last reply. One that did, closed the connection or is about to.
    pub fn is_quiet(&mut self) -> bool {
        self.wire.turn() == Turn::Ours
    }

    /// Says goodbye and closes.
    pub async fn quit(mut self) {
        // Whether the server answers makes no difference to anything.
        drop(self.wire.ask(Phase::Quit, Quit.to_string().as_bytes()).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_server_can() {
        let lines =
            ["relay.example.com", "pipelining", "AUTH PLAIN login", "AUTH=XOAUTH2", "STARTTLS", "SIZE 1000", ""];
        let reply = Reply { code: 250, lines: lines.map(str::to_owned).to_vec() };
        let found = Capabilities::of(&reply);
        assert!(found.pipelining && found.starttls && !found.utf8 && !found.eight_bit);
        assert_eq!((found.mechanism(None), found.size), (Some(Mechanism::Plain), Some(1000)));
        assert_eq!(found.mechanism(Some(Mechanism::Xoauth2)), Some(Mechanism::Xoauth2));
        let named = Capabilities::of(&Reply { code: 250, lines: vec!["STARTTLS".to_owned()] });
        assert_eq!(named, Capabilities::default(), "the first line is the server's name");
        assert_eq!(named.mechanism(None), None);
    }
}
