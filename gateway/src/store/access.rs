//! `OTP_REDIS_URL` and what belongs to it: who the gateway is to Redis, and how it knows the servers.

use std::path::PathBuf;

use otp_nats::settings::{Setting, Settings};
use redis::{Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, TlsCertificates};
use secrecy::{ExposeSecret as _, SecretString};

use super::address::{RedisUrl, Topology};

/// A password, which nothing shows.
struct Password(SecretString);

impl Setting for Password {
    const FORM: &'static str = "text";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned().into()))
    }
}

/// What is added to the connection to each server.
#[derive(Default)]
struct Access {
    login: Option<(String, SecretString)>,
    tls: Option<TlsCertificates>,
}

impl RedisUrl {
    /// Declares and reads the settings.
    pub fn read(settings: &mut Settings<'_>) -> Option<Self> {
        let url: Option<Self> =
            settings.secret_or("OTP_REDIS_URL", "redis://127.0.0.1:6379", "Redis, in one of its topologies");
        let user: Option<Option<String>> =
            settings.optional("OTP_REDIS_USER", "Login at Redis, when not in OTP_REDIS_URL");
        let password: Option<Password> = settings.secret_or("OTP_REDIS_PASSWORD", "", "Its password");
        let ca = settings.optional(
            "OTP_REDIS_CA_FILE",
            "Certificate authority of the Redis servers (PEM), in place of the system's",
        );
        let certificate = settings.optional("OTP_REDIS_CERT_FILE", "Certificate to show to the Redis servers (PEM)");
        let key = settings.optional("OTP_REDIS_KEY_FILE", "Its key (PEM)");
        let password = password.map(|password| password.0).filter(|password| !password.expose_secret().is_empty());
        let login = match (user?, password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                settings.fault("OTP_REDIS_USER and OTP_REDIS_PASSWORD must be set together");
                None
            }
        };
        let tls = certificates(settings, ca?, certificate?, key?);
        let Self(mut topology) = url?;
        let access = Access { login, tls };
        if let Err(why) = access.add_to(topology.server_mut()) {
            settings.fault(why);
        } else if let Topology::Sentinel { sentinels, .. } = &mut topology {
            // Sentinels have logins of their own, and the same authority.
            let access = Access { login: None, tls: access.tls };
            for sentinel in sentinels {
                if let Err(why) = access.add_to(sentinel) {
                    settings.fault(why);
                }
            }
        }
        Some(Self(topology))
    }
}

impl Topology {
    /// How the servers that hold the data are spoken to.
    const fn server_mut(&mut self) -> &mut ConnectionInfo {
        match self {
            Self::Single(server) | Self::Sentinel { server, .. } | Self::Cluster { server, .. } => server,
        }
    }
}

impl Access {
    fn add_to(&self, server: &mut ConnectionInfo) -> Result<(), &'static str> {
        if let Some((user, password)) = &self.login {
            if server.redis_settings().password().is_some() {
                return Err("OTP_REDIS_URL has a login, and OTP_REDIS_USER is set");
            }
            let login = server.redis_settings().clone().set_username(user).set_password(password.expose_secret());
            *server = server.clone().set_redis_settings(login);
        }
        if let Some(tls) = &self.tls {
            if !matches!(server.addr(), ConnectionAddr::TcpTls { .. }) {
                return Err(
                    "OTP_REDIS_CA_FILE or OTP_REDIS_CERT_FILE is set, and OTP_REDIS_URL asks for no TLS (rediss)",
                );
            }
            let client = Client::build_with_tls(server.clone(), tls.clone());
            let client =
                client.map_err(|_| "OTP_REDIS_CA_FILE, OTP_REDIS_CERT_FILE or OTP_REDIS_KEY_FILE is no PEM")?;
            *server = server.clone().set_addr(client.get_connection_info().addr().clone());
        }
        Ok(())
    }
}

/// The files' contents; a fault names the setting of a file that cannot be read.
fn certificates(
    settings: &mut Settings<'_>,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Option<TlsCertificates> {
    if certificate.is_some() != key.is_some() {
        settings.fault("OTP_REDIS_CERT_FILE and OTP_REDIS_KEY_FILE must be set together");
    }
    let mut content = |name: &str, path: PathBuf| match std::fs::read(path) {
        Ok(content) => Some(content),
        Err(error) => {
            settings.fault(format!("{name} cannot be read: {}", error.kind()));
            None
        }
    };
    let root_cert = ca.and_then(|path| content("OTP_REDIS_CA_FILE", path));
    let client_tls = certificate.zip(key).and_then(|(certificate, key)| {
        let client_cert = content("OTP_REDIS_CERT_FILE", certificate)?;
        Some(ClientTlsConfig { client_cert, client_key: content("OTP_REDIS_KEY_FILE", key)? })
    });
    (root_cert.is_some() || client_tls.is_some()).then_some(TlsCertificates { client_tls, root_cert })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Topology, String> {
        let environment: HashMap<String, String> =
            set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut settings = Settings::new(&environment);
        let url = RedisUrl::read(&mut settings);
        settings.finish(url).map(|url| url.0).map_err(|faults| faults.to_string())
    }

    fn login(server: &ConnectionInfo) -> (Option<&str>, Option<&str>) {
        (server.redis_settings().username(), server.redis_settings().password())
    }

    #[test]
    fn a_login_beside_the_url_is_the_servers_and_not_the_sentinels() {
        let beside = [("OTP_REDIS_USER", "gateway"), ("OTP_REDIS_PASSWORD", "hunter2")];
        for url in ["redis://one", "redis-sentinel://one,two/main", "redis-cluster://one:1,two:2"] {
            let mut topology = read(&[&beside[..], &[("OTP_REDIS_URL", url)]].concat()).unwrap();
            assert_eq!(login(topology.server_mut()), (Some("gateway"), Some("hunter2")), "{url}");
            if let Topology::Sentinel { sentinels, .. } = topology {
                assert!(sentinels.iter().all(|sentinel| login(sentinel) == (None, None)), "{url}");
            }
        }
        let said = read(&[&beside[..], &[("OTP_REDIS_URL", "redis://a:b@one")]].concat()).err().unwrap();
        assert!(said.contains("has a login"), "{said}");
        assert!(read(&[("OTP_REDIS_USER", "gateway")]).err().unwrap().contains("set together"));
    }

    #[test]
    fn certificates_are_for_tls_and_are_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        for (url, ca, named) in [
            ("redis://one", path.to_str().unwrap(), "asks for no TLS"),
            ("rediss://one", "/missing", "OTP_REDIS_CA_FILE cannot be read"),
            ("rediss://one", path.to_str().unwrap(), "is no PEM"),
        ] {
            let said = read(&[("OTP_REDIS_URL", url), ("OTP_REDIS_CA_FILE", ca)]).err().unwrap();
            assert!(said.contains(named), "{said}");
        }
    }
}
