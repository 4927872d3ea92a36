//! Good requests with something changed, many of them.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use otp_dev::stack::Part;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::{Target, hear};

/// Mutants in the tests; `OTP_TEST_ROUNDS` asks for more.
const MUTANTS: usize = 1_500;
/// A request that is cut short is waited for; nobody waits longer than this to see that.
const QUIET: Duration = Duration::from_millis(150);

const GOOD: [&str; 5] = [
    "POST /v1/verifications HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 51\r\n\
     Idempotency-Key: \"k\"\r\nAccept-Language: de\r\n\r\n{\"email\":\"a@mutant.test\",\"metadata\":{\"a\":[1,null]}}",
    "POST /v1/verifications/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/check HTTP/1.1\r\nHost: h\r\n\
     Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{\"code\r\n6\r\n\":\"1\"}\r\n0\r\n\r\n",
    "GET /v1/verifications/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: h\r\n\
     Authorization: Bearer k1.AAAA\r\n\r\n",
    "OPTIONS /v1/verifications HTTP/1.1\r\nHost: h\r\nOrigin: https://x.example\r\n\
     Access-Control-Request-Method: POST\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip, br;q=0\r\nIf-None-Match: \"x\"\r\nRange: bytes=0-5\r\n\r\n",
];
/// What is put where it does not belong.
const PIECES: [&[u8]; 16] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b" ",
    b":",
    b"%",
    b"\"",
    b"\r\n\r\n",
    b"Content-Length: 7\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"99999999999999999999",
    b"\xf0\x9f\x98\x80",
    b"Host: other\r\n",
    b"{\"email\":",
];

/// One to four changes.
fn mutant(random: &mut StdRng) -> Vec<u8> {
    let mut bytes = GOOD.choose(random).expect("a request").as_bytes().to_vec();
    for _ in 0..random.random_range(1..=4) {
        let place = random.random_range(0..=bytes.len());
        let end = (place + random.random_range(0..20)).min(bytes.len());
        match random.random_range(0..4) {
            0 => drop(bytes.drain(place..end)),
            1 => {
                let piece = PIECES.choose(random).expect("a piece");
                drop(bytes.splice(place..place, piece.iter().copied()));
            }
            2 => {
                let part = bytes.get(place..end).unwrap_or_default().to_vec();
                drop(bytes.splice(place..place, part));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = random.random();
                }
            }
        }
    }
    bytes
}

#[tokio::test]
async fn a_request_with_anything_changed_is_answered_or_refused() {
    let target = Target::start(Part::Gateway).await;
    let at = target.system.stack.address(Part::Gateway).expect("an address");
    let (seed, count) = (super::super::setting("OTP_TEST_SEED", 4), super::super::setting("OTP_TEST_ROUNDS", MUTANTS));
    let mut random = StdRng::seed_from_u64(seed as u64);
    let mutants: Vec<Vec<u8>> = (0..count).map(|_| mutant(&mut random)).collect();
    let heard = stream::iter(mutants).map(async |mutant| {
        let heard = hear(at, &mutant, QUIET).await;
        let shown = String::from_utf8_lossy(&mutant).into_owned();
        for status in &heard.statuses {
            assert!((100..500).contains(status), "{status} for {shown:?}: {}", heard.text);
        }
        heard.statuses
    });
    let statuses: Vec<Vec<u16>> = heard.buffer_unordered(32).collect().await;
    let mut counts = std::collections::BTreeMap::<u16, usize>::new();
    for status in statuses.iter().flatten() {
        *counts.entry(*status).or_default() += 1;
    }
    let silent = statuses.iter().filter(|statuses| statuses.is_empty()).count();
    println!("{count} mutants of seed {seed}: {counts:?}, {silent} cut short");
    assert!(counts.len() >= 4, "the mutants are all alike: {counts:?}");
    target.unharmed().await;
}
