//! One verification is one trace, through all three services.

use std::collections::BTreeSet;

use otp_dev::stack::Part;
use otp_gateway::apps::key::{KeyHash, KeyKind, fresh};
use reqwest::Method;
use serde_json::json;

use super::collector::{Collector, Span};
use crate::support::{Asked, Socket, System, VERIFICATIONS, eventually_or, report_link_in, send};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

pub(super) async fn traced(collector: &str, more: &[(&str, &str)]) -> System {
    System::with(|options| {
        options.caller.set("OTEL_EXPORTER_OTLP_ENDPOINT", collector);
        options.caller.set("OTEL_BSP_SCHEDULE_DELAY", "200");
        for (name, value) in more {
            options.caller.set(name, value);
        }
    })
    .await
}

/// Asks within this trace, and watches until the mail is sent.
pub(super) async fn asked(system: &System, address: &str, traceparent: &str) -> Asked {
    let request = system.api().request(Method::POST, VERIFICATIONS).json(&json!({"email": address}));
    let asked = send(request.header("traceparent", traceparent)).await.accepted();
    Socket::watching(&system.stack.file().events, &asked).await.until("sent").await;
    asked
}

async fn spans(collector: &Collector, complete: impl Fn(&[Span]) -> bool) -> Vec<Span> {
    let mut seen = Vec::new();
    eventually_or(
        async || {
            seen = collector.spans();
            complete(&seen).then_some(())
        },
        || "the trace".to_owned(),
    )
    .await;
    collector.spans()
}

fn named<'s>(spans: &'s [Span], name: &str) -> Option<&'s Span> {
    spans.iter().find(|span| span.name == name)
}

