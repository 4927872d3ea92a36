//! The notifier: what happens to a verification, live, to WebSocket clients.
//!
//! The only part of DistOTP that speaks WebSocket. It reads the stream of events and writes nothing to the bus but the
//! event `expired` of a verification whose time ran out while somebody watched.
//!
//! | module | what |
//! |---|---|
//! | `notice` | an event as clients get it |
//! | `ring`, `timeline`, `lifetime`, `message`, `origin` | the decisions: no I/O, the time is an argument |
//! | `hub` | where events meet connections |
//! | `feed`, `history`, `expiry` | reading from the bus, and the one thing said to it |
//! | `listener`, `handshake`, `connection` | clients |

mod connection;
mod expiry;
mod feed;
#[doc(hidden)]
pub mod fuzz;
mod handshake;
mod history;
mod hub;
mod lifetime;
mod listener;
mod message;
mod metrics;
mod notice;
mod origin;
mod ring;
mod settings;
mod timeline;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use otp_nats::admin::{Admin, Readiness};
use otp_nats::bus::{Bus, BusMetrics};
use otp_nats::watched_file::FileMetrics;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use lifetime::Times;
pub use origin::Origins;
pub use settings::NotifierSettings;

use connection::Shared;
use expiry::Expiries;
use history::Histories;
use hub::Hub;
use metrics::Metrics;
use ring::Bounds;

/// The drain closes at most so many connections a second, so that whoever takes them over is not overrun, unless the
/// spread's end makes it more.
const CLOSES_A_SECOND: f64 = 1000.0;

/// A notifier with its ports bound.
#[derive(Debug)]
pub struct Notifier {
    settings: NotifierSettings,
    listener: TcpListener,
    address: SocketAddr,
    admin: Admin,
}

/// Why a notifier could not run.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    /// A port cannot be bound.
    #[error("{0} cannot be listened on: {1}")]
    Bind(&'static str, std::io::Error),
    /// The bus cannot be joined.
    #[error(transparent)]
    Connect(#[from] otp_nats::bus::ConnectFault),
    /// The streams are not as configured.
    #[error(transparent)]
    Streams(#[from] otp_nats::bus::StreamFault),
}

impl Notifier {
    /// Binds the ports.
    ///
    /// # Errors
    /// [`NotifierError::Bind`]
    pub async fn bind(settings: NotifierSettings) -> Result<Self, NotifierError> {
        let bound = |name| move |error| NotifierError::Bind(name, error);
        let listener = listener::bind(settings.listen).map_err(bound("OTP_LISTEN"))?;
        let address = listener.local_addr().map_err(bound("OTP_LISTEN"))?;
        let admin = Admin::bind(settings.admin_listen).await.map_err(bound("OTP_ADMIN_LISTEN"))?;
        Ok(Self { settings, listener, address, admin })
    }

    /// Where clients connect.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where health, readiness and metrics are.
    pub const fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Serves until `stop` is cancelled, then closes all connections, spread over time, and returns.
    ///
    /// # Errors
    /// [`NotifierError::Connect`] and [`NotifierError::Streams`]
    pub async fn run(self, stop: CancellationToken) -> Result<(), NotifierError> {
        let Self { settings, listener, address, admin } = self;
        let mut registry = Registry::default();
        let bus_metrics = BusMetrics::new(&mut registry);
        let metrics = Metrics::new(&mut registry);
        let files = FileMetrics::new(&mut registry);
        let bus = Bus::connect("otp-notifier", &settings.bus, bus_metrics).await?;
        let bounds = Bounds { events: settings.ring_events, bytes: settings.ring_bytes };
        let hub = Arc::new(Hub::new(bounds, metrics.clone()));
        let ready = Arc::new(Ready { bus: bus.clone(), hub: Arc::clone(&hub), stop: stop.clone() });
        let (last, inner) = (TaskTracker::new(), CancellationToken::new());
        // The admin port outlives the drain, so that it can be watched.
        last.spawn(admin.run(registry, ready, inner.clone()));
        last.spawn(settings.origins.clone().watch(files, inner.clone()));
        last.close();
        let served = serve(&settings, bus.clone(), hub, metrics, listener, address, &stop, &inner).await;
        bus.close().await;
        inner.cancel();
        last.wait().await;
        served
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one service, put together in one place")]
async fn serve(
    settings: &NotifierSettings,
    bus: Bus,
    hub: Arc<Hub>,
    metrics: Metrics,
    listener: TcpListener,
    address: SocketAddr,
    stop: &CancellationToken,
    inner: &CancellationToken,
) -> Result<(), NotifierError> {
    match bus.ensure_streams(stop).await {
        Ok(()) => {}
        Err(_) if stop.is_cancelled() => return Ok(()),
        Err(fault) => return Err(fault.into()),
    }
    let (expiries, teller) = Expiries::new(bus.clone(), Arc::clone(&hub), metrics.clone());
    let histories = Histories::new(bus.clone(), Arc::clone(&hub), settings.history_reads, metrics.clone());
    let shared = Arc::new(Shared {
        hub: Arc::clone(&hub),
        histories,
        expiries,
        ticket_keys: settings.ticket_keys.clone(),
        origins: settings.origins.clone(),
        times: settings.times,
        metrics: metrics.clone(),
        tasks: TaskTracker::new(),
        drain: CancellationToken::new(),
        spread: OnceLock::new(),
    });
    let background = TaskTracker::new();
    background.spawn(feed::run(bus, hub, metrics.clone(), settings.ring_events, inner.clone()));
    background.spawn(teller.run(inner.clone()));
    background.spawn(listener::run(listener, Arc::clone(&shared), settings.max_connections, settings.connection_cap));
    background.close();
    tracing::info!(%address, "taking connections");

    stop.cancelled().await;
    let open = u32::try_from(metrics.open.get()).unwrap_or(0);
    let spread = settings.close_spread.min(Duration::from_secs_f64(f64::from(open) / CLOSES_A_SECOND));
    tracing::info!(open, spread_ms = spread.as_millis(), "closing connections");
    if shared.spread.set(spread).is_ok() {
        shared.drain.cancel();
    }
    shared.tasks.close();
    shared.tasks.wait().await;
    inner.cancel();
    background.wait().await;
    Ok(())
}

/// Ready when the bus is as it should be and the feed has reached its end.
struct Ready {
    bus: Bus,
    hub: Arc<Hub>,
    stop: CancellationToken,
}

impl Readiness for Ready {
    fn faults(&self) -> Pin<Box<dyn Future<Output = Vec<String>> + Send + '_>> {
        Box::pin(async {
            if self.stop.is_cancelled() {
                return vec!["the service stops".to_owned()];
            }
            let mut faults = self.bus.faults().await;
            let state = *self.hub.state().borrow();
            if !state.running {
                faults.push("events are not consumed".to_owned());
            } else if !state.caught_up {
                faults.push("past events are still being read".to_owned());
            }
            faults
        })
    }
}
