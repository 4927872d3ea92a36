//! Whether a domain takes mail, asked of the DNS.
//!
//! MX records say so; without any, the domain's own address does (RFC 5321 §5.1); a null MX says that it never does
//! (RFC 7505). What cannot be found out in time counts as deliverable: the relay will know better.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use otp_nats::settings::{List, Setting};
use tokio::sync::Semaphore;

/// All that a request waits for the DNS.
pub const BUDGET: Duration = Duration::from_millis(300);
/// What one question to one server may take; a second fits, and its answer still reaches the cache after the budget.
const QUESTION: Duration = Duration::from_secs(2);
/// Domains kept in the cache.
const CACHE_SIZE: u64 = 65_536;
/// Look-ups at once; beyond it a domain counts as deliverable unasked, so that the check never holds requests up.
const MAX_LOOK_UPS: usize = 1024;

/// Whether and how the domain is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsPolicy {
    /// A domain that takes no mail is refused.
    Enforce,
    /// It is counted and let through.
    Observe,
    /// Nothing is asked.
    Off,
}

impl Setting for DnsPolicy {
    const FORM: &'static str = "enforce, observe or off";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "enforce" => Ok(Self::Enforce),
            "observe" => Ok(Self::Observe),
            "off" => Ok(Self::Off),
            _ => Err(String::new()),
        }
    }
}

/// What the DNS says of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It has mail servers, or an address.
    Deliverable,
    /// It does not exist.
    NoSuchDomain,
    /// It says that it takes no mail (null MX).
    NullMx,
    /// It has neither mail servers nor an address.
    NoMailHost,
    /// The DNS did not say in time.
    Unknown,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Deliverable, Self::NoSuchDomain, Self::NullMx, Self::NoMailHost, Self::Unknown];

    /// Whether mail to the domain is worth trying.
    pub const fn accepts_mail(self) -> bool {
        match self {
            Self::Deliverable | Self::Unknown => true,
            Self::NoSuchDomain | Self::NullMx | Self::NoMailHost => false,
        }
    }

    /// The name that metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deliverable => "deliverable",
            Self::NoSuchDomain => "no-such-domain",
            Self::NullMx => "null-mx",
            Self::NoMailHost => "no-mail-host",
            Self::Unknown => "unknown",
        }
    }
}

/// The resolver cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("the DNS resolver cannot be set up: {0}")]
pub struct ResolverFault(String);

/// Asks the DNS, with a cache. Clones share it.
#[derive(Clone)]
pub struct DomainCheck {
    resolver: Arc<TokioResolver>,
    permits: Arc<Semaphore>,
}

impl std::fmt::Debug for DomainCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DomainCheck")
    }
}

impl DomainCheck {
    /// Asks these servers, or the system's when there are none.
    ///
    /// # Errors
    /// The system's configuration cannot be read.
    pub fn new(servers: &List<SocketAddr>) -> Result<Self, ResolverFault> {
        let runtime = TokioRuntimeProvider::default();
        let mut builder = if servers.0.is_empty() {
            TokioResolver::builder(runtime).map_err(|error| ResolverFault(error.to_string()))?
        } else {
            let servers = servers.0.iter().map(name_server).collect();
            TokioResolver::builder_with_config(ResolverConfig::from_parts(None, Vec::new(), servers), runtime)
        };
        let options = builder.options_mut();
        options.timeout = QUESTION;
        options.attempts = 1;
        options.cache_size = CACHE_SIZE;
        options.positive_min_ttl = Some(Duration::from_secs(10));
        options.positive_max_ttl = Some(Duration::from_secs(3600));
        options.negative_min_ttl = Some(Duration::from_secs(5));
        // A domain that was just registered shall not stay refused for the day that its parent zone allows.
        options.negative_max_ttl = Some(Duration::from_secs(60));
        let resolver = builder.build().map_err(|error| ResolverFault(error.to_string()))?;
        Ok(Self { resolver: Arc::new(resolver), permits: Arc::new(Semaphore::new(MAX_LOOK_UPS)) })
    }

    /// The verdict on a domain in ASCII form, within [`BUDGET`]. A look-up that takes longer goes on and fills the cache.
    pub async fn verdict(&self, domain: &str) -> Verdict {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else { return Verdict::Unknown };
        let Ok(mut name) = Name::from_ascii(domain) else { return Verdict::Unknown };
        name.set_fqdn(true);
        let resolver = Arc::clone(&self.resolver);
        let look_up = tokio::spawn(async move {
            let verdict = look_up(&resolver, name).await;
            drop(permit);
            verdict
        });
        match tokio::time::timeout(BUDGET, look_up).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_)) | Err(_) => Verdict::Unknown,
        }
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.to_vec())
}

async fn look_up(resolver: &TokioResolver, name: Name) -> Verdict {
    match resolver.lookup(name.clone(), RecordType::MX).await {
        Ok(found) => {
            let exchanges: Vec<&Name> = found
                .answers()
                .iter()
                .filter_map(|record| match &record.data {
                    RData::MX(mx) => Some(&mx.exchange),
                    _ => None,
                })
                .collect();
            match exchanges.as_slice() {
                [] => by_address(resolver, name).await,
                all if all.iter().all(|exchange| exchange.is_root()) => Verdict::NullMx,
                _ => Verdict::Deliverable,
            }
        }
        Err(error) => match absence(&error) {
            Some(ResponseCode::NXDomain) => Verdict::NoSuchDomain,
            Some(_) => by_address(resolver, name).await,
            None => Verdict::Unknown,
        },
    }
}

async fn by_address(resolver: &TokioResolver, name: Name) -> Verdict {
    match resolver.lookup_ip(name).await {
        Ok(_) => Verdict::Deliverable,
        Err(error) => match absence(&error) {
            Some(ResponseCode::NXDomain) => Verdict::NoSuchDomain,
            Some(_) => Verdict::NoMailHost,
            None => Verdict::Unknown,
        },
    }
}

/// The response code with which a server said that there are no such records; `None` for every other failure.
fn absence(error: &NetError) -> Option<ResponseCode> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            code @ (ResponseCode::NXDomain | ResponseCode::NoError) => Some(code),
            _ => None,
        },
        _ => None,
    }
}
