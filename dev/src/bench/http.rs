//! HTTP/1.1 load: requests made in advance, connections kept, answers read and no more parsed than needed.
//!
//! It costs a fraction of what any server does for the same request, so that the server is what is measured.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::figures::{float, quantile};

/// Longest answer that is read.
const ANSWER_OCTETS_MAX: usize = 64 * 1024;
/// Source addresses, so that ports suffice.
const SOURCES: u64 = 50;

/// A connection that is kept.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer, up to the next request on the connection.
#[derive(Debug)]
pub(super) struct Answer<'c> {
    pub(super) status: u16,
    pub(super) body: &'c [u8],
}

impl Connection {
    /// Connects from an address chosen by a number.
    pub(super) async fn open(address: SocketAddr, number: u64) -> Result<Self> {
        Ok(Self { stream: connect(address, number).await?, read: Vec::with_capacity(4096) })
    }

    /// Sends a request and reads its answer.
    pub(super) async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.read.clear();
        let (status, start, end) = loop {
            ensure!(self.read.len() < ANSWER_OCTETS_MAX, "the answer is too long");
            ensure!(self.stream.read_buf(&mut self.read).await? > 0, "the server closed the connection");
            if let Some(found) = parse(&self.read)? {
                break found;
            }
        };
        while self.read.len() < end {
            ensure!(end < ANSWER_OCTETS_MAX, "the answer is too long");
            ensure!(self.stream.read_buf(&mut self.read).await? > 0, "the server closed the connection");
        }
        Ok(Answer { status, body: self.read.get(start..end).unwrap_or_default() })
    }
}

/// A TCP connection from one of many local addresses, chosen by a number.
pub(super) async fn connect(address: SocketAddr, number: u64) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let source = Ipv4Addr::new(127, 0, 0, u8::try_from(1 + number % SOURCES)?);
    socket.bind(SocketAddr::new(source.into(), 0))?;
    let stream = socket.connect(address).await.with_context(|| format!("{address} can't be reached"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Status, and where the body starts and ends; `None` while the head is not whole.
fn parse(read: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let Some(start) = read.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4) else { return Ok(None) };
    let head = std::str::from_utf8(read.get(..start).unwrap_or_default())?;
    let status = head.get(9..12).and_then(|status| status.parse().ok()).context("no status")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    let length = if status == 204 { 0 } else { length.context("an answer without a length")? };
    Ok(Some((status, start, start + length)))
}

/// The address for this number when each has its turn; `None` of none.
pub(super) fn in_turn(addresses: &[SocketAddr], number: u64) -> Option<SocketAddr> {
    let turn = number.checked_rem(u64::try_from(addresses.len()).ok()?)?;
    addresses.get(usize::try_from(turn).ok()?).copied()
}

/// A POST of JSON.
pub(super) fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n\
         {body}"
    )
    .into_bytes()
}

/// What is asked, and how.
#[derive(Clone)]
pub(super) struct Load {
    /// In turn, by the number of the connection.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) connections: u64,
    /// The request of each number.
    pub(super) request: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
    /// Numbers that are used up; clones go on counting.
    pub(super) numbers: Arc<AtomicU64>,
    /// Is told of each answer of [`Load::paced`]: the number, the answer, and when the request was due.
    pub(super) answered: Option<Hook>,
}

type Hook = Arc<dyn Fn(u64, &Answer<'_>, Instant) + Send + Sync>;

/// What was answered.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) statuses: BTreeMap<u16, u64>,
    /// Milliseconds, sorted.
    pub(super) latencies: Vec<f64>,
    pub(super) took: Duration,
}

impl Heard {
    /// Answers of a status.
    pub(super) fn count(&self, status: u16) -> f64 {
        float(self.statuses.get(&status).copied().unwrap_or_default())
    }

    /// Answers of a status in a second.
    pub(super) fn rate(&self, status: u16) -> f64 {
        self.count(status) / self.took.as_secs_f64()
    }

    pub(super) fn quantile(&self, share: f64) -> f64 {
        quantile(&self.latencies, share)
    }

    /// What was answered otherwise is a fault of the measurement.
    pub(super) fn only(self, status: u16) -> Result<Self> {
        if self.statuses.keys().any(|other| *other != status) {
            bail!("expected {status} alone: {:?}", self.statuses);
        }
        Ok(self)
    }

