//! How long the steps of a connection take.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use otp_nats::telemetry::{SpanKind, Step};
use tokio::time::Instant;

use super::Phase;

type Told = dyn Fn(Phase, Duration) + Send + Sync;

/// Tells of every step that ended, well or not. Clones tell the same.
#[derive(Clone, Default)]
pub struct Stopwatch(Option<Arc<Told>>);

impl fmt::Debug for Stopwatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopwatch")
    }
}

impl Stopwatch {
    /// Tells this function; the default tells nobody.
    pub fn new(told: impl Fn(Phase, Duration) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }

    /// Waits for a step and tells how long it took.
    pub(super) async fn time<T>(&self, phase: Phase, step: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let traced = Step::child(SpanKind::Client, || format!("smtp {}", phase.label()).into());
        let done = step.await;
        drop(traced);
        if let Some(told) = &self.0 {
            told(phase, started.elapsed());
        }
        done
    }
}
