//! Questions to the DNS, with the servers that the gateway asks.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

/// One question to one server. A person waits, and a slow server is worth waiting for.
const QUESTION: Duration = Duration::from_secs(4);

/// Asks the DNS.
#[derive(Debug)]
pub(super) struct Dns(TokioResolver);

/// The DNS does not say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the DNS does not say: {0}")]
pub(super) struct Silence(String);

impl Dns {
    /// Asks these servers, or the system's when there are none.
    pub(super) fn new(servers: &[SocketAddr]) -> Result<Self, String> {
        let runtime = TokioRuntimeProvider::default();
        let mut builder = if servers.is_empty() {
            TokioResolver::builder(runtime).map_err(|error| error.to_string())?
        } else {
            let servers = servers.iter().map(name_server).collect();
            TokioResolver::builder_with_config(ResolverConfig::from_parts(None, Vec::new(), servers), runtime)
        };
        let options = builder.options_mut();
        options.timeout = QUESTION;
        options.attempts = 2;
        builder.build().map(Self).map_err(|error| error.to_string())
    }

    /// The TXT records of a name, the strings of each joined (RFC 6376 §3.6.2.2, RFC 7208 §3.3).
    pub(super) async fn texts(&self, name: &str) -> Result<Vec<String>, Silence> {
        let records = self.ask(name, RecordType::TXT).await?;
        let text = |data: RData| match data {
            RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
            _ => None,
        };
        Ok(records.into_iter().filter_map(text).collect())
    }

    /// The mail exchangers of a name; a null one is an empty text.
    pub(super) async fn exchangers(&self, name: &str) -> Result<Vec<String>, Silence> {
        let exchanger = |data: RData| match data {
            RData::MX(mx) if mx.exchange.is_root() => Some(String::new()),
            RData::MX(mx) => Some(mx.exchange.to_ascii()),
            _ => None,
        };
        Ok(self.ask(name, RecordType::MX).await?.into_iter().filter_map(exchanger).collect())
    }

    /// The addresses of a name, or the one that it is.
    pub(super) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Silence> {
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        let address = |data: RData| match data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        };
        let mut records = self.ask(name, RecordType::A).await?;
        records.extend(self.ask(name, RecordType::AAAA).await?);
        Ok(records.into_iter().filter_map(address).collect())
    }

    /// The records of a name; none where the DNS says so.
    async fn ask(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, Silence> {
        let Ok(mut name) = Name::from_ascii(name) else { return Ok(Vec::new()) };
        name.set_fqdn(true);
        match self.0.lookup(name, kind).await {
            Ok(found) => Ok(found.answers().iter().map(|record| record.data.clone()).collect()),
            Err(error) if is_absence(&error) => Ok(Vec::new()),
            Err(error) => Err(Silence(error.to_string())),
        }
    }
}

fn is_absence(error: &NetError) -> bool {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else { return false };
    matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError)
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.to_vec())
}
