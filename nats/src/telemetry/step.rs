//! One step of a trace.

use std::borrow::Cow;
use std::time::{Instant, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::exporter::{self, Exporter};
use crate::trace::TraceParent;

tokio::task_local! {
    /// What a task is in the course of: a step, or at least a trace.
    static CURRENT: Option<TraceParent>;
}

/// Whether traces are on.
pub fn is_on() -> bool {
    exporter::current().is_some()
}

/// Does the work in the course of a trace, recorded or not: [`Step::child`] and log lines find it.
pub fn within<F: Future>(trace: TraceParent, work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(Some(trace), work)
}

/// Does the work in the course of a step of what the task is in the course of; see [`within`].
pub fn during<F: Future>(step: &Step, work: F) -> impl Future<Output = F::Output> + use<F> {
    CURRENT.scope(step.trace().or_else(current), work)
}

/// What the task is in the course of.
pub(crate) fn current() -> Option<TraceParent> {
    CURRENT.try_with(|current| *current).ok().flatten()
}

/// A step that is under way; it ends when this is dropped. Most are nothing: traces are off, or this one is not recorded.
#[derive(Debug, Default)]
pub struct Step(Option<Box<Open>>);

struct Open {
    exporter: &'static Exporter,
    trace: TraceParent,
    parent: Option<TraceParent>,
    is_from_afar: bool,
    kind: SpanKind,
    name: Cow<'static, str>,
    began: SystemTime,
    clock: Instant,
    attributes: Vec<KeyValue>,
    status: Status,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Step {
    /// The first step of a request from outside, and the trace that the request belongs to: the caller's, if it named one.
    /// Whether it is recorded is decided here; the caller's word on it counts if it `is_trusted`, since anybody may ask
    /// for everything to be recorded.
    pub fn entrance(
        parent: Option<TraceParent>,
        is_trusted: bool,
        name: impl FnOnce() -> Cow<'static, str>,
    ) -> (Self, TraceParent) {
        let trace = parent.map_or_else(TraceParent::start, |parent| parent.child());
        let Some(exporter) = exporter::current() else { return (Self(None), trace) };
        let said = parent.filter(|_| is_trusted).map(|parent| parent.is_sampled());
        let trace = trace.sampled(exporter.sampling.takes(said, rand::random_range(0.0..1.0)));
        if !trace.is_sampled() {
            return (Self(None), trace);
        }
        (Self::open(exporter, trace, parent, true, SpanKind::Server, name()), trace)
    }

    /// A step that another process caused.
    pub fn from_afar(cause: &TraceParent, kind: SpanKind, name: impl FnOnce() -> Cow<'static, str>) -> Self {
        Self::caused_by(cause, true, kind, name)
    }

    /// A step of this one.
    pub fn of(cause: &TraceParent, kind: SpanKind, name: impl FnOnce() -> Cow<'static, str>) -> Self {
        Self::caused_by(cause, false, kind, name)
    }

    /// A step of the one in whose course the task is; see [`within`].
    pub fn child(kind: SpanKind, name: impl FnOnce() -> Cow<'static, str>) -> Self {
        // Asked first: it is the cheaper question, and answers most of the time.
        if !is_on() {
            return Self(None);
        }
        current().map_or(Self(None), |cause| Self::of(&cause, kind, name))
    }

    fn caused_by(
        cause: &TraceParent,
        is_from_afar: bool,
        kind: SpanKind,
        name: impl FnOnce() -> Cow<'static, str>,
    ) -> Self {
        match exporter::current() {
            Some(exporter) if cause.is_sampled() => {
                Self::open(exporter, cause.child(), Some(*cause), is_from_afar, kind, name())
            }
            Some(_) | None => Self(None),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "traces are in real time, and decide nothing")]
    fn open(
        exporter: &'static Exporter,
        trace: TraceParent,
        parent: Option<TraceParent>,
        is_from_afar: bool,
        kind: SpanKind,
        name: Cow<'static, str>,
    ) -> Self {
        let (began, clock, attributes, status) = (SystemTime::now(), Instant::now(), Vec::new(), Status::Unset);
        let open = Open { exporter, trace, parent, is_from_afar, kind, name, began, clock, attributes, status };
        Self(Some(Box::new(open)))
    }

    /// What the steps that this one causes are told of it; `None` when it is not recorded.
    pub fn trace(&self) -> Option<TraceParent> {
        self.0.as_ref().map(|open| open.trace)
    }

    /// Says something of the step: a name of OpenTelemetry's semantic conventions, and a value of a bounded set.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(open) = &mut self.0 {
            open.attributes.push(KeyValue::new(name, value));
        }
    }

    /// As [`Step::set`], for a value that has to be made.
    pub fn set_with(&mut self, name: &'static str, value: impl FnOnce() -> String) {
        if self.0.is_some() {
            self.set(name, value());
        }
    }

    /// The step failed, for this reason.
    pub fn failed(&mut self, why: &'static str) {
        self.set("error.type", why);
        if let Some(open) = &mut self.0 {
            open.status = Status::error(why);
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        let Some(open) = self.0.take() else { return };
        let Open { exporter, trace, parent, is_from_afar, kind, name, began, clock, attributes, status } = *open;
        let flags = TraceFlags::default().with_sampled(true);
        let (trace_id, span_id) = trace.ids();
        let context = SpanContext::new(
            TraceId::from_bytes(trace_id.to_be_bytes()),
            SpanId::from_bytes(span_id.to_be_bytes()),
            flags,
            false,
            TraceState::default(),
        );
        let parent_id = parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.ids().1.to_be_bytes()));
        exporter.take(SpanData {
            span_context: context,
            parent_span_id: parent_id,
            parent_span_is_remote: is_from_afar && parent.is_some(),
            span_kind: kind,
            name,
            start_time: began,
            // Clocks are set back now and then, and no step ends before it begins.
            end_time: began + clock.elapsed(),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: exporter.scope.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn while_traces_are_off_nothing_is_made() {
        let never = || -> Cow<'static, str> { panic!("a name was made") };
        let trace = TraceParent::start();
        assert!(trace.is_sampled());
        let (step, entered) = Step::entrance(Some(trace), true, never);
        assert_eq!((step.trace(), entered.trace_id()), (None, trace.trace_id()));
        assert!(Step::of(&trace, SpanKind::Internal, never).0.is_none());
        within(trace, async {
            let mut step = Step::child(SpanKind::Internal, never);
            assert!(step.0.is_none());
            step.set_with("x", || panic!("a value was made"));
            // Log lines find the trace all the same, also in a step that is not recorded.
            during(&step, async { assert_eq!(current(), Some(trace)) }).await;
        })
        .await;
        assert_eq!(current(), None);
    }
}