#[tokio::test]
async fn one_verification_is_one_trace_from_the_request_to_the_frame() {
    let (collector, url) = Collector::start().await;
    let system = traced(&url, &[("OTP_LOG", "debug"), ("OTP_LOG_FORMAT", "json")]).await;
    let asked = asked(&system, "traced@metrics.test", &format!("00-{TRACE}-{CALLER}-00")).await;
    let spans = spans(&collector, |spans| named(spans, "deliver otp.sent").is_some()).await;
    let all: Vec<&Span> = spans.iter().filter(|span| span.trace == TRACE).collect();
    let find = |name: &str| *all.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {all:#?}"));
    // Each was caused by the one before; the first by the caller, whose word on recording does not count.
    let chain = [
        ("POST /v1/verifications", "otp-gateway"),
        ("publish otp.requested", "otp-gateway"),
        ("process OTP_REQUESTS", "otp-mailer"),
        ("publish otp.sent", "otp-mailer"),
        ("deliver otp.sent", "otp-notifier"),
    ];
    let mut cause = CALLER;
    for (name, service) in chain {
        let span = find(name);
        assert_eq!((span.parent.as_str(), span.service.as_str()), (cause, service), "{span:?}");
        cause = &span.id;
    }
    let request = &find("POST /v1/verifications").id;
    let process = &find("process OTP_REQUESTS").id;
    for name in ["redis issue", "dns"] {
        assert_eq!(&find(name).parent, request, "{name}");
    }
    for name in ["compose", "smtp"] {
        assert_eq!(&find(name).parent, process, "{name}");
    }
    for name in ["smtp connect", "smtp message"] {
        assert_eq!(find(name).parent, find("smtp").id, "{name}");
    }
    assert_eq!(find("publish otp.requested").attributes["messaging.destination.template"], "otp.requested.{id}");
    // Other requests, of which there are none but the tests' own, have traces of their own.
    let ids: BTreeSet<&str> = all.iter().map(|span| span.id.as_str()).collect();
    assert_eq!(ids.len(), all.len());
    println!("{} steps", ids.len());

    let text = collector.text();
    for secret in [asked.id.as_str(), asked.ticket.as_str(), "traced@", "metrics.test"] {
        assert!(!text.contains(secret), "a trace holds {secret}");
    }
    let log = std::fs::read_to_string(system.stack.log(Part::Mailer)).expect("a log");
    let sent = log.lines().find(|line| line.contains(&asked.id)).expect("a line on the mail");
    assert!(sent.contains(&format!(r#"{{"trace_id":"{TRACE}","timestamp":"#)), "{sent}");
    system.stack.stop().await;
}

#[tokio::test]
async fn what_is_not_to_be_recorded_is_not_and_the_last_steps_are_sent_at_the_end() {
    let (collector, url) = Collector::start().await;
    let off = traced(&url, &[("OTEL_TRACES_SAMPLER", "always_off")]).await;
    // A stranger's word: he would have everything recorded.
    asked(&off, "off@metrics.test", &format!("00-{TRACE}-{CALLER}-01")).await;
    off.stack.stop().await;
    assert!(collector.spans().is_empty(), "{:#?}", collector.spans());

    // Never sent by itself within the test: only by the end of each service.
    let late = traced(&url, &[("OTEL_BSP_SCHEDULE_DELAY", "600000")]).await;
    asked(&late, "late@metrics.test", &format!("00-{TRACE}-{CALLER}-00")).await;
    assert!(collector.spans().is_empty());
    late.stack.stop().await;
    let services: BTreeSet<String> = collector.spans().into_iter().map(|span| span.service).collect();
    assert_eq!(services.into_iter().collect::<Vec<_>>(), ["otp-gateway", "otp-mailer", "otp-notifier"]);
}

/// A mail that a relay defers is worked on twice: each time is a step of its own, caused by the same request.
#[tokio::test]
async fn each_delivery_of_a_request_is_a_step_and_lines_name_the_trace() {
    let (collector, url) = Collector::start().await;
    let system = traced(&url, &[]).await;
    let address = "defer-once+again@metrics.test";
    let asked = asked(&system, address, &format!("00-{TRACE}-{CALLER}-01")).await;
    let works = |spans: &[Span]| spans.iter().filter(|span| span.name == "process OTP_REQUESTS").count();
    let spans = spans(&collector, |spans| works(spans) == 2 && named(spans, "deliver otp.sent").is_some()).await;
    let request = named(&spans, "publish otp.requested").expect("a request");
    let works = spans.iter().filter(|span| span.name == "process OTP_REQUESTS");
    let verdicts: Vec<&str> = works
        .map(|span| {
            assert_eq!((&span.trace, &span.parent), (&request.trace, &request.id));
            span.attributes["otp.verdict"].as_str()
        })
        .collect();
    assert_eq!(verdicts, ["retry", "acknowledge"]);
    let failed = spans.iter().find(|span| span.name == "smtp" && span.attributes.contains_key("error.type"));
    assert_eq!(failed.expect("the first attempt").attributes["error.type"], "busy");

    // As text, and in the gateway as well, which has nothing to say of a request but for a few kinds.
    let line = |part, what: &str| {
        let log = std::fs::read_to_string(system.stack.log(part)).expect("a log");
        log.lines().find(|line| line.contains(what)).map_or_else(|| panic!("no {what}"), str::to_owned)
    };
    assert!(line(Part::Mailer, "deferred id=").ends_with(&format!(" trace_id={TRACE}")));
    let link = report_link_in(&system.inbox().wait_for(address).await);
    let body = json!({"token": link.split_once('#').expect("a token").1, "pause": false});
    let other = TRACE.replace('0', "1");
    let report = system.api().request(Method::POST, "/v1/reports").json(&body);
    let told = send(report.header("traceparent", format!("00-{other}-{CALLER}-00"))).await;
    assert_eq!(told.status, 204, "{}", told.text);
    let said = line(Part::Gateway, "a code was reported");
    assert!(said.ends_with(&format!(" trace_id={other}")), "{said}");
    assert_eq!(system.api().read(&asked.id, Some(&asked.ticket)).await.status, 200);
    system.stack.stop().await;
}

/// Anybody can set a flag; the server of an application shows a key.
#[tokio::test]
async fn the_word_on_recording_of_an_applications_server_counts() {
    let folder = tempfile::tempdir().expect("a directory");
    let key = fresh(KeyKind::Secret).expect("a key");
    let apps = folder.path().join("apps.toml");
    let hash = KeyHash::of(&key).expect("a key").1;
    std::fs::write(&apps, format!("[apps.shop]\nsecret_keys = [\"{hash}\"]\n")).expect("written");
    let (collector, url) = Collector::start().await;
    let apps = apps.display().to_string();
    let system = traced(&url, &[("OTP_APPS_FILE", &apps), ("OTEL_TRACES_SAMPLER", "parentbased_always_off")]).await;
    let [unmarked, marked, last] = ["1", "2", "3"].map(|digit| digit.repeat(32));
    for (trace, flags, address) in [(&unmarked, "00", "one"), (&marked, "01", "two"), (&last, "01", "three")] {
        let body = json!({"email": format!("{address}@metrics.test")});
        let request = system.api().request(Method::POST, VERIFICATIONS).json(&body).bearer_auth(&*key);
        send(request.header("traceparent", format!("00-{trace}-{CALLER}-{flags}"))).await.accepted();
        // The same from a stranger, who gets an answer as well.
        let request = system.api().request(Method::POST, VERIFICATIONS).json(&body);
        send(request.header("traceparent", format!("00-{}-{CALLER}-01", "4".repeat(32)))).await;
    }
    let spans = spans(&collector, |spans| spans.iter().any(|span| span.trace == last)).await;
    let traces: BTreeSet<&str> = spans.iter().map(|span| span.trace.as_str()).collect();
    assert_eq!(traces, BTreeSet::from([marked.as_str(), last.as_str()]), "{spans:#?}");
    system.stack.stop().await;
}
