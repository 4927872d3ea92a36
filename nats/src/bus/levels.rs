//! How full the streams are: the backlog, the age of its oldest request, events and dead letters.
//!
//! Exported by the gateways, which may ask for it anyway, and which live as long as anything is accepted: told by the
//! mailers, a backlog would vanish from sight with the last of them, which is when it grows. All gateways tell the same.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Bus;
use crate::timestamp::Timestamp;

/// The streams are asked so often: more often than anybody scrapes, three small questions each time.
const EVERY: Duration = Duration::from_secs(5);
/// One round of questions.
const WITHIN: Duration = Duration::from_secs(4);
/// What is older than this is not told any more: a backlog that nobody can see must not look as if it stood still.
const STALE: Duration = Duration::from_secs(20);

/// What the streams hold. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct StreamLevels(Arc<Mutex<Option<Seen>>>);

#[derive(Debug)]
struct Seen {
    at: Instant,
    levels: Vec<Level>,
}

/// One stream.
#[derive(Debug, Clone)]
struct Level {
    name: &'static str,
    messages: u64,
    bytes: u64,
    messages_limit: Option<u64>,
    bytes_limit: Option<u64>,
    oldest: Option<Timestamp>,
}

impl StreamLevels {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let levels = Self::default();
        registry.register_collector(Box::new(levels.clone()));
        levels
    }

    /// Asks NATS again and again until `stop` is cancelled.
    pub async fn follow(self, bus: Bus, stop: CancellationToken) {
        let mut next = tokio::time::interval(EVERY);
        next.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = next.tick() => {}
            }
            if !bus.is_connected() {
                continue;
            }
            if let Ok(Some(levels)) = tokio::time::timeout(WITHIN, bus.levels()).await {
                *self.seen() = Some(Seen { at: Instant::now(), levels });
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Option<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bus {
    /// What each stream holds; `None` when one of them cannot be asked.
    async fn levels(&self) -> Option<Vec<Level>> {
        let mut levels = Vec::new();
        for spec in self.settings.streams.streams() {
            let stream = self.jetstream.get_stream(spec.name).await.ok()?;
            let state = &stream.cached_info().state;
            levels.push(Level {
                name: spec.name,
                messages: state.messages,
                bytes: state.bytes,
                messages_limit: u64::try_from(spec.max_messages).ok(),
                bytes_limit: u64::try_from(spec.max_bytes).ok(),
                oldest: (state.messages > 0).then(|| state.first_timestamp.into()),
            });
        }
        Some(levels)
    }
}

impl Collector for StreamLevels {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let levels = match &*self.seen() {
            Some(seen) if seen.at.elapsed() < STALE => seen.levels.clone(),
            Some(_) | None => return Ok(()),
        };
        let now = Timestamp::now();
        let mut each = |name, help, value: &dyn Fn(&Level) -> Option<f64>| {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for level in &levels {
                if let Some(value) = value(level) {
                    ConstGauge::new(value).encode(family.encode_family(&[("stream", level.name)])?)?;
                }
            }
            Ok::<_, std::fmt::Error>(())
        };
        each("otp_stream_messages", "Messages in a stream", &|level| Some(number(level.messages)))?;
        each("otp_stream_bytes", "Bytes in a stream", &|level| Some(number(level.bytes)))?;
        let help = "Messages that a stream may hold";
        each("otp_stream_messages_limit", help, &|level| level.messages_limit.map(number))?;
        each("otp_stream_bytes_limit", "Bytes that a stream may hold", &|level| level.bytes_limit.map(number))?;
        let help = "Age of the oldest message in a stream; 0 when it is empty";
        each("otp_stream_oldest_age_seconds", help, &|level| {
            Some(level.oldest.map_or(0.0, |oldest| oldest.until(now).as_secs_f64()))
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 nobody counts messages one by one")]
const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(levels: &StreamLevels) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(levels.clone()));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn a_level_that_is_not_known_any_more_is_not_told() {
        let levels = StreamLevels::default();
        assert!(!told(&levels).contains("otp_stream"));
        let level = Level {
            name: "OTP_REQUESTS",
            messages: 3,
            bytes: 700,
            messages_limit: None,
            bytes_limit: Some(1000),
            oldest: Some(Timestamp::from_millis(Timestamp::now().as_millis() - 90_000)),
        };
        *levels.seen() = Some(Seen { at: Instant::now(), levels: vec![level.clone()] });
        let text = told(&levels);
        assert!(text.contains("otp_stream_messages{stream=\"OTP_REQUESTS\"} 3"), "{text}");
        assert!(text.contains("otp_stream_bytes_limit{stream=\"OTP_REQUESTS\"} 1000"), "{text}");
        assert!(text.contains("otp_stream_oldest_age_seconds{stream=\"OTP_REQUESTS\"} 9"), "{text}");
        assert!(!text.contains("otp_stream_messages_limit{"), "{text}");
        let at = Instant::now().checked_sub(STALE).unwrap();
        *levels.seen() = Some(Seen { at, levels: vec![level] });
        assert!(!told(&levels).contains("otp_stream"));
    }
}
