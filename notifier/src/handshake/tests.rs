use otp_nats::settings::Setting;

use super::*;

const GOOD: &str = "GET /v1/events HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn ask(head: &str) -> Result<String, Refusal> {
    let origins = Origins::parse("https://app.example.com").unwrap();
    answer(head.as_bytes(), &origins).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn the_accept_key_is_that_of_the_standard() {
    let answer = ask(GOOD).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"));
    assert!(!answer.to_ascii_lowercase().contains("sec-websocket-protocol"));
}

#[test]
fn only_our_subprotocol_is_taken_up() {
    let offer = |offer: &str| ask(&GOOD.replace("Host: h", &format!("Host: h\r\nSec-WebSocket-Protocol: {offer}")));
    for good in ["otp.v1", "chat, otp.v1", "chat\r\nSec-WebSocket-Protocol: otp.v1"] {
        let answer = offer(good).unwrap().to_ascii_lowercase();
        assert!(answer.contains("sec-websocket-protocol: otp.v1\r\n"), "{answer}");
    }
    for bad in ["otp.v2", "OTP.V1", "chat, superchat"] {
        assert_eq!(offer(bad), Err(Refusal::Protocol), "{bad}");
    }
}

#[test]
fn faults_are_told_apart() {
    for (from, to, refusal) in [
        ("GET", "DELETE", Refusal::Method),
        ("/v1/events", "/v1/events/", Refusal::NotFound),
        ("Upgrade: websocket", "Upgrade: h2c", Refusal::NoUpgrade),
        ("Connection: Upgrade", "Connection: close", Refusal::NoUpgrade),
        ("Version: 13", "Version: 12", Refusal::NoUpgrade),
        ("Host: h", "Origin: https://evil.example.com", Refusal::Origin),
        ("dGhl", "====", Refusal::Malformed),
        ("HTTP/1.1", "HTTP/1.0", Refusal::Malformed),
        ("Host: h", "Host h", Refusal::Malformed),
    ] {
        assert_eq!(ask(&GOOD.replace(from, to)), Err(refusal), "{to}");
    }
}
