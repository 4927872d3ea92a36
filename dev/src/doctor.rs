//! `cargo dev doctor`: what is wrong with a deployment's settings, found by asking the servers and the DNS.
//!
//! It reads what the services would read, with their own code, asks what they would ask, and changes nothing: no mail
//! is sent, no stream made, no key written. Each check has a deadline and none waits for another; what cannot be found
//! out is a warning that says so.

pub mod finding;

mod clock;
mod dns;
mod domain;
mod keys;
mod local;
mod nats;
mod policy;
mod redis;
mod relay;
mod settings;
mod spf;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use lettre::Address;
use otp_gateway::Config;
use otp_mailer::settings::MailerSettings;
use otp_nats::settings::{List, Setting as _};
use otp_notifier::NotifierSettings;

pub use finding::{Finding, Level, Report};
pub use local::{Surroundings, Values};

use dns::Dns;

/// What one server or domain may take, with all questions to it: the longest, a relay's, has deadlines of its own that
/// add up to half of it.
const CHECK_WITHIN: Duration = Duration::from_secs(45);

/// What beside the settings decides what is looked at.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// An address that each relay is asked about, up to RCPT.
    pub rcpt: Option<Address>,
    /// The services that are looked at; all when empty.
    pub services: BTreeSet<Service>,
}

/// A service whose settings are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// `otp-gateway`.
    Gateway,
    /// `otp-mailer`.
    Mailer,
    /// `otp-notifier`.
    Notifier,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gateway, Self::Mailer, Self::Notifier];

    /// Its name in arguments and findings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Mailer => "mailer",
            Self::Notifier => "notifier",
        }
    }
}

/// What the services would start with; `None` where they would not.
#[derive(Debug, Default)]
struct Deployment {
    gateway: Option<Config>,
    mailer: Option<MailerSettings>,
    notifier: Option<NotifierSettings>,
    /// Where people reach the system.
    public: settings::Public,
}

/// Looks at everything.
pub async fn examine(surroundings: &Surroundings, wishes: &Wishes) -> Report {
    let (deployment, mut findings) = settings::read(surroundings, wishes);
    findings.extend(keys::check(&deployment));
    findings.extend(policy::check(&deployment));
    // The gateway's setting, also where that is not looked at: all questions go to the same servers.
    let servers = surroundings.of(Service::Gateway).variable("OTP_DNS_SERVER");
    let servers: Option<List<SocketAddr>> = servers.and_then(|text| List::parse(text.trim()).ok());
    let dns = Dns::new(&servers.map(|List(servers)| servers).unwrap_or_default());
    let mut checks = Checks::default();
    if let Some(mailer) = &deployment.mailer {
        for relay in &mailer.relays {
            checks.add(&relay.to_string(), relay::check(relay, mailer, wishes.rcpt.as_ref()));
        }
    }
    match &dns {
        Ok(dns) => {
            for (domain, keys) in domain::senders(&deployment) {
                checks.add(&domain.clone(), domain::check(dns, domain, keys, &deployment));
            }
        }
        Err(why) => findings.push(Finding::fault("dns", "the resolver", why, "name servers in OTP_DNS_SERVER")),
    }
    let buses = deployment.buses();
    for (service, bus) in &buses {
        checks.add(service.name(), nats::check(*service, bus));
    }
    if let Some((service, bus)) = buses.first() {
        checks.add("streams", nats::check_streams(*service, bus, surroundings.operator("NATS")));
    }
    if let Some(gateway) = &deployment.gateway {
        checks.add("Redis", redis::check(&gateway.redis_url, surroundings));
    }
    checks.add("clock", clock::check_http(&deployment.public));
    findings.extend(join_all(checks.0).await.into_iter().flatten());
    Report::new(findings)
}

impl Deployment {
    /// How each service that would start joins the bus.
    fn buses(&self) -> Vec<(Service, &otp_nats::bus::BusSettings)> {
        let gateway = self.gateway.as_ref().map(|settings| (Service::Gateway, &settings.bus));
        let mailer = self.mailer.as_ref().map(|settings| (Service::Mailer, &settings.bus));
        let notifier = self.notifier.as_ref().map(|settings| (Service::Notifier, &settings.bus));
        [gateway, mailer, notifier].into_iter().flatten().collect()
    }
}

/// Checks that are made side by side.
#[derive(Default)]
struct Checks<'d>(Vec<BoxFuture<'d, Vec<Finding>>>);

impl<'d> Checks<'d> {
    /// One more. When it takes too long, that is what was found.
    fn add(&mut self, about: &str, check: impl Future<Output = Vec<Finding>> + Send + 'd) {
        let about = about.to_owned();
        self.0.push(Box::pin(async move {
            tokio::time::timeout(CHECK_WITHIN, check).await.unwrap_or_else(|_elapsed| {
                let said = format!("the check took longer than {} s", CHECK_WITHIN.as_secs());
                vec![Finding::fault("deadline", &about, &said, "the network there, and the names that lead there")]
            })
        }));
    }
}

/// Whether a host is on this machine: nothing said to it is on a network.
fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}
