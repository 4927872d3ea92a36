//! Clients that take their time, in numbers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use otp_dev::stack::Part;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{ANSWERED_WITHIN, Target};
use crate::support::PATIENCE;

/// Slow connections at once: what one machine opens without being noticed for it.
const SLOW: usize = 400;
/// Between two bytes of a slow client: quicker than any time-out on silence.
const PACE: Duration = Duration::from_millis(500);
/// No head and no body takes longer than 10 s; a busy machine adds to that.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// Says the beginning, then a byte at a time of nothing that ends it, until the server has had enough: how long that took,
/// and what it said.
async fn drip(to: SocketAddr, beginning: &str, byte: u8) -> (Duration, String) {
    let mut stream = TcpStream::connect(to).await.expect("connected");
    stream.write_all(beginning.as_bytes()).await.expect("written");
    let (started, mut heard) = (Instant::now(), Vec::new());
    let (mut reader, mut writer) = stream.split();
    let dripping = async {
        let mut pace = tokio::time::interval(PACE);
        loop {
            pace.tick().await;
            if writer.write_all(&[byte]).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let reading = async { while reader.read_buf(&mut heard).await.is_ok_and(|count| count > 0) {} };
    tokio::select! {
        () = dripping => {}
        ended = tokio::time::timeout(PATIENCE, reading) => ended.expect("the server has had enough"),
    }
    (started.elapsed(), String::from_utf8_lossy(&heard).into_owned())
}

#[tokio::test]
async fn slow_clients_are_sent_away_and_keep_nobody_waiting() {
    let target = Target::start(Part::Gateway).await;
    let at = target.system.stack.address(Part::Gateway).expect("an address");
    let head = "GET /health HTTP/1.1\r\nHost: h\r\nX: ";
    let body = "POST /v1/verifications HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\
                Content-Length: 10000\r\n\r\n{\"email\":\"";
    let slow = (0..SLOW).map(|number| if number % 2 == 0 { drip(at, head, b'x') } else { drip(at, body, b'x') });
    let others = async {
        let (api, mut slowest) = (target.system.api(), Duration::ZERO);
        for number in 0..20 {
            let started = Instant::now();
            api.accepted(&format!("quick{number}@slow.test")).await;
            slowest = slowest.max(started.elapsed());
        }
        slowest
    };
    let (ended, slowest) = futures_util::join!(join_all(slow), others);
    assert!(slowest < ANSWERED_WITHIN, "a request took {slowest:?} meanwhile");
    for (number, (took, heard)) in ended.iter().enumerate() {
        assert!(*took < GONE_WITHIN, "number {number} was borne for {took:?}");
        // A head that never ends may be closed without a word; a body's request is answered.
        let answered = heard.starts_with("HTTP/1.1 408 ");
        assert!(answered || (number % 2 == 0 && heard.is_empty()), "number {number}: {heard}");
    }
    let longest = ended.iter().map(|(took, _)| *took).max();
    println!("{SLOW} slow clients were borne for {longest:?} at most; the slowest other request took {slowest:?}");
    target.unharmed().await;
}
