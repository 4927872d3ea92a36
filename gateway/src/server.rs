//! The gateway as a whole: bound, then run until it is told to drain.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ::http::HeaderValue;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use otp_nats::admin::{Admin, Readiness};
use otp_nats::bus::{Bus, BusMetrics, ConnectFault, StreamFault, StreamLevels};
use otp_nats::network::{Connections, Place};
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::altcha::{Altcha, ProofMetrics};
use crate::client_ip::TrustedProxies;
use crate::config::Config;
use crate::domain::{DomainCheck, ResolverFault};
use crate::flood::{FloodGate, TIDY_EVERY};
use crate::http::{self, Gateway, Peer};
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::recipient::Ids;
use crate::record::RecordSealer;
use crate::report::{ReportLinks, ReportMetrics};
use crate::store::{RedisMetrics, Store};
use crate::token::TokenSigner;
use crate::verification::Verifications;
use crate::watched_file::FileMetrics;

/// A client that has not sent its headers by then is let go.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// Longest request head: the API's own have some hundred bytes, browsers with cookies of a shared domain some thousand.
const MAX_HEAD: usize = 32 * 1024;
/// Requests under way have so long to end once the service drains.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// Why the gateway does not start or run.
#[derive(Debug, thiserror::Error)]
pub enum ServerFault {
    /// An address cannot be listened on.
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    /// NATS cannot be joined.
    #[error(transparent)]
    Connect(#[from] ConnectFault),
    /// A stream is not as configured.
    #[error(transparent)]
    Streams(#[from] StreamFault),
    /// The DNS resolver cannot be set up.
    #[error(transparent)]
    Resolver(#[from] ResolverFault),
}

/// The gateway, bound to its ports.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    admin: Admin,
    registry: Registry,
    metrics: Metrics,
    gateway: Arc<Gateway>,
    files: FileMetrics,
    levels: StreamLevels,
    bounds: Bounds,
}

/// How many connections there may be, in all and of a network.
#[derive(Debug)]
struct Bounds {
    all: Arc<Semaphore>,
    networks: Connections,
}

impl Bounds {
    fn new(config: &Config) -> Self {
        let all = Arc::new(Semaphore::new(config.max_connections));
        Self { all, networks: Connections::new(config.connection_cap) }
    }

    /// A place for a connection; a proxy stands for many networks, so it is bounded with all others only.
    fn admit(&self, peer: IpAddr, proxies: &TrustedProxies) -> Option<(OwnedSemaphorePermit, Place)> {
        let place = if proxies.trusts(peer) { Connections::uncounted() } else { self.networks.admit(peer)? };
        Some((Arc::clone(&self.all).try_acquire_owned().ok()?, place))
    }
}

impl Server {
    /// Binds the ports and sets everything up that needs no server to answer.
    ///
    /// # Errors
    /// [`ServerFault`], as its variants say.
    pub async fn bind(config: Config) -> Result<Self, ServerFault> {
        let listener = TcpListener::bind(config.listen).await?;
        let admin = Admin::bind(config.admin_listen).await?;
        let bounds = Bounds::new(&config);
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let bus = Bus::connect("otp-gateway", &config.bus, BusMetrics::new(&mut registry)).await?;
        let verifications = Verifications {
            outbox: Outbox::new(bus.clone(), metrics.clone()),
            bus,
            store: Store::open(&config.redis_url, RedisMetrics::new(&mut registry)),
            apps: config.apps,
            ids: Ids::new(config.hash_keys.clone()),
            records: RecordSealer::new(&config.hash_keys),
            signer: TokenSigner::new(&config.signing_keys, config.issuer, config.audience, config.token_ttl),
            domains: DomainCheck::new(&config.dns_servers)?,
            dns_policy: config.dns_policy,
            total_budget: config.total_budget,
            altcha: Altcha::new(config.hash_keys.clone(), config.proof_of_work_cost),
            proofs: ProofMetrics::new(&mut registry),
            lists: config.lists,
            report_links: ReportLinks::new(&config.hash_keys, config.public_url.clone()),
            reports: ReportMetrics::new(&mut registry),
            seal_keys: config.seal_keys,
            ticket_keys: config.ticket_keys,
            hash_keys: config.hash_keys,
            events_url: config.events_url,
            metrics: metrics.clone(),
        };
        let gateway = Arc::new(Gateway {
            // Without a limit on IP addresses there is nothing that the gate would protect.
            flood: config.limits_ip.then(FloodGate::default),
            verifications,
            trusted_proxies: config.trusted_proxies,
            proxy_header: config.proxy_header,
            place_header: config.place_header,
            public_url: config.public_url,
            transport_security: config.hsts.and_then(transport_security),
        });
        let files = FileMetrics::new(&mut registry);
        let levels = StreamLevels::new(&mut registry);
        Ok(Self { listener, admin, registry, metrics, gateway, files, levels, bounds })
    }

    /// The address of the API.
    ///
    /// # Errors
    /// The socket does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The address of the admin port.
    pub const fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Serves until `drain` is cancelled, then ends what is under way.
    ///
    /// # Errors
    /// [`ServerFault::Streams`], when a stream is not as configured.
    pub async fn run(self, drain: CancellationToken) -> Result<(), ServerFault> {
        let Self { listener, admin, registry, metrics, gateway, files, levels, bounds } = self;
        let stop_admin = CancellationToken::new();
        let readiness: Arc<dyn Readiness> = Arc::new(Ready { gateway: Arc::clone(&gateway), drain: drain.clone() });
        let admin = tokio::spawn(admin.run(registry, readiness, stop_admin.clone()));
        gateway.verifications.lists.watch(&files, &stop_admin);
        tokio::spawn(gateway.verifications.apps.clone().watch(files, stop_admin.clone()));
        tokio::spawn(levels.follow(gateway.verifications.bus.clone(), stop_admin.clone()));
        let served = match gateway.verifications.bus.ensure_streams(&drain).await {
            Ok(()) => {
                tracing::info!(address = ?listener.local_addr().ok(), "serving");
                serve(&listener, &gateway, &metrics, &bounds, &drain).await;
                drop(listener);
                gateway.verifications.outbox.close().await;
                gateway.verifications.store.close().await;
                gateway.verifications.bus.close().await;
                Ok(())
            }
            Err(StreamFault::Unavailable(..)) if drain.is_cancelled() => Ok(()),
            Err(fault) => Err(fault.into()),
        };
        stop_admin.cancel();
        if admin.await.is_err() {
            tracing::error!("the admin port panicked");
        }
        served
    }
}

/// `Strict-Transport-Security` (RFC 6797 §6.1). Sub-domains are the operator's to speak for, at the proxy.
fn transport_security(age: Duration) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("max-age={}", age.as_secs())).ok()
}

