//! The tool's own settings: `OTP_DEV_` variables. All other `OTP_` variables are the services'.

use std::path::PathBuf;

use otp_nats::settings::{Declared, Faults, ProcessEnvironment, Setting, Settings};
use secrecy::{ExposeSecret as _, SecretString};

use crate::stack::{CallerVariables, WantedPorts};
use crate::workspace;

/// What the environment says.
#[derive(Debug, Clone)]
pub struct ToolSettings {
    /// Where the stack's data, logs and `stack.json` are.
    pub dir: PathBuf,
    /// Which ports the stack has.
    pub ports: WantedPorts,
    /// A directory with built services; nothing is built then.
    pub binaries: Option<PathBuf>,
    /// Another nats-server than the one that is installed.
    pub nats_server: Option<PathBuf>,
    /// What reaches the services.
    pub caller: CallerVariables,
    /// A login at NATS for what no service may ask, for `cargo dev doctor`.
    pub nats_operator: Option<SecretString>,
    /// The same at Redis.
    pub redis_operator: Option<SecretString>,
}

/// Text that nothing shows.
struct Hidden(SecretString);

impl Setting for Hidden {
    const FORM: &'static str = "a URL with a login";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned().into()))
    }
}

impl ToolSettings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// All faults in it.
    pub fn read() -> Result<Self, Faults> {
        let mut settings = Settings::new(&ProcessEnvironment);
        let read = declare(&mut settings);
        settings.finish(read)
    }

    /// What can be set, for `--help`.
    pub fn declared() -> Vec<Declared> {
        let mut settings = Settings::new(&ProcessEnvironment);
        let read = declare(&mut settings);
        drop(read);
        settings.declared().to_vec()
    }
}

fn declare(settings: &mut Settings<'_>) -> Option<ToolSettings> {
    let dir: Option<Option<PathBuf>> =
        settings.optional("OTP_DEV_DIR", "Data, logs and stack.json; target/dev in the checkout when unset");
    let binaries = settings.optional("OTP_DEV_BINARIES", "Directory of built services; nothing is built then");
    let nats_server = settings.optional("OTP_DEV_NATS_SERVER", "Another nats-server than the one that is installed");
    let mut operator = |name, about| {
        let url: Option<Hidden> = settings.secret_or(name, "", about);
        url.map(|Hidden(url)| Some(url).filter(|url| !url.expose_secret().is_empty()))
    };
    let nats_operator =
        operator("OTP_DEV_NATS_OPERATOR_URL", "For doctor: NATS with a login that may ask about the account");
    let redis_operator = operator("OTP_DEV_REDIS_OPERATOR_URL", "For doctor: Redis with a login that may call INFO");
    let mut port = |name, default, about| settings.or(name, default, about);
    let gateway = port("OTP_DEV_GATEWAY_PORT", "5000", "API and page; for this and all below, 0 takes a free one");
    let notifier = port("OTP_DEV_NOTIFIER_PORT", "5001", "WebSocket");
    let admin = port("OTP_DEV_ADMIN_PORT", "9500", "Admin port of the gateway; mailer and notifier have the next two");
    let inbox = port("OTP_DEV_INBOX_PORT", "8025", "Page and API of the inbox");
    let smtp = port("OTP_DEV_SMTP_PORT", "1025", "SMTP of the inbox");
    let nats = port("OTP_DEV_NATS_PORT", "0", "nats-server; the other nodes of a cluster take free ones");
    let redis = port("OTP_DEV_REDIS_PORT", "0", "redis-server");
    let dns = port("OTP_DEV_DNS_PORT", "0", "DNS zone, UDP and TCP");
    if admin.is_some_and(|admin: u16| admin > u16::MAX - 2) {
        settings.fault("OTP_DEV_ADMIN_PORT leaves no room for the two ports after it");
    }
    let ports = WantedPorts {
        gateway: gateway?,
        notifier: notifier?,
        inbox: inbox?,
        smtp: smtp?,
        nats: nats?,
        redis: redis?,
        dns: dns?,
        admin: admin?,
    };
    let dir = dir?.unwrap_or_else(|| workspace::root().join("target/dev"));
    let dir = std::path::absolute(&dir).unwrap_or(dir);
    Some(ToolSettings {
        dir,
        ports,
        binaries: binaries?,
        nats_server: nats_server?,
        caller: caller(),
        nats_operator: nats_operator?,
        redis_operator: redis_operator?,
    })
}

fn caller() -> CallerVariables {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    CallerVariables::new(std::env::vars_os().filter_map(text))
}
