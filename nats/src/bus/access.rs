//! Which servers, who a service is to them, and how it knows that they are the right ones.

use std::path::{Path, PathBuf};

use async_nats::{ConnectOptions, ServerAddr};
use secrecy::{ExposeSecret as _, SecretString};

use super::ConnectFault;
use crate::settings::{List, Setting, Settings};

/// What stands in every file of certificates and keys.
const PEM: &[u8] = b"-----BEGIN ";

/// Servers, login and certificates.
#[derive(Debug, Clone)]
pub(super) struct Access {
    /// The servers to try, without the login that may have stood in their URLs.
    pub(super) servers: Vec<ServerAddr>,
    login: Option<Login>,
    credentials: Option<PathBuf>,
    ca: Option<PathBuf>,
    certificate: Option<(PathBuf, PathBuf)>,
    /// Whether no word goes to a server before TLS is up.
    pub(super) tls: bool,
}

#[derive(Debug, Clone)]
struct Login {
    user: String,
    password: Password,
}

/// A password, which no `Debug` shows.
#[derive(Debug, Clone)]
struct Password(SecretString);

impl Setting for Password {
    const FORM: &'static str = "text";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned().into()))
    }
}

impl Setting for ServerAddr {
    const FORM: &'static str = "nats://[user:password@]host[:port] or tls://...";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| String::new())
    }
}

impl Access {
    /// Declares and reads the settings.
    pub(super) fn read(settings: &mut Settings<'_>) -> Option<Self> {
        let servers: Option<List<ServerAddr>> =
            settings.secret_or("OTP_NATS_URL", "nats://127.0.0.1:4222", "NATS servers");
        let user: Option<Option<String>> =
            settings.optional("OTP_NATS_USER", "Login at the NATS servers, when not in OTP_NATS_URL");
        let password: Option<Password> = settings.secret_or("OTP_NATS_PASSWORD", "", "Its password");
        let credentials = settings.optional("OTP_NATS_CREDENTIALS_FILE", "NATS credentials file (JWT and seed)");
        let ca = settings.optional(
            "OTP_NATS_CA_FILE",
            "Certificate authority of the NATS servers (PEM), in place of the system's; TLS is then required",
        );
        let certificate: Option<Option<PathBuf>> =
            settings.optional("OTP_NATS_CERT_FILE", "Certificate to show to the NATS servers (PEM)");
        let key: Option<Option<PathBuf>> = settings.optional("OTP_NATS_KEY_FILE", "Its key (PEM)");
        let (servers, password) = (servers?.0, password?);
        let password = Some(password).filter(|password| !password.0.expose_secret().is_empty());
        let in_urls = login_in(&servers);
        let login = match (user?, password) {
            (None, None) => in_urls,
            (Some(_), Some(_)) if in_urls.is_some() => {
                settings.fault("OTP_NATS_URL has a login, and OTP_NATS_USER is set");
                None
            }
            (Some(user), Some(password)) => Some(Login { user, password }),
            (Some(_), None) | (None, Some(_)) => {
                settings.fault("OTP_NATS_USER and OTP_NATS_PASSWORD must be set together");
                None
            }
        };
        let certificate = match (certificate?, key?) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                settings.fault("OTP_NATS_CERT_FILE and OTP_NATS_KEY_FILE must be set together");
                None
            }
        };
        let encrypted = servers.iter().filter(|server| server.tls_required()).count();
        if encrypted != 0 && encrypted != servers.len() {
            settings.fault("OTP_NATS_URL must name all servers by tls://, or none");
        }
        let (ca, credentials): (Option<PathBuf>, _) = (ca?, credentials?);
        // Also where a server that is told of by another one has no scheme, or claims to need no TLS.
        let tls = encrypted > 0 || ca.is_some() || certificate.is_some();
        let servers = servers.into_iter().filter_map(without_login).collect();
        Some(Self { servers, login, credentials, ca, certificate, tls })
    }

    /// What a connection needs of it.
    pub(super) async fn applied(&self, mut options: ConnectOptions) -> Result<ConnectOptions, ConnectFault> {
        if let Some(Login { user, password }) = &self.login {
            options = options.user_and_password(user.clone(), password.0.expose_secret().to_owned());
        }
        if let Some(path) = &self.credentials {
            options = options.credentials_file(path).await.map_err(|error| ConnectFault::Credentials(error.kind()))?;
        }
        // The client library would try again and again and say nothing.
        if let Some(path) = &self.ca {
            readable("OTP_NATS_CA_FILE", path)?;
            options = options.add_root_certificates(path.clone());
        }
        if let Some((certificate, key)) = &self.certificate {
            readable("OTP_NATS_CERT_FILE", certificate)?;
            readable("OTP_NATS_KEY_FILE", key)?;
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        Ok(options.require_tls(self.tls))
    }
}

