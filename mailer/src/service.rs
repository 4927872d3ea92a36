//! The service: joined to the bus, working until it is told to drain.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use otp_nats::admin::{Admin, Readiness};
use otp_nats::bus::{Bus, BusMetrics, ConnectFault, StreamFault};
use otp_nats::work;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dkim::Signer;
use crate::ledger::Ledger;
use crate::mail::Composer;
use crate::mail::templates::{TemplateFault, Templates};
use crate::metrics::Metrics;
use crate::relays::Relays;
use crate::settings::MailerSettings;
use crate::smtp::TlsFault;
use crate::worker::Mailer;

/// Why the mailer cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServiceFault {
    /// The templates are of no use.
    #[error(transparent)]
    Templates(#[from] TemplateFault),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// NATS cannot be joined.
    #[error(transparent)]
    Connect(#[from] ConnectFault),
    /// A stream or the consumer is not as configured.
    #[error(transparent)]
    Stream(#[from] StreamFault),
    /// The admin port cannot be bound.
    #[error("the admin port cannot be bound: {0}")]
    Bind(std::io::Error),
}

/// The mailer, its admin port bound.
#[derive(Debug)]
pub struct Service {
    mailer: Arc<Mailer>,
    concurrency: usize,
    admin: Admin,
    registry: Registry,
}

impl Service {
    /// Checks everything that can be checked without NATS, and starts to connect.
    ///
    /// # Errors
    /// [`ServiceFault`], as its variants say.
    pub async fn bind(settings: MailerSettings) -> Result<Self, ServiceFault> {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let templates = Templates::load(settings.template_dir.as_deref())?;
        let composer = Composer::new(templates, settings.sender.0, settings.app_name, settings.code_in_subject);
        let hello = settings.hello.map(|name| name.0);
        // While some mails are with a relay, others are written, signed, and told of.
        let connections = settings.concurrency.div_ceil(2);
        let relays = Relays::new(&settings.relays, hello.as_deref(), connections, &metrics)?;
        let concurrency = relays.at_once(settings.concurrency);
        let admin = Admin::bind(settings.admin).await.map_err(ServiceFault::Bind)?;
        let bus = Bus::connect("otp-mailer", &settings.bus, BusMetrics::new(&mut registry)).await?;
        let signer = Signer::new(settings.dkim_keys, &mut registry);
        let (keys, ledger) = (settings.seal_keys, Ledger::default());
        let mailer = Mailer { bus, keys, composer, signer, relays, ledger, metrics };
        Ok(Self { mailer: Arc::new(mailer), concurrency, admin, registry })
    }

    /// Where health, readiness and metrics are served.
    pub const fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Mails until `drain` is cancelled, then ends what is under way.
    ///
    /// # Errors
    /// [`ServiceFault::Stream`].
    pub async fn run(self, drain: CancellationToken) -> Result<(), ServiceFault> {
        let Self { mailer, concurrency, admin, registry } = self;
        let (background, stop) = (TaskTracker::new(), CancellationToken::new());
        let readiness: Arc<dyn Readiness> = Arc::new(MailerReadiness(Arc::clone(&mailer)));
        background.spawn(admin.run(registry, readiness, stop.clone()));
        let (sweeper, sweeping) = (Arc::clone(&mailer), stop.clone());
        background.spawn(async move {
            tokio::select! {
                () = sweeper.relays.sweep() => {}
                () = sweeping.cancelled() => {}
            }
        });
        background.close();
        let worked = consume(&mailer, concurrency, drain).await;
        mailer.relays.close().await;
        mailer.bus.close().await;
        // Last, so that a drain can be watched.
        stop.cancel();
        background.wait().await;
        worked
    }
}

async fn consume(mailer: &Arc<Mailer>, concurrency: usize, drain: CancellationToken) -> Result<(), ServiceFault> {
    let joined = async {
        mailer.bus.ensure_streams(&drain).await?;
        mailer.bus.mailer_consumer(&drain).await
    };
    match joined.await {
        Ok(consumer) => {
            tracing::info!(concurrency, "ready to mail");
            work::run(&mailer.bus, consumer, Arc::clone(mailer), concurrency, drain).await;
            Ok(())
        }
        // Told to stop while waiting for NATS: nothing was begun.
        Err(_) if drain.is_cancelled() => Ok(()),
        Err(fault) => Err(fault.into()),
    }
}

struct MailerReadiness(Arc<Mailer>);

impl Readiness for MailerReadiness {
    fn faults(&self) -> Pin<Box<dyn Future<Output = Vec<String>> + Send + '_>> {
        Box::pin(async {
            let mut faults = self.0.bus.faults().await;
            faults.extend(self.0.relays.fault());
            faults
        })
    }
}
