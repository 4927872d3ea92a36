//! What each part is started with.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use otp_nats::settings::Setting as _;

use super::access::{Access, OPERATOR};
use super::caller::CallerVariables;
use super::launch::Launch;
use super::links::{Link, Links};
use super::lock;
use super::nats::Routes;
use super::part::{Instance, Part};
use super::ports::{Ports, local};
use super::probe::Probe;
use crate::certificates::Identity;
use crate::workspace;

/// The servers write what they have and close: seconds at most.
pub(super) const SERVER_PATIENCE: Duration = Duration::from_secs(10);
/// A service's own deadline for its drain when the caller sets none, as in `otp_nats::shutdown`.
const DRAIN_DEFAULT: Duration = Duration::from_secs(25);
/// On top of a service's own deadline.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The directory that holds `otp-gateway`, `otp-mailer` and `otp-notifier`.
    pub services: PathBuf,
    /// `nats-server`.
    pub nats: PathBuf,
    /// `redis-server`.
    pub redis: PathBuf,
}

/// A part before it is started: how to start it and how to see that it is ready.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) launch: Launch,
    pub(super) probe: Probe,
    /// Where it serves clients; the mailer does not.
    pub(super) port: Option<u16>,
    /// Where it tells how it is; the servers do not.
    pub(super) admin: Option<u16>,
}

/// What all plans draw on.
#[derive(Debug)]
pub(super) struct Planner {
    pub(super) dir: PathBuf,
    pub(super) ports: Ports,
    pub(super) programs: Programs,
    pub(super) caller: CallerVariables,
    pub(super) keys: Vec<(String, String)>,
    pub(super) access: Access,
    pub(super) links: Links,
    pub(super) routes: Routes,
}

impl Planner {
    pub(super) fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    /// redis-server with a log of all writes, as production has it.
    pub(super) fn redis(&self) -> Result<Plan> {
        let data = self.data("redis")?;
        let port = self.ports.redis;
        let mut settings = vec![
            ("--bind", "127.0.0.1".into()),
            (if self.access.tls().is_some() { "--tls-port" } else { "--port" }, port.to_string().into()),
            ("--aclfile", self.access.redis_users().into_os_string()),
            ("--dir", data.into_os_string()),
            ("--appendonly", "yes".into()),
            ("--appendfsync", "everysec".into()),
            ("--save", "".into()),
            ("--maxmemory-policy", "noeviction".into()),
            ("--daemonize", "no".into()),
        ];
        if let Some(folder) = self.access.tls() {
            settings.push(("--port", "0".into()));
            for (name, file) in
                [("--tls-cert-file", "server.pem"), ("--tls-key-file", "server.key"), ("--tls-ca-cert-file", "ca.pem")]
            {
                settings.push((name, folder.join(file).into_os_string()));
            }
        }
        let arguments = settings.into_iter().flat_map(|(name, value)| [name.into(), value]).collect();
        let launch = self.launch(Part::Redis.into(), &self.programs.redis, arguments, SERVER_PATIENCE);
        let url = self.access.redis_url(OPERATOR, local(port))?;
        let probe = Probe::Redis { url, tls: self.access.identity(OPERATOR) };
        Ok(Plan { launch, probe, port: Some(port), admin: None })
    }

    /// One of our services on these ports, with `extra` settings above all others.
    pub(super) fn service(&self, instance: Instance, port: u16, admin: u16, extra: &[(&str, &str)]) -> Result<Plan> {
        let part = instance.part;
        let mut environment = self.caller.merged(part, self.own_settings(part)?);
        environment.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        environment.insert("OTP_ADMIN_LISTEN".to_owned(), format!("127.0.0.1:{admin}"));
        let port = (part != Part::Mailer).then_some(port);
        if let Some(port) = port {
            environment.insert("OTP_LISTEN".to_owned(), format!("127.0.0.1:{port}"));
        }
        let drain = environment.get("OTP_DRAIN_TIMEOUT").and_then(|text| Duration::parse(text).ok());
        let patience = drain.unwrap_or(DRAIN_DEFAULT) + DRAIN_MARGIN;
        let program = self.programs.services.join(part.program());
        let mut launch = self.launch(instance, &program, Vec::new(), patience);
        launch.environment = environment;
        let probe = Probe::Http(format!("http://127.0.0.1:{admin}/ready"));
        Ok(Plan { launch, probe, port, admin: Some(admin) })
    }

