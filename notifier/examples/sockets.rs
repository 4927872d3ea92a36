//! Measures the notifier from outside: memory of sleeping connections, and the cost of a delivered event, next to a
//! bare tokio-tungstenite server.
//!
//! ```text
//! sockets bare ADDRESS                                  the anchor: serves until it is killed
//! sockets sleep ADDRESS COUNT PID [KEYS]                opens COUNT connections and tells the growth of PID's memory
//! sockets deliver ADDRESS COUNT EVENTS PID [KEYS NATS]  has COUNT clients get EVENTS each and tells PID's CPU time
//! ```
//!
//! With KEYS (as `OTP_TICKET_KEYS`) each client subscribes, as at a notifier; without, it speaks to the anchor.

#![expect(clippy::print_stdout, reason = "it is there to print")]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::future::try_join_all;
use futures_util::{SinkExt, StreamExt};
use otp_nats::bus::{Bus, BusMetrics, BusSettings};
use otp_nats::event::Body;
use otp_nats::id::IdParts;
use otp_nats::keys::KeyList;
use otp_nats::settings::Settings;
use otp_nats::ticket::Ticket;
use otp_nats::trace::TraceParent;
use otp_nats::{Event, Timestamp, VerificationId};
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config, client_async_with_config};

/// Clients that share a verification when events are delivered.
const SHARE: usize = 10;
/// Connections that are opened at once.
const AT_ONCE: usize = 64;
/// Source addresses, so that ports suffice.
const SOURCES: usize = 50;

type Client = WebSocketStream<TcpStream>;
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["bare", address] => bare(address.parse()?).await,
        ["sleep", address, count, pid, keys @ ..] => {
            let keys = keys.first().map(|keys| keys.parse()).transpose()?;
            sleep(address.parse()?, count.parse()?, pid, keys.as_ref()).await
        }
        ["deliver", address, count, events, pid] => {
            deliver_bare(address.parse()?, count.parse()?, events.parse()?, pid).await
        }
        ["deliver", address, count, events, pid, keys, nats] => {
            deliver(address.parse()?, count.parse()?, events.parse()?, pid, &keys.parse()?, nats).await
        }
        _ => Err("see the example's head".into()),
    }
}

fn small() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(4096).max_write_buffer_size(65_536)
}

async fn bare(address: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        drop(tokio::spawn(async move {
            let mut socket = accept_async_with_config(stream, Some(small())).await?;
            while let Some(message) = socket.next().await.transpose()? {
                let Ok(count) = message.to_text()?.parse::<u32>() else { continue };
                let frame = Message::text("x".repeat(250));
                for _ in 0..count {
                    socket.send(frame.clone()).await?;
                }
            }
            Result::Ok(())
        }));
    }
}

async fn sleep(address: SocketAddr, count: usize, pid: &str, keys: Option<&KeyList>) -> Result<()> {
    let before = memory_kib(pid)?;
    let started = Instant::now();
    let mut clients = connect(address, count, count, keys).await?;
    let took = started.elapsed();
    // What is freed late (handshakes, tasks) is not what a sleeping connection costs.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = memory_kib(pid)?;
    let each = (after - before) * 1024.0 / f64::from(u32::try_from(count)?);
    println!("{count} connections in {took:.2?}: {before} KiB -> {after} KiB, {each:.0} bytes each");
    try_join_all(clients.iter_mut().map(|client| client.close(None))).await?;
    Ok(())
}

async fn deliver_bare(address: SocketAddr, count: usize, events: u32, pid: &str) -> Result<()> {
    let mut clients = connect(address, count, count, None).await?;
    let (started, cpu) = (Instant::now(), cpu_seconds(pid)?);
    try_join_all(clients.iter_mut().map(|client| async move {
        client.send(Message::text(events.to_string())).await?;
        receive(client, events).await
    }))
    .await?;
    tell(count, events, started, cpu_seconds(pid)? - cpu)
}

