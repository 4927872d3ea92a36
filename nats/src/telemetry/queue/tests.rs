use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::SystemTime;

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// Tells of each batch, and sends it once it is told how that goes.
#[derive(Debug)]
struct Slow {
    begun: SyncSender<usize>,
    ends: Mutex<Receiver<bool>>,
}

impl SpanExporter for Slow {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.begun.send(batch.len()).unwrap();
        let taken = self.ends.lock().unwrap().recv_timeout(PATIENCE).unwrap_or(false);
        if taken { Ok(()) } else { Err(OTelSdkError::InternalFailure("refused".to_owned())) }
    }
}

fn queue(waiting: usize, batch: usize) -> (Queue, Receiver<usize>, SyncSender<bool>) {
    let ((begun, told), (end, ends)) = (sync_channel(8), sync_channel(8));
    let limits = Limits { waiting, batch, delay: PATIENCE };
    let exporter = Slow { begun, ends: Mutex::new(ends) };
    (Queue::new(exporter, limits, &Resource::builder_empty().build(), Counts::default()), told, end)
}

#[expect(clippy::disallowed_methods, reason = "a span has a time")]
fn span() -> SpanData {
    let (trace, span) = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([1; 8]));
    let now = SystemTime::now();
    SpanData {
        span_context: SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default()),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "x".into(),
        start_time: now,
        end_time: now,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

fn counted(queue: &Queue) -> [u64; 3] {
    [&queue.counts.sent, &queue.counts.failed, &queue.counts.dropped].map(Counter::get)
}

#[test]
fn what_finds_the_queue_full_is_dropped_and_counted() {
    let (queue, told, end) = queue(4, 2);
    for _ in 0..2 {
        queue.take(span());
    }
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), 2);
    // Two are on their way, two more may wait, and the rest has no place.
    for _ in 0..8 {
        queue.take(span());
    }
    assert_eq!(counted(&queue), [0, 0, 6]);
    end.send(true).unwrap();
    end.send(true).unwrap();
    assert!(queue.end(PATIENCE));
    assert_eq!(counted(&queue), [4, 0, 6]);
}

#[test]
fn what_the_collector_does_not_take_is_counted_and_leaves_room() {
    let (queue, told, end) = queue(2, 2);
    end.send(false).unwrap();
    queue.take(span());
    queue.take(span());
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), 2);
    let left = |_: &u32| queue.waiting.load(Ordering::Relaxed) > 0;
    let waited = (0..6_000).take_while(left).inspect(|_| std::thread::sleep(Duration::from_millis(10))).count();
    assert!(waited < 6_000, "what was refused still waits");
    queue.take(span());
    end.send(true).unwrap();
    assert!(queue.end(PATIENCE));
    assert_eq!(counted(&queue), [1, 2, 0]);
}

#[test]
fn an_end_is_waited_for_no_longer_than_said() {
    let (queue, told, end) = queue(2, 2);
    queue.take(span());
    queue.take(span());
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), 2);
    assert!(!queue.end(Duration::from_millis(50)));
    drop(end);
}
