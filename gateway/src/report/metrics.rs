//! How many codes were reported.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// As many as there are applications, four times.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    application: String,
    outcome: &'static str,
    pause: bool,
}

/// Metrics of reports. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct ReportMetrics {
    reports: Family<Labels, Counter>,
}

impl ReportMetrics {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let about = "Codes that their recipients did not ask for, by application (empty: open mode or gone), whether that \
                     canceled them, and whether further ones are held back";
        registry.register("otp_gateway_reports", about, metrics.reports.clone());
        metrics
    }

    /// Counts a report.
    pub fn reported(&self, application: &str, canceled: bool, pause: bool) {
        let outcome = if canceled { "canceled" } else { "over" };
        self.reports.get_or_create(&Labels { application: application.to_owned(), outcome, pause }).inc();
    }
}