async fn deliver(address: SocketAddr, count: usize, events: u32, pid: &str, keys: &KeyList, nats: &str) -> Result<()> {
    let bus = join(nats).await?;
    let ids = count.div_ceil(SHARE);
    let mut clients = connect(address, count, ids, Some(keys)).await?;
    let (started, cpu) = (Instant::now(), cpu_seconds(pid)?);
    let publish = async {
        for attempt in 1..=events {
            let publish = |id| {
                let event = Event { id, at: Timestamp::now(), generation: 1, body: Body::Processing { attempt } };
                let bus = &bus;
                async move { bus.publish(&event, &TraceParent::start(), Duration::from_secs(10)).await }
            };
            try_join_all((0..ids).map(|number| publish(id(number)))).await?;
        }
        Ok(())
    };
    let receive = try_join_all(clients.iter_mut().map(|client| receive(client, events)));
    tokio::try_join!(publish, receive)?;
    tell(count, events, started, cpu_seconds(pid)? - cpu)
}

fn tell(count: usize, events: u32, started: Instant, cpu: f64) -> Result<()> {
    let (wall, delivered) = (started.elapsed().as_secs_f64(), f64::from(u32::try_from(count)?) * f64::from(events));
    let (rate, each) = (delivered / wall, cpu / delivered * 1e6);
    println!("{delivered} delivered in {wall:.2} s: {rate:.0}/s, {each:.1} us of CPU each");
    Ok(())
}

async fn connect(address: SocketAddr, count: usize, ids: usize, keys: Option<&KeyList>) -> Result<Vec<Client>> {
    let mut clients = Vec::with_capacity(count);
    let numbers: Vec<usize> = (0..count).collect();
    for numbers in numbers.chunks(AT_ONCE) {
        clients.extend(try_join_all(numbers.iter().map(|number| open(address, *number, number % ids, keys))).await?);
    }
    Ok(clients)
}

async fn open(address: SocketAddr, number: usize, id_number: usize, keys: Option<&KeyList>) -> Result<Client> {
    let socket = TcpSocket::new_v4()?;
    let source = Ipv4Addr::new(127, 0, 0, u8::try_from(1 + number % SOURCES)?);
    socket.bind(SocketAddr::new(source.into(), 0))?;
    let stream = socket.connect(address).await?;
    let (mut client, _) = client_async_with_config(format!("ws://{address}/v1/events"), stream, Some(small())).await?;
    if let Some(keys) = keys {
        let (id, now) = (id(id_number), Timestamp::now());
        let ticket = Ticket { requested_at: now, expires_at: now + Duration::from_secs(600) }.sign(keys, &id);
        client.send(Message::text(json!({"type": "subscribe", "id": id, "ticket": ticket}).to_string())).await?;
        receive(&mut client, 1).await?;
    }
    Ok(client)
}

async fn receive(client: &mut Client, count: u32) -> Result<()> {
    let mut left = count;
    while left > 0 {
        match client.next().await.ok_or("the server closed")?? {
            Message::Text(_) => left -= 1,
            Message::Close(frame) => return Err(format!("the server closed: {frame:?}").into()),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
    Ok(())
}

fn id(number: usize) -> VerificationId {
    let mut tag = [0; 10];
    tag[..8].copy_from_slice(&number.to_be_bytes());
    let process = u64::from(std::process::id()).to_be_bytes();
    let mut nonce = [0; 10];
    nonce[..8].copy_from_slice(&process);
    VerificationId::from_parts(&IdParts { tag, nonce, check: [0; 5] })
}

async fn join(nats: &str) -> Result<Bus> {
    let environment = HashMap::from([("OTP_NATS_URL", nats.to_owned())]);
    let settings = BusSettings::read(&mut Settings::new(&environment)).ok_or("no NATS address")?;
    let metrics = BusMetrics::new(&mut prometheus_client::registry::Registry::default());
    Ok(Bus::connect("sockets", &settings, metrics).await?)
}

fn memory_kib(pid: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn cpu_seconds(pid: &str) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let mut fields = stat.rsplit(") ").next().ok_or("no stat")?.split(' ').skip(11);
    let mut ticks = || Result::Ok(fields.next().ok_or("no time")?.parse::<f64>()?);
    // A hundred ticks a second, on every Linux there is.
    Ok((ticks()? + ticks()?) / 100.0)
}
