//! Logs on standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{Setting, Settings};

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Setting for LogFormat {
    const FORM: &'static str = "text or json";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(String::new()),
        }
    }
}

/// What is logged and how.
#[derive(Debug, Clone)]
pub struct LogSettings {
    filter: String,
    format: LogFormat,
}

impl LogSettings {
    /// Declares and reads the settings.
    pub fn read(settings: &mut Settings<'_>) -> Option<Self> {
        let filter: Option<String> = settings.or("OTP_LOG", "info", "What is logged: a level, or tracing directives");
        let format = settings.or("OTP_LOG_FORMAT", "text", "How a log line looks");
        let filter = filter?;
        if EnvFilter::try_new(directives(&filter)).is_err() {
            settings.fault("OTP_LOG has not the expected form; expected a level or tracing directives");
        }
        Some(Self { filter, format: format? })
    }

    /// Starts logging. A second call in one process changes nothing.
    pub fn start(&self) {
        let filter = EnvFilter::try_new(directives(&self.filter)).unwrap_or_else(|_| EnvFilter::new("info"));
        let registry = tracing_subscriber::registry().with(filter);
        let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let started = match self.format {
            LogFormat::Text => registry.with(layer.with_ansi(false)).try_init(),
            LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
        };
        drop(started);
    }
}

/// A bare level counts for our own crates; what libraries say below `warn` may hold payloads and has to be asked for.
fn directives(filter: &str) -> String {
    if filter.contains(['=', ',']) {
        return filter.to_owned();
    }
    let ours = ["otp_nats", "otp_gateway", "otp_mailer", "otp_notifier", "otp_dev"];
    let each: Vec<String> = ours.iter().map(|target| format!("{target}={filter}")).collect();
    format!("warn,{}", each.join(","))
}