/// User and password of the first server whose URL has them; a client logs in alike at all servers of a cluster. The
/// client library does not read them by itself.
fn login_in(servers: &[ServerAddr]) -> Option<Login> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    servers.iter().find_map(|server| {
        let (user, password) = (decoded(server.username()?), decoded(server.password()?));
        Some(Login { user, password: Password(password.into()) })
    })
}

/// The address alone: it is shown where the client library tells of a server.
fn without_login(server: ServerAddr) -> Option<ServerAddr> {
    let mut url = server.into_inner();
    // Fails for URLs that can have no login, and those have none.
    let _cleared = (url.set_username(""), url.set_password(None));
    ServerAddr::from_url(url).ok()
}

fn readable(setting: &'static str, path: &Path) -> Result<(), ConnectFault> {
    let octets = std::fs::read(path).map_err(|error| ConnectFault::Certificate(setting, error.kind()))?;
    let is_pem = octets.windows(PEM.len()).any(|window| window == PEM);
    if is_pem { Ok(()) } else { Err(ConnectFault::Certificate(setting, std::io::ErrorKind::InvalidData)) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Access, String> {
        let environment: HashMap<String, String> =
            set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut settings = Settings::new(&environment);
        let access = Access::read(&mut settings);
        settings.finish(access).map_err(|faults| faults.to_string())
    }

    #[test]
    fn a_login_comes_from_the_urls_or_beside_them_and_is_never_shown() {
        let urls = read(&[("OTP_NATS_URL", "nats://a:hunt%65r2@one,nats://two")]).unwrap();
        let beside =
            read(&[("OTP_NATS_URL", "one"), ("OTP_NATS_USER", "a"), ("OTP_NATS_PASSWORD", "hunter2")]).unwrap();
        for access in [urls, beside] {
            let login = access.login.as_ref().unwrap();
            assert_eq!((login.user.as_str(), login.password.0.expose_secret()), ("a", "hunter2"));
            assert!(!format!("{access:?}").contains("hunter2"), "{access:?}");
            assert!(!access.tls);
        }
        assert!(read(&[]).unwrap().login.is_none());
    }

    #[test]
    fn what_does_not_go_together_is_a_fault() {
        for (set, named) in [
            (&[("OTP_NATS_USER", "a")][..], "set together"),
            (&[("OTP_NATS_PASSWORD", "a")], "set together"),
            (&[("OTP_NATS_CERT_FILE", "/a")], "OTP_NATS_KEY_FILE"),
            (&[("OTP_NATS_URL", "tls://one,nats://two")], "tls://"),
            (&[("OTP_NATS_URL", "nats://a:b@one"), ("OTP_NATS_USER", "a"), ("OTP_NATS_PASSWORD", "b")], "has a login"),
        ] {
            let said = read(set).unwrap_err();
            assert!(said.contains(named), "{said}");
        }
    }

    #[test]
    fn tls_is_required_where_anything_speaks_of_it() {
        assert!(read(&[("OTP_NATS_URL", "tls://one,tls://two")]).unwrap().tls);
        assert!(read(&[("OTP_NATS_CA_FILE", "/ca")]).unwrap().tls);
        assert!(!read(&[("OTP_NATS_URL", "nats://one")]).unwrap().tls);
    }

    #[tokio::test]
    async fn files_that_are_none_are_named_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, "nothing").unwrap();
        for (path, kind) in [(path.to_str().unwrap(), "invalid data"), ("/missing", "not found")] {
            let access = read(&[("OTP_NATS_CA_FILE", path)]).unwrap();
            let said = access.applied(ConnectOptions::new()).await.unwrap_err().to_string();
            assert!(said.contains("OTP_NATS_CA_FILE") && said.contains(kind), "{said}");
        }
    }
}
