//! The trace id on log lines: of whatever the task is in the course of, found when a line is written. Nothing is done for
//! it while none is, and no filter takes it away from a line, as it would a span.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::LogFormat;
use crate::telemetry;

/// A format whose lines name their trace.
#[derive(Debug)]
pub(super) struct Traced<F> {
    pub(super) format: F,
    pub(super) kind: LogFormat,
}

impl<S, N, F> FormatEvent<S, N> for Traced<F>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(trace) = telemetry::current() else { return self.format.format_event(context, writer, event) };
        let (mut line, id) = (String::new(), trace.trace_id());
        self.format.format_event(context, Writer::new(&mut line), event)?;
        let text = line.trim_end_matches('\n');
        match (self.kind, text.strip_prefix('{')) {
            (LogFormat::Json, Some(fields)) => writeln!(writer, r#"{{"trace_id":"{id}",{fields}"#),
            (LogFormat::Text, _) | (LogFormat::Json, None) => writeln!(writer, "{text} trace_id={id}"),
            (LogFormat::Pretty, _) => writeln!(writer, "{text}\n    of trace_id: {id}\n"),
        }
    }
}
