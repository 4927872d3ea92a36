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

/// How a server bore with a slow client.
struct Borne {
    /// Until it closed.
    took: Duration,
    /// What it said.
    heard: String,
    /// Whether the end was a reset: a byte had come after the server closed. That throws away what was not read yet
    /// (RFC 9112, section 9.6), so nothing follows from an answer that is not there.
    reset: bool,
}

/// Says the beginning, then a byte at a time of nothing that ends it, until the server has had enough.
async fn drip(to: SocketAddr, beginning: &str, byte: u8) -> Borne {
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
    let reading = async {
        loop {
            match reader.read_buf(&mut heard).await {
                Ok(0) => break false,
                Ok(_) => {}
                Err(_) => break true,
            }
        }
    };
    let reset = tokio::select! {
        () = dripping => unreachable!("it never ends"),
        ended = tokio::time::timeout(PATIENCE, reading) => ended.expect("the server has had enough"),
    };
    Borne { took: started.elapsed(), heard: String::from_utf8_lossy(&heard).into_owned(), reset }
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
    let mut answers = 0;
    for (number, Borne { took, heard, reset }) in ended.iter().enumerate() {
        assert!(*took < GONE_WITHIN, "number {number} was borne for {took:?}");
        // A head that never ends may be closed without a word; a body's request is answered.
        let answered = heard.starts_with("HTTP/1.1 408 ");
        let silent = heard.is_empty() && (number % 2 == 0 || *reset);
        assert!(answered || silent, "number {number}: {heard}");
        answers += usize::from(answered);
    }
    assert!(answers > 0, "nobody was told why");
    let longest = ended.iter().map(|borne| borne.took).max();
    println!(
        "{SLOW} slow clients were borne for {longest:?} at most, {answers} were told why; the slowest other request took {slowest:?}"
    );
    target.unharmed().await;
}
