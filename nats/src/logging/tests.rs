use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::*;
use crate::telemetry::within;
use crate::trace::TraceParent;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written of two events, of which the second is in the course of a trace, when only warnings are wanted.
fn written(kind: LogFormat) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = subscriber(EnvFilter::new("warn"), kind, move || writer.clone());
    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!(number = 1, "outside");
        let trace = TraceParent::parse(&format!("00-{TRACE}-b7ad6b7169203331-00")).unwrap();
        let inside = within(trace, async { tracing::warn!(number = 2, "inside") });
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(inside);
    });
    String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
}

#[test]
fn a_line_in_the_course_of_a_trace_names_it() {
    let text = written(LogFormat::Text);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].ends_with("outside number=1"), "{text}");
    assert!(lines[1].ends_with(&format!("inside number=2 trace_id={TRACE}")), "{text}");
}

#[test]
fn a_line_of_json_is_still_one_object() {
    let text = written(LogFormat::Json);
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0].get("trace_id"), None);
    assert_eq!(lines[1]["trace_id"], TRACE);
    assert_eq!((&lines[1]["message"], &lines[1]["number"]), (&"inside".into(), &2.into()));
}

#[test]
fn a_pretty_line_names_it_on_a_line_of_its_own() {
    let text = written(LogFormat::Pretty);
    assert_eq!(text.matches(TRACE).count(), 1, "{text}");
    assert!(text.contains("inside, number: 2\n"), "{text}");
    assert!(text.ends_with(&format!("\n    of trace_id: {TRACE}\n\n")), "{text}");
}
