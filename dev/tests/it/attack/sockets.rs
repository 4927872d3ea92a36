//! The notifier's port, spoken to frame by frame: what breaks the protocol is closed with its code, what floods is cut
//! off, and whoever else is connected notices nothing.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use otp_dev::stack::Part;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::wire::Target;
use crate::support::{PATIENCE, Socket, names};

/// Opcodes of RFC 6455 section 5.2.
const CONTINUED: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// The bit of a message's last frame.
const FINAL: u8 = 0x80;
/// Any masking key does.
const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// Random frames in the tests; `OTP_TEST_ROUNDS` asks for more.
const MUTANTS: usize = 400;
/// Handshakes at once that never end.
const SLOW: usize = 200;
/// A flood: some times what the notifier lets a client say at once (128).
const FLOOD: usize = 2_000;

/// A frame as a client has to send it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | u8::try_from(length).expect("short")),
        length @ 126..=0xffff => {
            bytes.push(0x80 | 0x7e);
            bytes.extend(u16::try_from(length).expect("short").to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 0x7f);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// How a connection ended: the code of the server's close frame, 0 for one without, none where there was none.
async fn ended(to: SocketAddr, frames: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(to).await.expect("connected");
    let head = "GET /v1/events HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("written");
    let (mut reader, mut writer) = stream.split();
    let mut bytes = Vec::new();
    // Written beside the reading: a server that has had enough says so before it has read all.
    let writing = async {
        let written = writer.write_all(frames).await;
        std::future::pending::<()>().await;
        drop(written);
    };
    let reading = async {
        loop {
            if let Some(code) = close_in(&bytes) {
                return code;
            }
            if !reader.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
                return None;
            }
        }
    };
    tokio::select! {
        () = writing => None,
        ended = tokio::time::timeout(PATIENCE, reading) => ended.expect("an end in time"),
    }
}

/// The server's close frame behind its answer to the handshake; the outer `None` while there is none.
#[expect(clippy::option_option, reason = "no close frame yet, and one without a code, are two things")]
fn close_in(bytes: &[u8]) -> Option<Option<u16>> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let mut rest = bytes.get(end + 4..)?;
    loop {
        let (first, length) = (*rest.first()?, *rest.get(1)?);
        let (length, from) = match length {
            126 => (usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?])), 4),
            127 => return None,
            short => (usize::from(short), 2),
        };
        let payload = rest.get(from..from + length)?;
        if first & 0xf == CLOSE {
            return Some(Some(payload.first_chunk::<2>().map_or(0, |code| u16::from_be_bytes(*code))));
        }
        rest = rest.get(from + length..)?;
    }
}

fn text(payload: &[u8]) -> Vec<u8> {
    frame(FINAL | TEXT, payload)
}

/// What it is, the frames, and the codes that may answer it.
fn cases() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let unmasked = [&[FINAL | TEXT, 2][..], b"{}"].concat();
    let claims = |length: u64| [&[FINAL | TEXT, 0xff][..], &length.to_be_bytes(), &MASK].concat();
    let pieces = |count: usize, size: usize| {
        let mut bytes = frame(TEXT, &vec![b' '; size]);
        (1..count).for_each(|_| bytes.extend(frame(CONTINUED, &vec![b' '; size])));
        bytes
    };
    let flood = |one: Vec<u8>| one.repeat(FLOOD);
    let long = [b'x'; 126];
    vec![
        ("no mask", unmasked, &[1002]),
        ("a frame of 2^63 octets", claims(1 << 63), &[1002, 1009]),
        ("a frame of 2^62 octets", claims(1 << 62), &[1009]),
        ("a frame of a gigabyte", claims(1 << 30), &[1009]),
        ("a message in pieces beyond the bound", pieces(50, 100), &[1009]),
        ("a reserved bit", frame(FINAL | 0x40 | TEXT, b"{}"), &[1002]),
        ("a reserved opcode", frame(FINAL | 3, b"{}"), &[1002]),
        ("a reserved control opcode", frame(FINAL | 0xb, b""), &[1002]),
        ("a ping in pieces", frame(PING, b""), &[1002]),
        ("a long ping", frame(FINAL | PING, &long), &[1002]),
        ("a long close", frame(FINAL | CLOSE, &long), &[1002]),
        ("a close of one octet", frame(FINAL | CLOSE, &[3]), &[1002]),
        ("a close with a code that is none", frame(FINAL | CLOSE, &[0, 5]), &[1002]),
        ("a close that is no UTF-8", frame(FINAL | CLOSE, &[3, 0xe8, 0xff]), &[1002, 1007]),
        ("a continuation of nothing", frame(FINAL | CONTINUED, b"{}"), &[1002]),
        ("a message within another", [frame(TEXT, b"{"), text(b"}")].concat(), &[1002]),
        ("a text that is no UTF-8", text(&[b'{', 0xff]), &[1007]),
        ("a character that never ends", text("\u{e9}".as_bytes().get(..1).unwrap_or_default()), &[1007]),
        ("octets", frame(FINAL | BINARY, b"{}"), &[1003]),
        ("a flood of pings", flood(frame(FINAL | PING, b"x")), &[1008]),
        ("a flood of pongs", flood(frame(FINAL | PONG, b"x")), &[1008]),
        ("a flood of nonsense", flood(text(b"{}")), &[1008]),
        ("a good-bye", frame(FINAL | CLOSE, &[3, 0xe8]), &[1000, 0]),
    ]
}

