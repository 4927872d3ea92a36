//! Logs on standard error.

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{Setting, Settings};

mod traced;

use traced::Traced;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For people who look at one thing: a line for each field.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl Setting for LogFormat {
    const FORM: &'static str = "text, pretty or json";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "pretty" => Ok(Self::Pretty),
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
        drop(subscriber(filter, self.format, std::io::stderr).try_init());
    }
}

/// What writes lines of this format.
fn subscriber<W>(filter: EnvFilter, kind: LogFormat, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(filter);
    // No colours: whoever reads this in a file or a collector of logs would see codes.
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    match kind {
        LogFormat::Text => Box::new(registry.with(layer.map_event_format(|format| Traced { format, kind }))),
        LogFormat::Pretty => Box::new(registry.with(layer.pretty().map_event_format(|format| Traced { format, kind }))),
        LogFormat::Json => {
            let layer = layer.json().flatten_event(true);
            Box::new(registry.with(layer.map_event_format(|format| Traced { format, kind })))
        }
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

#[cfg(test)]
mod tests;
