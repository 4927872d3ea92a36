//! A notifier is killed with all its clients on it: they come back, and each learns how its verification ended.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _, stream};
use otp_dev::process::Signal;
use otp_dev::stack::Part;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::support::{Asked, System};

/// Clients unless `OTP_TEST_SOCKETS` says otherwise: with 10,000 both ends together need 20,000 descriptors each.
const CLIENTS: usize = 2000;
/// Clients that watch the same verification.
const SHARE: usize = 10;
/// Requests under way at once.
const AT_ONCE: usize = 32;
/// Source addresses, so that ports suffice.
const SOURCES: usize = 50;
/// Longest wait for all of them together.
const ALL_WITHIN: Duration = Duration::from_secs(120);
/// A connection and its handshake; what takes longer is tried again.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// First and longest pause of a client before it comes back; half of it at least.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));

type Client = WebSocketStream<TcpStream>;

/// What all clients share.
struct Crowd {
    /// Where notifiers are; all clients begin with the first, and one that loses its notifier tries the next.
    notifiers: Vec<SocketAddr>,
    /// Clients that have seen `sent`.
    watching: AtomicUsize,
}

/// What became of a client.
struct Outcome {
    names: Vec<String>,
    is_ordered: bool,
    /// When it was subscribed for the last time.
    back: Instant,
    handshakes: usize,
}

async fn open(number: usize, notifier: SocketAddr) -> Option<Client> {
    let socket = TcpSocket::new_v4().ok()?;
    let source = Ipv4Addr::new(127, 0, 0, u8::try_from(1 + number % SOURCES).ok()?);
    socket.bind(SocketAddr::new(source.into(), 0)).ok()?;
    let stream = socket.connect(notifier).await.ok()?;
    let mut request = format!("ws://{notifier}/v1/events").into_client_request().ok()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("otp.v1"));
    let small = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(4096);
    Some(client_async_with_config(request, stream, Some(small)).await.ok()?.0)
}

/// Watches a verification to its end, over as many connections as it takes.
async fn watch(number: usize, asked: Asked, crowd: Arc<Crowd>) -> Outcome {
    let (mut events, mut pause, mut handshakes) = (Vec::<Value>::new(), PAUSES.0, 0);
    for notifier in crowd.notifiers.iter().cycle() {
        let opened = tokio::time::timeout(CONNECT_WITHIN, open(number, *notifier)).await.ok().flatten();
        if let Some(mut client) = opened {
            handshakes += 1;
            let mut subscribe = json!({"type": "subscribe", "id": asked.id, "ticket": asked.ticket});
            if let Some(last) = events.last() {
                subscribe["after"] = last["seq"].clone();
            }
            if client.send(Message::text(subscribe.to_string())).await.is_ok() {
                (pause, _) = PAUSES;
                let back = Instant::now();
                if listen(&mut client, &mut events, &crowd).await {
                    let seqs: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
                    let name = |event: &Value| event["event"].as_str().unwrap_or_default().to_owned();
                    let is_ordered = seqs.len() == events.len() && seqs.is_sorted_by(|one, next| one < next);
                    return Outcome { names: events.iter().map(name).collect(), is_ordered, back, handshakes };
                }
            }
        }
        tokio::time::sleep(otp_nats::bus::jittered(pause)).await;
        pause = (pause * 2).min(PAUSES.1);
    }
    unreachable!("the notifiers go round")
}

/// Whether the verification came to its end.
async fn listen(client: &mut Client, events: &mut Vec<Value>, crowd: &Crowd) -> bool {
    while let Some(Ok(message)) = client.next().await {
        match message {
            Message::Text(text) => {
                let event: Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(event["type"], "event", "{event}");
                if event["event"] == "sent" {
                    crowd.watching.fetch_add(1, Ordering::Relaxed);
                }
                events.push(event);
            }
            Message::Close(frame) => return frame.is_some_and(|frame| u16::from(frame.code) == 1000),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
    false
}

fn clients() -> usize {
    let text = std::env::var_os("OTP_TEST_SOCKETS").and_then(|text| text.into_string().ok());
    text.map_or(CLIENTS, |text| text.parse().expect("OTP_TEST_SOCKETS is a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn all_clients_of_a_killed_notifier_learn_how_it_ended() {
    let mut system = System::with(|options| {
        for name in ["OTP_LIMIT_IP", "OTP_LIMIT_RECIPIENT"] {
            options.caller.set(name, "off");
        }
    })
    .await;
    let clients = clients();
    let second = system.stack.add(Part::Notifier, &[]).await.expect("a second notifier");
    let address = |of| system.stack.address(of).expect("an address");
    let notifiers = vec![address(Part::Notifier.into()), address(second)];
    let api = system.api();
    let asked: Vec<Asked> = stream::iter(0..clients.div_ceil(SHARE))
        .map(|number| {
            let api = api.clone();
            async move { api.accepted(&format!("u{number}@reconnect.test")).await }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let crowd = Arc::new(Crowd { notifiers, watching: AtomicUsize::new(0) });
    let mut watching = JoinSet::new();
    for number in 0..clients {
        watching.spawn(watch(number, asked[number / SHARE].clone(), Arc::clone(&crowd)));
    }
    until_watching(&crowd, clients).await;
    system.stack.kill(Part::Notifier, Signal::Kill).await.expect("killed");
    let killed = Instant::now();
    let canceled = stream::iter(asked)
        .map(|asked| {
            let api = api.clone();
            async move { api.cancel(&asked.id, Some(&asked.ticket)).await.status }
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<u16>>();
    let outcomes = tokio::time::timeout(ALL_WITHIN, async { tokio::join!(canceled, watching.join_all()) });
    let (canceled, outcomes) = outcomes.await.expect("all learn it in time");
    let all = killed.elapsed();
    assert!(canceled.iter().all(|status| *status == 204), "{canceled:?}");
    let moved = outcomes.iter().filter(|outcome| outcome.handshakes > 1).count();
    assert_eq!(moved, clients, "all were on the one that was killed");
    let back = outcomes.iter().map(|outcome| outcome.back.saturating_duration_since(killed)).max().unwrap_or_default();
    println!("{clients} clients cut off: all back after {back:.2?}, all ended after {all:.2?}");
    let mut missed: VecDeque<&Outcome> = outcomes.iter().collect();
    missed.retain(|outcome| outcome.names.last().is_none_or(|name| name != "canceled"));
    assert!(missed.is_empty(), "{} final states missed, as {:?}", missed.len(), missed.front().map(|one| &one.names));
    for outcome in &outcomes {
        assert!(outcome.is_ordered, "each event once and in order: {:?}", outcome.names);
        let told: Vec<&str> = outcome.names.iter().map(String::as_str).filter(|name| *name != "processing").collect();
        assert_eq!(told, ["requested", "sent", "canceled"]);
    }
    system.stack.stop().await;
}

async fn until_watching(crowd: &Crowd, clients: usize) {
    let deadline = Instant::now() + ALL_WITHIN;
    while crowd.watching.load(Ordering::Relaxed) < clients {
        let watching = crowd.watching.load(Ordering::Relaxed);
        assert!(Instant::now() < deadline, "{watching} of {clients} clients watch");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
