//! What clients send to the notifier, and the headers that both it and the gateway read.

use std::net::IpAddr;

use otp_gateway::client_ip::{ProxyHeader, TrustedProxies};
use otp_gateway::http::fuzz::accepted_languages;
use otp_gateway::verification::IdempotencyKey;
use otp_nats::settings::Setting as _;
use otp_nats::trace::TraceParent;
use otp_notifier::{Origins, fuzz};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::text;

const ORIGIN: &str = "https://app.example.com";
/// An answer to a handshake has a handful of headers, none of them the client's but for the accept key.
const ANSWER_MAX: usize = 512;

pub(super) fn frame(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let Some(written) = fuzz::client_message(text) else { return };
    assert_eq!(fuzz::client_message(&written).as_ref(), Some(&written));
    assert!(written.len() <= input.len() + 64, "{} out of {}", written.len(), input.len());
}

pub(super) fn handshake(input: &[u8]) {
    let origins = Origins::parse(ORIGIN).expect("an origin");
    // The head ends where it is cut off the stream: what follows are frames.
    let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") else { return };
    let (input, _frames) = input.split_at(end + 4);
    let Ok(answer) = fuzz::handshake(input, &origins) else { return };
    let answer = String::from_utf8(answer).expect("an answer is ASCII");
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.len() <= ANSWER_MAX, "{answer:?}");
    assert!(answer.find("\r\n\r\n") == Some(answer.len() - 4), "more than one head: {answer:?}");
    // No page but ours: whoever sends an Origin sends this one.
    let lower = String::from_utf8_lossy(input).to_ascii_lowercase();
    assert!(!lower.contains("\r\norigin:") || lower.contains(ORIGIN), "{lower:?}");
}

/// Headers one line each, all parsers on all of them.
pub(super) fn headers(input: &[u8]) {
    let (mut forwarded, mut asking) = (Vec::new(), HeaderMap::new());
    let origin = HeaderName::from_static("origin");
    for line in input.split(|byte| *byte == b'\n').take(32) {
        idempotency_key(line);
        traceparent(line);
        language(line);
        if let Ok(value) = HeaderValue::from_bytes(line) {
            forwarded.push(value.clone());
            asking.append(&origin, value);
        }
    }
    client(&forwarded);
    let origins = Origins::parse(ORIGIN).expect("an origin");
    if fuzz::allows(&origins, &asking) {
        let values: Vec<&HeaderValue> = asking.get_all(&origin).iter().collect();
        let spelled = values.first().and_then(|value| value.to_str().ok()).map(str::to_ascii_lowercase);
        let ours = |text: &str| text == ORIGIN || text.strip_suffix(":443") == Some(ORIGIN);
        assert!(values.is_empty() || (values.len() == 1 && spelled.is_some_and(|text| ours(&text))), "{values:?}");
    }
}

fn idempotency_key(line: &[u8]) {
    let Ok(key) = IdempotencyKey::parse(line) else { return };
    let text = text(line).expect("a key is text").trim();
    if !text.starts_with('"') {
        assert_eq!(IdempotencyKey::parse(format!("\"{text}\"").as_bytes()).ok(), Some(key), "quoted and bare");
    }
}

fn traceparent(line: &[u8]) {
    let Some(parent) = text(line).and_then(TraceParent::parse) else { return };
    assert_eq!(TraceParent::parse(&parent.to_string()), Some(parent));
    assert!(parent.trace_id().len() == 32 && parent.child().trace_id() == parent.trace_id());
}

fn language(line: &[u8]) {
    let Some(header) = text(line) else { return };
    let languages = accepted_languages(header);
    let tag = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    assert!(languages.iter().all(|one| (1..=35).contains(&one.len()) && one.bytes().all(tag)), "{languages:?}");
    assert_eq!(accepted_languages(&languages.join(",")), languages);
}

/// Both headers that a proxy may write, each as if all lines were its values.
fn client(lines: &[HeaderValue]) {
    let peer: IpAddr = [10, 0, 0, 1].into();
    let trusted = TrustedProxies::parse("10.0.0.0/8, fd00::/8").expect("networks");
    for (header, name, seen) in [
        (ProxyHeader::ForwardedFor, "x-forwarded-for", "198.51.100.7"),
        (ProxyHeader::Forwarded, "forwarded", "for=198.51.100.7;proto=https"),
    ] {
        let name = HeaderName::from_static(name);
        let mut headers: HeaderMap = lines.iter().map(|value| (name.clone(), value.clone())).collect();
        assert_eq!(TrustedProxies::default().client(peer, header, &headers), peer, "nobody is trusted");
        let client = trusted.client(peer, header, &headers);
        assert_eq!(client, client.to_canonical());
        // What the trusted proxy itself saw stands rightmost, and nothing that came with the request changes it.
        headers.append(name.clone(), HeaderValue::from_static(seen));
        assert_eq!(trusted.client(peer, header, &headers), IpAddr::from([198, 51, 100, 7]), "{headers:?}");
        // As well when it stands in the same line as what came with the request.
        if let Some(joined) = lines.last().and_then(|last| last.to_str().ok()).map(|last| format!("{last}, {seen}")) {
            headers.clear();
            headers.append(name, HeaderValue::from_str(&joined).expect("a value"));
            assert_eq!(trusted.client(peer, header, &headers), IpAddr::from([198, 51, 100, 7]), "{joined:?}");
        }
    }
}