    fn own_settings(&self, part: Part) -> Result<Vec<(String, String)>> {
        let ports = &self.ports;
        let mut own: Vec<(String, String)> = self.keys.clone();
        let mut set = |name: &str, value: String| own.push((name.to_owned(), value));
        if let Some(link) = Link::to_nats(part) {
            let addresses = self.links.reach(link, ports);
            let urls = addresses.into_iter().map(|address| self.access.nats_url(part.name(), address));
            set("OTP_NATS_URL", urls.collect::<Result<Vec<_>>>()?.join(","));
        }
        let servers: &[&str] = if part == Part::Gateway { &["NATS", "REDIS"] } else { &["NATS"] };
        for server in self.access.tls().map_or(&[][..], |_folder| servers) {
            let Some(Identity { ca, certificate, key }) = self.access.identity(part.name()) else { continue };
            for (name, file) in [("CA", ca), ("CERT", certificate), ("KEY", key)] {
                set(&format!("OTP_{server}_{name}_FILE"), file.display().to_string());
            }
        }
        if self.ports.cluster.is_some() {
            set("OTP_STREAM_REPLICAS", "3".to_owned());
        }
        // Another OTP_CODE_TTL at the next start changes the streams; here that is what is wanted. The gateway alone may.
        set("OTP_STREAM_DRIFT", if part == Part::Gateway { "update" } else { "wait" }.to_owned());
        // A process that was left behind is known by its environment, which a service that leaves no dumps shows to root
        // alone.
        set("OTP_CORE_DUMPS", "true".to_owned());
        let origins = format!("http://127.0.0.1:{0},http://localhost:{0}", ports.gateway);
        match part {
            Part::Gateway => {
                let address = self.links.reach(Link::GatewayRedis, ports).into_iter().next().context("no Redis")?;
                set("OTP_REDIS_URL", self.access.redis_url(part.name(), address)?);
                set("OTP_EVENTS_URL", format!("ws://127.0.0.1:{}/v1/events", ports.notifier));
                set("OTP_PUBLIC_URL", format!("http://127.0.0.1:{}", ports.gateway));
                set("OTP_ALLOWED_ORIGINS", origins);
                set("OTP_DNS_SERVER", format!("127.0.0.1:{}", ports.dns));
                set("OTP_OPEN_MODE", "true".to_owned());
            }
            Part::Mailer => {
                set("OTP_SMTP_URL", self.urls("smtp", Link::MailerSmtp, "?tls=none"));
                set("OTP_MAIL_FROM", "DistOTP <otp@localhost.test>".to_owned());
            }
            Part::Notifier => set("OTP_ALLOWED_ORIGINS", origins),
            Part::Nats | Part::Redis => {}
        }
        Ok(own)
    }

    /// What a service reaches over a wire, as a list of URLs.
    fn urls(&self, scheme: &str, link: Link, query: &str) -> String {
        let addresses = self.links.reach(link, &self.ports);
        let urls: Vec<String> = addresses.iter().map(|address| format!("{scheme}://{address}{query}")).collect();
        urls.join(",")
    }

    pub(super) fn launch(
        &self,
        instance: Instance,
        program: &Path,
        arguments: Vec<OsString>,
        patience: Duration,
    ) -> Launch {
        Launch {
            instance,
            program: program.to_owned(),
            arguments,
            environment: BTreeMap::new(),
            marker: lock::marker(&self.dir),
            directory: workspace::root().to_owned(),
            log: self.logs().join(format!("{instance}.log")),
            patience,
        }
    }

    pub(super) fn data(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("{} can't be made", path.display()))?;
        Ok(path)
    }
}
