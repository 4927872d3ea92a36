//! One look at NATS, for who examines a deployment: a connection that says why it is not made, and no more.

use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions};

use super::connection::INBOXES;
use super::{BusSettings, ConnectFault};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialFault {
    /// A file that is needed for it is of no use.
    #[error(transparent)]
    Settings(#[from] ConnectFault),
    /// The servers let nobody in with this login.
    #[error("the login is refused")]
    Refused,
    /// TLS cannot be set up with any of the servers.
    #[error("TLS fails: {0}")]
    Tls(String),
    /// None of the servers answers.
    #[error("no server answers: {0}")]
    Away(String),
}

impl BusSettings {
    /// Connects once as this service, and tells why not.
    ///
    /// # Errors
    /// [`DialFault`], as its variants say.
    pub async fn dial(&self, name: &str, within: Duration) -> Result<Client, DialFault> {
        let options = ConnectOptions::new()
            .name(name)
            .custom_inbox_prefix(format!("{INBOXES}.{name}"))
            .connection_timeout(within)
            .request_timeout(Some(within));
        let options = self.access.applied(options).await?;
        options.connect(self.access.servers.as_slice()).await.map_err(|error| match error.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => DialFault::Refused,
            ConnectErrorKind::Tls => DialFault::Tls(error.to_string()),
            ConnectErrorKind::ServerParse
            | ConnectErrorKind::Dns
            | ConnectErrorKind::TimedOut
            | ConnectErrorKind::Io
            | ConnectErrorKind::MaxReconnects => DialFault::Away(error.to_string()),
        })
    }

    /// The hosts of the servers that the settings name.
    pub fn hosts(&self) -> Vec<String> {
        self.access.servers.iter().map(|server| server.host().to_owned()).collect()
    }

    /// Whether no word goes to a server before TLS is up.
    pub const fn requires_tls(&self) -> bool {
        self.access.tls
    }
}
