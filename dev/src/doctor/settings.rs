//! The settings themselves: whether each service would start with them, and whether they fit together.

use otp_gateway::Config;
use otp_mailer::settings::MailerSettings;
use otp_nats::settings::{Faults, Settings};
use otp_notifier::NotifierSettings;
use reqwest::Url;

use super::{Deployment, Finding, Service, Surroundings, Wishes, is_local};

const CHECK: &str = "settings";

/// Where people reach the system.
#[derive(Debug, Default)]
pub(super) struct Public {
    /// The page and the API, if the settings say where.
    pub(super) page: Option<Url>,
    /// The socket.
    pub(super) events: Option<Url>,
}

impl Public {
    /// Whether others than this machine are meant to reach it; so it is where nothing says otherwise.
    pub(super) fn is_open_to_others(&self) -> bool {
        let mut urls = self.urls().peekable();
        urls.peek().is_none() || urls.any(|(_, url)| !url.host_str().is_some_and(is_local))
    }

    /// The URLs that there are, with their settings.
    pub(super) fn urls(&self) -> impl Iterator<Item = (&'static str, &Url)> {
        let page = self.page.iter().map(|url| ("OTP_PUBLIC_URL", url));
        page.chain(self.events.iter().map(|url| ("OTP_EVENTS_URL", url)))
    }
}

/// Reads what the services would read.
pub(super) fn read(surroundings: &Surroundings, wishes: &Wishes) -> (Deployment, Vec<Finding>) {
    let mut findings = Vec::new();
    let wanted = |service: Service| wishes.services.is_empty() || wishes.services.contains(&service);
    let mut deployment = Deployment::default();
    if wanted(Service::Gateway) {
        deployment.gateway = taken(Service::Gateway, surroundings, Config::read, &mut findings);
        let environment = surroundings.of(Service::Gateway);
        let url = |name: &str| environment.variable(name).and_then(|text| text.trim().parse().ok());
        deployment.public = Public { page: url("OTP_PUBLIC_URL"), events: url("OTP_EVENTS_URL") };
    }
    if wanted(Service::Mailer) {
        deployment.mailer = taken(Service::Mailer, surroundings, MailerSettings::read, &mut findings);
    }
    if wanted(Service::Notifier) {
        deployment.notifier = taken(Service::Notifier, surroundings, NotifierSettings::read, &mut findings);
    }
    findings.extend(alike(&deployment));
    (deployment, findings)
}

fn taken<C>(
    service: Service,
    surroundings: &Surroundings,
    read: fn(&mut Settings<'_>) -> Option<C>,
    findings: &mut Vec<Finding>,
) -> Option<C> {
    let mut settings = Settings::new(surroundings.of(service));
    let configuration = read(&mut settings);
    match settings.finish(configuration) {
        Ok(configuration) => {
            findings.push(Finding::ok(CHECK, service.name(), "it starts with these settings"));
            Some(configuration)
        }
        // A fault names the setting and never its value.
        Err(Faults(faults)) => {
            let mend = format!("the setting; `otp-{} --help` tells all of them", service.name());
            findings.extend(faults.iter().map(|fault| Finding::fault(CHECK, service.name(), fault, &mend)));
            None
        }
    }
}

/// The streams are one thing that three services describe.
fn alike(deployment: &Deployment) -> Vec<Finding> {
    let buses = deployment.buses();
    let Some(((first, one), others)) = buses.split_first() else { return Vec::new() };
    let apart = others.iter().filter(|(_, other)| other.streams != one.streams).map(|(service, _)| {
        let about = format!("{} and {}", first.name(), service.name());
        let said = "OTP_CODE_TTL, OTP_STREAM_REPLICAS, OTP_BACKLOG_* or OTP_EVENTS_BYTES differ";
        Finding::fault("settings.alike", &about, said, "give both the same, or one will not start beside the other")
    });
    apart.collect()
}
