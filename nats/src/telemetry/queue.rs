//! The queue of steps that wait for the collector, and what is counted of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Of this process, as its exporter is.
static COUNTS: LazyLock<Counts> = LazyLock::new(Counts::default);

/// Registers what is counted; all of it stays 0 while traces are off.
pub(crate) fn register(registry: &mut Registry) {
    COUNTS.register(registry);
}

/// What became of steps. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    family: Family<[(&'static str, &'static str); 1], Counter>,
    sent: Counter,
    failed: Counter,
    dropped: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        let family = Family::default();
        let of = |outcome| family.get_or_create_owned(&[("outcome", outcome)]);
        Self { sent: of("sent"), failed: of("failed"), dropped: of("dropped"), family }
    }
}

impl Counts {
    /// Those that [`register`] shows.
    pub(super) fn of_process() -> Self {
        COUNTS.clone()
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("otp_spans", "Steps of traces, by what became of them", self.family.clone());
    }
}

/// How much waits, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Most steps that wait, those that are on their way included.
    pub(super) waiting: usize,
    /// Most steps of one post.
    pub(super) batch: usize,
    /// Steps wait so long for others.
    pub(super) delay: Duration,
}

/// OpenTelemetry's queue with its thread. It drops what finds it full without a word, so it is never given more than it
/// can hold.
pub(super) struct Queue {
    processor: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
    most: usize,
    counts: Counts,
}

impl Queue {
    pub(super) fn new(
        exporter: impl SpanExporter + 'static,
        limits: Limits,
        resource: &Resource,
        counts: Counts,
    ) -> Self {
        let waiting = Arc::new(AtomicUsize::new(0));
        let counted = Counted { exporter, waiting: Arc::clone(&waiting), counts: counts.clone() };
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(limits.waiting)
            .with_max_export_batch_size(limits.batch)
            .with_scheduled_delay(limits.delay)
            .build();
        let mut processor = BatchSpanProcessor::new(counted, config);
        processor.set_resource(resource);
        Self { processor, waiting, most: limits.waiting, counts }
    }

    /// Never waits: a step that finds the queue full is gone.
    pub(super) fn take(&self, span: SpanData) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.counts.dropped.inc();
            return;
        }
        self.processor.on_end(span);
    }

    /// Sends what waits, and takes nothing more; whether that was done in time.
    pub(super) fn end(&self, within: Duration) -> bool {
        self.processor.shutdown_with_timeout(within).is_ok()
    }
}

/// Counts what another exporter sends.
#[derive(Debug)]
struct Counted<E> {
    exporter: E,
    waiting: Arc<AtomicUsize>,
    counts: Counts,
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let steps = batch.len();
        let result = self.exporter.export(batch).await;
        let count = if result.is_ok() { &self.counts.sent } else { &self.counts.failed };
        count.inc_by(steps as u64);
        self.waiting.fetch_sub(steps, Ordering::Relaxed);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests;
