//! How people and tests get at the servers of a stack: as the operator, who may do everything.

use anyhow::{Context, Result};
use async_nats::{ConnectOptions, ServerAddr};
use redis::{ClientTlsConfig, TlsCertificates};

use super::state::StackFile;
use crate::certificates::Identity;

impl StackFile {
    /// A connection to all NATS servers.
    ///
    /// # Errors
    /// None answers, or they refuse.
    pub async fn connect_nats(&self) -> Result<async_nats::Client> {
        self.connect_nats_at(self.nats_nodes.values(), ConnectOptions::new()).await
    }

    /// A connection to some of the NATS servers, as [`StackFile::nats_nodes`] spells them.
    ///
    /// # Errors
    /// None answers, or they refuse.
    pub async fn connect_nats_at(
        &self,
        urls: impl IntoIterator<Item = impl AsRef<str>>,
        options: ConnectOptions,
    ) -> Result<async_nats::Client> {
        let urls: Vec<ServerAddr> =
            urls.into_iter().map(|url| url.as_ref().parse()).collect::<Result<_, _>>().context("a server's URL")?;
        let first = urls.first().context("no server")?;
        // The client library does not read the login out of the URL by itself.
        let login =
            first.username().zip(first.password()).map(|(user, password)| (user.to_owned(), password.to_owned()));
        let options =
            login.into_iter().fold(options, |options, (user, password)| options.user_and_password(user, password));
        let options = self.tls.iter().fold(options, |options, Identity { ca, certificate, key }| {
            options
                .require_tls(true)
                .add_root_certificates(ca.clone())
                .add_client_certificate(certificate.clone(), key.clone())
        });
        Ok(options.connect(urls).await?)
    }

    /// A client for Redis.
    ///
    /// # Errors
    /// The certificates can't be read.
    pub fn redis_client(&self) -> Result<redis::Client> {
        redis_client(&self.redis, self.tls.as_ref())
    }
}

/// A client for Redis at this URL, with a certificate where it is reached by TLS.
pub(super) fn redis_client(url: &str, tls: Option<&Identity>) -> Result<redis::Client> {
    let Some(Identity { ca, certificate, key }) = tls else {
        return Ok(redis::Client::open(url)?);
    };
    let client_tls = ClientTlsConfig { client_cert: std::fs::read(certificate)?, client_key: std::fs::read(key)? };
    let certificates = TlsCertificates { client_tls: Some(client_tls), root_cert: Some(std::fs::read(ca)?) };
    Ok(redis::Client::build_with_tls(url, certificates)?)
}

/// A URL without the password in it, for people to look at.
pub fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    if scheme.is_empty() { address.to_owned() } else { format!("{scheme}://{address}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_look_at_has_no_password() {
        assert_eq!(shown("nats://operator:hunter2@127.0.0.1:4222"), "nats://127.0.0.1:4222");
        assert_eq!(shown("redis://127.0.0.1:1"), "redis://127.0.0.1:1");
    }
}