    /// In words.
    pub(super) fn told(&self) -> String {
        let statuses: Vec<String> = self.statuses.iter().map(|(status, count)| format!("{count} x {status}")).collect();
        let (median, p99, most) = (self.quantile(0.5), self.quantile(0.99), self.quantile(1.0));
        format!(
            "{} in {:.1} s; p50 {median:.2} ms, p99 {p99:.2} ms, most {most:.1} ms",
            statuses.join(", "),
            self.took.as_secs_f64()
        )
    }

    fn merge(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.latencies.extend(other.latencies);
    }
}

impl Load {
    /// A connection of this number.
    pub(super) async fn connect(&self, number: u64) -> Result<Connection> {
        Connection::open(in_turn(&self.addresses, number).context("nobody to ask")?, number).await
    }

    /// Each connection asks as soon as it is answered, for so long.
    pub(super) async fn closed(&self, lasts: Duration) -> Result<Heard> {
        self.spread(|load, number| async move {
            let mut connection = load.connect(number).await?;
            let (mut heard, until) = (Heard::default(), Instant::now() + lasts);
            while Instant::now() < until {
                let request = (load.request)(load.numbers.fetch_add(1, Ordering::Relaxed));
                let asked = Instant::now();
                let status = connection.ask(&request).await?.status;
                heard.note(status, asked);
            }
            Ok(heard)
        })
        .await
    }

    /// So many requests, each of them once.
    pub(super) async fn each(&self, count: u64) -> Result<Heard> {
        let end = self.numbers.load(Ordering::Relaxed) + count;
        let heard = self.spread(|load, number| async move {
            let mut connection = load.connect(number).await?;
            let mut heard = Heard::default();
            loop {
                let number = load.numbers.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return Ok(heard);
                }
                let asked = Instant::now();
                let status = connection.ask(&(load.request)(number)).await?.status;
                heard.note(status, asked);
            }
        });
        let heard = heard.await;
        self.numbers.store(end, Ordering::Relaxed);
        heard
    }

    /// So many requests a second, however long the answers take. A request that waits for a connection waits on the
    /// server's account: its latency counts from when it was due.
    pub(super) async fn paced(&self, rate: f64, lasts: Duration) -> Result<Heard> {
        let (first, start) = (self.numbers.load(Ordering::Relaxed), Instant::now() + Duration::from_millis(50));
        let heard = self.spread(move |load, number| async move {
            let mut connection = load.connect(number).await?;
            let mut heard = Heard::default();
            loop {
                let number = load.numbers.fetch_add(1, Ordering::Relaxed);
                let due = Duration::from_secs_f64(u32::try_from(number - first).map(f64::from)? / rate);
                if due > lasts {
                    return Ok(heard);
                }
                let request = (load.request)(number);
                sleep_until(start + due).await;
                let answer = connection.ask(&request).await?;
                let status = answer.status;
                if let Some(answered) = &load.answered {
                    answered(number, &answer, start + due);
                }
                heard.note(status, start + due);
            }
        });
        heard.await
    }

    async fn spread<F>(&self, each: impl Fn(Self, u64) -> F) -> Result<Heard>
    where
        F: Future<Output = Result<Heard>> + Send + 'static,
    {
        let (started, mut tasks) = (Instant::now(), JoinSet::new());
        for number in 0..self.connections {
            tasks.spawn(each(self.clone(), number));
        }
        let mut all = Heard::default();
        while let Some(heard) = tasks.join_next().await {
            all.merge(heard??);
        }
        all.took = started.elapsed();
        all.latencies.sort_by(f64::total_cmp);
        Ok(all)
    }
}

impl Heard {
    fn note(&mut self, status: u16, since: Instant) {
        *self.statuses.entry(status).or_default() += 1;
        self.latencies.push(since.elapsed().as_secs_f64() * 1000.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_turn() {
        let addresses = [5000, 5001, 5002].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let ports: Vec<u16> = (0..4).filter_map(|number| in_turn(&addresses, number)).map(|at| at.port()).collect();
        assert_eq!(ports, [5000, 5001, 5002, 5000]);
        assert_eq!(in_turn(&[], 0), None);
    }

    #[test]
    fn an_answer_is_taken_apart() {
        let whole = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(parse(whole).expect("an answer"), Some((202, whole.len() - 2, whole.len())));
        assert_eq!(parse(&whole[..30]).expect("half of it"), None);
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "no length");
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").expect("an answer"), Some((204, 27, 27)));
    }
}