#[tokio::test]
async fn what_breaks_the_protocol_is_closed_with_its_code() {
    let target = Target::start(Part::Notifier).await;
    let at = target.system.stack.address(Part::Notifier).expect("an address");
    let asked = target.system.api().accepted("bystander@frames.test").await;
    let mut bystander = Socket::watching(&target.system.stack.file().events, &asked).await;
    bystander.until("sent").await;
    let heard =
        join_all(cases().into_iter().map(async |(name, frames, codes)| (name, ended(at, &frames).await, codes)));
    let mut wrong = Vec::new();
    for (name, code, codes) in heard.await {
        if !code.is_some_and(|code| codes.contains(&code)) {
            wrong.push(format!("{name}: {code:?} is none of {codes:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // A message may come in pieces, with a character cut in two and a ping between them.
    let subscribe = format!("{{\"type\":\"subscribe\",\"id\":\"{}\",\"ticket\":\"\u{e9}\"}}", asked.id);
    let (one, other) = subscribe.as_bytes().split_at(subscribe.find('\u{e9}').expect("it") + 1);
    let pieces = [frame(TEXT, one), frame(FINAL | PING, b""), frame(FINAL | CONTINUED, other)].concat();
    // It is read as what it is: a ticket that is none, for the third time in the end.
    assert_eq!(ended(at, &pieces.repeat(3)).await, Some(1008));

    assert_eq!(target.system.api().cancel(&asked.id, Some(&asked.ticket)).await.status, 204);
    let (rest, code) = bystander.rest().await;
    assert_eq!((names(&rest), code), (vec!["canceled"], Some(1000)), "the bystander noticed");
    target.unharmed().await;
}

#[tokio::test]
async fn any_frames_end_with_a_close_or_are_borne() {
    let target = Target::start(Part::Notifier).await;
    let at = target.system.stack.address(Part::Notifier).expect("an address");
    let (seed, count) = (super::setting("OTP_TEST_SEED", 4), super::setting("OTP_TEST_ROUNDS", MUTANTS));
    let mut random = StdRng::seed_from_u64(seed as u64);
    let mutants: Vec<Vec<u8>> = (0..count)
        .map(|_| {
            let mut bytes: Vec<u8> = (0..random.random_range(1..6)).flat_map(|_| some_frame(&mut random)).collect();
            if random.random_bool(0.5) {
                let place = random.random_range(0..bytes.len());
                bytes.get_mut(place).into_iter().for_each(|byte| *byte = random.random());
            }
            // Whoever is not sent away for what came before says good-bye.
            bytes.extend(frame(FINAL | CLOSE, &[3, 0xe8]));
            bytes
        })
        .collect();
    let codes: Vec<Option<u16>> =
        stream::iter(&mutants).map(|frames| ended(at, frames)).buffer_unordered(32).collect().await;
    let mut counts = std::collections::BTreeMap::<Option<u16>, usize>::new();
    for code in &codes {
        *counts.entry(*code).or_default() += 1;
    }
    println!("{count} sequences of frames of seed {seed}: {counts:?}");
    let known = [0, 1000, 1002, 1003, 1007, 1008, 1009];
    // A changed length may swallow the good-bye: who then says nothing is sent away for that.
    // And a good-bye is answered with its own code, which may have been changed into another that is allowed.
    let expected = |code: &u16| known.contains(code) || (3000..5000).contains(code);
    assert!(counts.keys().flatten().all(expected), "{counts:?}");
    assert!(counts.len() >= 4 && counts.get(&None).is_none_or(|broken| broken * 20 < count), "{counts:?}");
    target.unharmed().await;
}

fn some_frame(random: &mut StdRng) -> Vec<u8> {
    let payload: Vec<u8> = match random.random_range(0..4) {
        0 => Vec::new(),
        1 => b"{\"type\":\"unsubscribe\",\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}".to_vec(),
        2 => (0..random.random_range(0..200)).map(|_| random.random()).collect(),
        _ => b"{\"type\":\"subscribe\"".to_vec(),
    };
    let opcodes = [CONTINUED, TEXT, TEXT, TEXT, BINARY, CLOSE, PING, PONG, 3, 15];
    let opcode = opcodes.get(random.random_range(0..opcodes.len())).copied().unwrap_or(TEXT);
    frame(opcode | if random.random_bool(0.9) { FINAL } else { 0 }, &payload)
}

#[tokio::test]
async fn handshakes_that_never_end_keep_nobody_out() {
    let target = Target::start(Part::Notifier).await;
    let at = target.system.stack.address(Part::Notifier).expect("an address");
    let slow = (0..SLOW).map(async |number| {
        let mut stream = TcpStream::connect(at).await.expect("connected");
        let head = if number % 2 == 0 { "GET /v1/events HTTP/1.1\r\nX: " } else { "" };
        stream.write_all(head.as_bytes()).await.expect("written");
        let (started, mut bytes) = (std::time::Instant::now(), Vec::new());
        let read = async { while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {} };
        tokio::time::timeout(PATIENCE, read).await.expect("sent away in time");
        let heard = String::from_utf8_lossy(&bytes).into_owned();
        assert!(heard.starts_with("HTTP/1.1 408 "), "{heard:?}");
        started.elapsed()
    });
    let others = async {
        let asked = target.system.api().accepted("quick@frames.test").await;
        Socket::watching(&target.system.stack.file().events, &asked).await.until("sent").await;
    };
    let (times, ()) = futures_util::join!(join_all(slow), others);
    let longest = times.into_iter().max().expect("some");
    println!("{SLOW} handshakes were borne for {longest:?} at most");
    assert!(longest < Duration::from_secs(15), "{longest:?}");
    target.unharmed().await;
}
