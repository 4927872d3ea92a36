//! What is measured of watched files.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reload {
    file: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    file: &'static str,
}

/// Metrics of all watched files. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct FileMetrics {
    reloads: Family<Reload, Counter>,
    faulty: Family<Name, Gauge>,
}

impl FileMetrics {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("otp_file_reloads", "Files read again after a change, by outcome", metrics.reloads.clone());
        let faulty = metrics.faulty.clone();
        registry.register("otp_file_faulty", "1 while a file is faulty and an older one is in force", faulty);
        metrics
    }

    /// Shows a file before it has ever changed.
    pub(super) fn opened(&self, file: &'static str) {
        self.faulty.get_or_create(&Name { file }).set(0);
    }

    pub(super) fn reloaded(&self, file: &'static str) {
        self.reloads.get_or_create(&Reload { file, outcome: "good" }).inc();
        self.faulty.get_or_create(&Name { file }).set(0);
    }

    pub(super) fn refused(&self, file: &'static str) {
        self.reloads.get_or_create(&Reload { file, outcome: "bad" }).inc();
        self.faulty.get_or_create(&Name { file }).set(1);
    }
}
