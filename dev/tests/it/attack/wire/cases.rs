//! Requests that are known to have fooled servers.

use futures_util::{StreamExt as _, stream};
use otp_dev::stack::Part;

use super::{Heard, Target, hear};
use crate::support::PATIENCE;

/// Says what it is, the bytes, and which answers may come, in order: several where the standards leave a choice.
type Case = (&'static str, Vec<u8>, &'static [&'static [u16]]);

const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: gateway\r\n";
const CLOSE: &str = "Connection: close\r\n\r\n";
const ASK: &str = "/v1/verifications";
/// A request for what is no address: the cheapest one whose body is read, and answered with 422.
const BODY: &str = "{\"email\":\"xx\"}";
const ONE_400: &[&[u16]] = &[&[400]];

/// A request with these header lines and this body; the connection is closed behind the answer.
fn ask(headers: &str, body: &str) -> Vec<u8> {
    let kind = "Content-Type: application/json\r\n";
    format!("POST {ASK} HTTP/1.1\r\nHost: gateway\r\n{kind}{headers}{CLOSE}{body}").into_bytes()
}

/// The same with a proper length.
fn with_body(body: &str) -> Vec<u8> {
    ask(&format!("Content-Length: {}\r\n", body.len()), body)
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: gateway\r\n{CLOSE}").into_bytes()
}

/// Where a request ends: two servers that do not agree on it let a stranger write in another's name.
fn framing() -> Vec<Case> {
    let smuggled = format!("{HEALTH}{CLOSE}");
    let both = |first: &str, second: &str| {
        let kind = "Content-Type: application/json\r\n";
        format!("POST {ASK} HTTP/1.1\r\nHost: h\r\n{kind}{first}{second}\r\n0\r\n\r\n{smuggled}").into_bytes()
    };
    let (length, chunked) = ("Content-Length: 4\r\n", "Transfer-Encoding: chunked\r\n");
    vec![
        ("the same length twice", ask("Content-Length: 14\r\nContent-Length: 14\r\n", BODY), &[&[422], &[400]]),
        ("two lengths", ask("Content-Length: 14\r\nContent-Length: 3\r\n", BODY), ONE_400),
        ("a list of lengths", ask("Content-Length: 14, 14\r\n", BODY), ONE_400),
        ("a length with a sign", ask("Content-Length: +14\r\n", BODY), ONE_400),
        ("a negative length", ask("Content-Length: -1\r\n", BODY), ONE_400),
        ("a length in hexadecimal", ask("Content-Length: 0xe\r\n", BODY), ONE_400),
        ("an empty length", ask("Content-Length:\r\n", BODY), ONE_400),
        ("a length beyond 64 bits", ask("Content-Length: 99999999999999999999\r\n", BODY), ONE_400),
        ("a length of 64 bits", ask("Content-Length: 18446744073709551615\r\n", BODY), &[&[400], &[413], &[431]]),
        // RFC 9112 section 6.3: the chunks count, and the connection is closed; what follows is never answered.
        ("a length, then chunks", both(length, chunked), ONE_400),
        ("chunks, then a length", both(chunked, length), ONE_400),
        ("an unknown coding", ask("Transfer-Encoding: identity\r\n", BODY), &[&[400], &[501]]),
        ("chunks that are not last", ask("Transfer-Encoding: chunked, gzip\r\n", BODY), &[&[400], &[501]]),
        ("a space before the colon", ask("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), ONE_400),
        ("a folded header", ask("X-Folded: a\r\n b\r\n", ""), ONE_400),
        ("chunks in HTTP/1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(), ONE_400),
        ("a chunk's size that is none", ask(chunked, "zz\r\nab\r\n0\r\n\r\n"), &[&[400], &[413]]),
        ("a chunk's size beyond 64 bits", ask(chunked, "fffffffffffffffff\r\nab\r\n"), &[&[400], &[413]]),
        ("a chunk without its end", ask(chunked, "2\r\nabcd\r\n0\r\n\r\n"), &[&[400], &[413]]),
        ("a long chunk extension", ask(chunked, &format!("2;{}\r\n", "x".repeat(65_536))), &[&[400], &[413]]),
        ("long trailers", ask(chunked, &format!("0\r\nT: {}\r\n\r\n", "x".repeat(65_536))), &[&[400], &[413], &[431]]),
        ("two requests at once", [HEALTH, "\r\n", HEALTH, CLOSE].concat().into_bytes(), &[&[200, 200]]),
        ("a second one behind the last", [HEALTH, CLOSE, HEALTH, CLOSE].concat().into_bytes(), &[&[200]]),
    ]
}

/// Bytes where none of their kind belong.
fn heads() -> Vec<Case> {
    // Several times what a head may have: it is looked at when it is not whole after so many octets.
    let long = "x".repeat(128 * 1024);
    let many = "X: y\r\n".repeat(2_000);
    let with = |line: &str| format!("{HEALTH}{line}\r\n{CLOSE}").into_bytes();
    vec![
        ("line feeds alone", [HEALTH, CLOSE].concat().replace("\r\n", "\n").into_bytes(), &[&[200], &[400]]),
        ("a carriage return in a value", with("X: a\rb"), ONE_400),
        ("a NUL in a value", with("X: a\0b"), ONE_400),
        ("a NUL in a name", with("X\0: a"), ONE_400),
        ("a name with a space", with("X Y: a"), ONE_400),
        ("a header without a name", with(": a"), ONE_400),
        ("a header without a colon", with("nothing"), ONE_400),
        ("a header beyond ASCII", with("X: \u{fc}\u{1f600}"), &[&[200], &[400]]),
        ("a long header", with(&format!("X: {long}")), &[&[431]]),
        ("many headers", with(many.trim_end()), &[&[431]]),
        ("a long target", get(&format!("/{long}")), &[&[414], &[431]]),
        ("a long method", format!("{long} / HTTP/1.1\r\n\r\n").into_bytes(), &[&[400], &[405], &[431]]),
        ("a method of our own", b"FOO /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".to_vec(), &[&[405]]),
        ("no version", b"GET /health\r\n\r\n".to_vec(), ONE_400),
        ("a version to come", b"GET /health HTTP/3.0\r\n\r\n".to_vec(), ONE_400),
        ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[&[], &[400], &[405]]),
        ("TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(), ONE_400),
        ("no target", b"GET HTTP/1.1\r\n\r\n".to_vec(), ONE_400),
        ("a target without a slash", get("health"), &[&[400], &[404]]),
        ("another's target", get("http://evil.example/health"), &[&[200], &[400], &[421]]),
        ("a target of many slashes", get(&"/".repeat(1_000)), &[&[404]]),
        (
            "an asterisk",
            b"OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".to_vec(),
            &[&[200], &[404], &[405]],
        ),
        (
            "a tunnel",
            b"CONNECT h:25 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".to_vec(),
            &[&[400], &[404], &[405]],
        ),
        ("the way out", get("/../../../etc/passwd"), &[&[404]]),
        ("the way out, encoded", get("/%2e%2e/%2e%2e%2fetc%2fpasswd"), &[&[404]]),
        ("an upgrade to nothing", with("Connection: upgrade\r\nUpgrade: h2c"), &[&[200]]),
    ]
}

/// What stands in an id's place, and what stands in a body's.
fn contents() -> Vec<Case> {
    let id = |id: &str| {
        let code = "{\"code\":\"1\"}";
        let length = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", code.len());
        format!("POST /v1/verifications/{id}/check HTTP/1.1\r\nHost: h\r\n{length}{CLOSE}{code}").into_bytes()
    };
    let not_found: &[&[u16]] = &[&[404]];
    // What is no URL may be refused before anyone looks for it.
    let no_url: &[&[u16]] = &[&[404], &[400]];
    let deep = format!("{{\"email\":\"xx\",\"metadata\":{{\"a\":{}", "[".repeat(16_000));
    vec![
        ("half an escape", id("%"), no_url),
        ("no escape", id("%zz"), no_url),
        ("an escaped NUL", id("%00"), not_found),
        ("an escape that is no UTF-8", id("%ff%fe"), no_url),
        ("an escaped slash", id("a%2fb"), not_found),
        ("an id in other letters", id("\u{e9}\u{1f600}"), no_url),
        ("the same, escaped", id("%C3%A9%F0%9F%98%80"), not_found),
        ("an id with a wildcard", id("%3e"), not_found),
        ("an id of 20,000 letters", id(&"a".repeat(20_000)), not_found),
        ("a deep body", with_body(&deep), ONE_400),
        ("a member twice", with_body("{\"email\":\"xx\",\"email\":\"yy\"}"), ONE_400),
        ("half a surrogate", with_body("{\"email\":\"\\ud800\"}"), ONE_400),
        ("a byte order mark", with_body("\u{feff}{\"email\":\"xx\"}"), ONE_400),
        ("a NUL behind", with_body("{\"email\":\"xx\"}\0"), ONE_400),
        ("a number that is none", with_body("{\"email\":NaN}"), ONE_400),
        ("an address of 16,000 letters", with_body(&format!("{{\"email\":\"{}\"}}", "7".repeat(16_000))), &[&[422]]),
        ("one octet too many", with_body(&" ".repeat(16 * 1024 + 1)), &[&[413]]),
        ("a megabyte", with_body(&" ".repeat(1 << 20)), &[&[413]]),
        (
            "a continuation that is not waited for",
            ask("Expect: 100-continue\r\nContent-Length: 14\r\n", BODY),
            &[&[422], &[100, 422]],
        ),
        ("an expectation of something else", ask("Expect: gold\r\nContent-Length: 14\r\n", BODY), &[&[422], &[417]]),
    ]
}

#[tokio::test]
async fn nothing_that_has_fooled_servers_fools_this_one() {
    let target = Target::start(Part::Gateway).await;
    let at = target.system.stack.address(Part::Gateway).expect("an address");
    let cases: Vec<Case> = [framing(), heads(), contents()].into_iter().flatten().collect();
    let count = cases.len();
    let heard: Vec<(Case, Heard)> = stream::iter(cases)
        .map(async |case| {
            let heard = hear(at, &case.1, PATIENCE).await;
            (case, heard)
        })
        .buffer_unordered(16)
        .collect()
        .await;
    let mut wrong = Vec::new();
    for ((name, _, allowed), heard) in heard {
        if !allowed.contains(&heard.statuses.as_slice()) {
            wrong.push(format!("{name}: {:?} is none of {allowed:?}: {}", heard.statuses, heard.text));
        }
        // The gateway's own words are problem documents; what hyper refuses before has no body at all.
        let problem = heard.text.contains("application/problem+json");
        if heard.statuses.iter().any(|status| *status >= 400) && !problem && !heard.text.contains("content-length: 0") {
            wrong.push(format!("{name}: words that are no problem document: {}", heard.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{count} malformed requests, all answered as they should be");
    target.unharmed().await;
}