struct Ready {
    gateway: Arc<Gateway>,
    drain: CancellationToken,
}

impl Readiness for Ready {
    fn faults(&self) -> std::pin::Pin<Box<dyn Future<Output = Vec<String>> + Send + '_>> {
        Box::pin(async {
            if self.drain.is_cancelled() {
                return vec!["draining".to_owned()];
            }
            self.gateway.verifications.faults().await
        })
    }
}

async fn serve(
    listener: &TcpListener,
    gateway: &Arc<Gateway>,
    metrics: &Metrics,
    bounds: &Bounds,
    drain: &CancellationToken,
) {
    let router = http::router(Arc::clone(gateway));
    let graceful = GracefulShutdown::new();
    let mut tidy = tokio::time::interval(TIDY_EVERY);
    loop {
        let accepted = tokio::select! {
            () = drain.cancelled() => break,
            accepted = listener.accept() => accepted,
            _ = tidy.tick() => {
                if let Some(flood) = &gateway.flood {
                    flood.tidy();
                }
                continue;
            }
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: a pause lets some connections end.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(place) = bounds.admit(peer.ip(), &gateway.trusted_proxies) else {
            metrics.connections_refused.inc();
            continue;
        };
        let connection = connection(stream, peer, router.clone());
        let connection = graceful.watch(connection);
        let metrics = metrics.clone();
        tokio::spawn(async move {
            metrics.connections.inc();
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            metrics.connections.dec();
            drop(place);
        });
    }
    if tokio::time::timeout(DRAIN_WITHIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end within the drain");
    }
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: axum::Router,
) -> http1::Connection<TokioIo<TcpStream>, TowerToHyperService<http::WithPeer>> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection cannot be told not to delay");
    }
    let service = TowerToHyperService::new(http::WithPeer::new(router, Peer(peer.ip())));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
}
