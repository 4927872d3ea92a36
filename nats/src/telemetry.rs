//! Traces: the steps of one request, from the HTTP request at the gateway to the frame on the notifier's socket, told to
//! a collector over OTLP. Off, and no more than a look at an empty cell, unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set.
//!
//! Steps are begun by hand where they mean something, so that nothing else gets into a trace: no arguments of functions,
//! no spans of libraries. What describes a step follows OpenTelemetry's semantic conventions and is of a bounded set;
//! there is no id, no address, no network of a client in it. The log lines of a request carry its trace id.
//!
//! What is recorded waits in a bounded queue and is sent by a thread of its own; a collector that hangs or is away costs
//! the steps that find the queue full, which are counted, and nothing else.

use std::time::Duration;

mod exporter;
mod queue;
mod settings;
mod step;

pub use opentelemetry::trace::SpanKind;
pub(crate) use queue::register;
pub use settings::TelemetrySettings;
pub(crate) use step::current;
pub use step::{Step, during, is_on, within};

/// The last steps are waited for so long when a service ends: a collector that answers takes some milliseconds.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// Sends what still waits, for two seconds at most. Called when nothing else is under way.
pub fn flush() {
    if let Some(exporter) = exporter::current() {
        exporter.flush(FLUSH_WITHIN);
    }
}
