//! The next version beside the old one, part by part, while requests keep coming.

mod newer;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use otp_dev::stack::{Instance, Part};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::{Answer, Api, Asked, PATIENCE, Said, Socket, System, eventually, names, seqs};

/// Each part is replaced so often.
const ROUNDS: usize = 3;
/// Between two requests.
const PACE: Duration = Duration::from_millis(10);
/// A service's deadline for its drain, as set here.
const DRAIN: Duration = Duration::from_secs(20);
/// Longest acceptable way from the request to `sent`: far below the 30 s after which a request comes again, and far
/// above what a busy machine adds.
const SENT_WITHIN: Duration = Duration::from_secs(15);

/// Where clients find the system now, as a balancer would tell them.
struct Balancer {
    gateway: Mutex<String>,
    notifier: Mutex<String>,
}

impl Balancer {
    fn gateway(&self) -> String {
        locked(&self.gateway).clone()
    }

    fn notifier(&self) -> String {
        locked(&self.notifier).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one client saw.
struct Seen {
    asked: Asked,
    address: String,
    events: Vec<Value>,
    /// From the request to `sent`.
    waited: Duration,
    /// Closes by a notifier that went.
    moves: usize,
}

/// A client's whole life: asks until it is promised something, and watches to the end wherever it has to.
async fn client(number: usize, balancer: Arc<Balancer>, promised: Arc<AtomicUsize>) -> Seen {
    let (address, started) = (format!("u{number}@deploy.test"), Instant::now());
    let asked = loop {
        if let Some(asked) = ask(&balancer.gateway(), &address).await {
            break asked;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain for a promise to {address}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    promised.fetch_add(1, Ordering::Relaxed);
    let mut seen = Seen { asked, address, events: Vec::new(), waited: Duration::MAX, moves: 0 };
    loop {
        let url = balancer.notifier();
        let Some(mut socket) = Socket::reach(&url).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let after = seqs(&seen.events).last().copied();
        socket.subscribe(&seen.asked.id, &seen.asked.ticket, after).await;
        loop {
            match socket.next().await {
                Said::Event(event) => {
                    if event["event"] == "sent" {
                        seen.waited = started.elapsed();
                    }
                    seen.events.push(event);
                }
                Said::Closed(Some(1000)) => return seen,
                Said::Closed(Some(1012)) => {
                    seen.moves += 1;
                    break;
                }
                other => panic!("{other:?} to {}", seen.address),
            }
        }
    }
}

/// One attempt; a gateway that goes may refuse the connection, and any answer but these is a defect.
async fn ask(gateway: &str, address: &str) -> Option<Asked> {
    let api = Api::at(gateway);
    let request = api.request(reqwest::Method::POST, crate::support::VERIFICATIONS).json(&json!({"email": address}));
    let answer = request.header("idempotency-key", address).send().await.ok()?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.ok()?;
    assert!(matches!(status, 202 | 409 | 503), "{status} {text}");
    let body = serde_json::from_str(&text).unwrap_or_default();
    (status == 202).then(|| Answer { status, headers, text, body }.accepted())
}

/// Starts the next one, lets clients find it, and ends the old one, which has to end by itself and in time.
async fn replace(system: &mut System, balancer: &Balancer, old: Instance) -> (Instance, Duration) {
    let part = old.part;
    let next = system.stack.add(part, &[]).await.expect("the next version");
    if part != Part::Mailer {
        let address = system.stack.address(next).expect("an address");
        match part {
            Part::Gateway => *locked(&balancer.gateway) = format!("http://{address}"),
            _ => *locked(&balancer.notifier) = format!("ws://{address}/v1/events"),
        }
    }
    let (condition, started) = (system.stack.condition(old).expect("it runs"), Instant::now());
    system.stack.remove(old).await.expect("it ends");
    let (took, ended) = (started.elapsed(), condition.borrow().last_end.clone());
    assert_eq!(ended.as_deref(), Some("exit status: 0"), "{old} did not drain");
    assert!(took < DRAIN, "{old} took {took:?}");
    (next, took)
}

#[tokio::test]
async fn rolling_deploys_lose_nothing_and_repeat_nothing() {
    let mut system = System::with(|options| {
        let drain = format!("{}s", DRAIN.as_secs());
        let settings = [("OTP_LIMIT_IP", "off"), ("OTP_LIMIT_RECIPIENT", "off"), ("OTP_CLOSE_SPREAD", "500ms")];
        for (name, value) in settings.into_iter().chain([("OTP_DRAIN_TIMEOUT", drain.as_str())]) {
            options.caller.set(name, value);
        }
    })
    .await;
    let file = system.stack.file();
    let balancer =
        Arc::new(Balancer { gateway: Mutex::new(file.gateway.clone()), notifier: Mutex::new(file.events.clone()) });
    let (over, promised) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let clients = {
        let (balancer, over, promised) = (Arc::clone(&balancer), over.clone(), Arc::clone(&promised));
        tokio::spawn(async move {
            let (mut clients, mut pace) = (JoinSet::new(), tokio::time::interval(PACE));
            while !over.is_cancelled() {
                clients.spawn(client(clients.len(), Arc::clone(&balancer), Arc::clone(&promised)));
                pace.tick().await;
            }
            clients
        })
    };
    let mut current: Vec<Instance> = [Part::Mailer, Part::Notifier, Part::Gateway].map(Instance::from).to_vec();
    let mut longest_drain = Duration::ZERO;
    for _ in 0..ROUNDS {
        for instance in &mut current {
            let before = promised.load(Ordering::Relaxed);
            let (next, took) = replace(&mut system, &balancer, *instance).await;
            longest_drain = longest_drain.max(took);
            *instance = next;
            eventually("requests to go on", async || (promised.load(Ordering::Relaxed) > before).then_some(())).await;
        }
    }
    over.cancel();
    let clients = clients.await.expect("clients");
    let total = clients.len();
    eventually("all promises", async || (promised.load(Ordering::Relaxed) == total).then_some(())).await;
    let seen = settled(&system, &balancer.gateway(), clients).await;
    let (longest, moves) =
        (seen.iter().map(|seen| seen.waited).max(), seen.iter().map(|seen| seen.moves).sum::<usize>());
    let longest = longest.expect("requests");
    println!(
        "{total} requests over {ROUNDS} rounds: longest to `sent` {longest:.2?}, longest drain {longest_drain:.2?}, {moves} moves"
    );
    assert!(moves > 0, "nobody watched while a notifier went");
    assert!(longest < SENT_WITHIN, "{longest:?}");
    system.stack.stop().await;
}

/// Waits for the mails, ends all verifications, and checks what each client saw and got.
async fn settled(system: &System, gateway: &str, clients: JoinSet<Seen>) -> Vec<Seen> {
    let total = clients.len();
    let count = async || (system.inbox().count().await >= total as u64).then_some(());
    eventually("all mails", count).await;
    let mut ending = clients;
    let (api, mut seen) = (Api::at(gateway), Vec::new());
    let list = system.client.get(format!("{}/api/v1/messages?limit=10000", system.stack.file().inbox));
    let list: Value = list.send().await.expect("the inbox answers").json().await.expect("JSON");
    let mut mails: Vec<String> = Vec::new();
    for mail in list["messages"].as_array().expect("a list") {
        mails.push(mail["To"][0]["Address"].as_str().expect("a recipient").to_owned());
    }
    // A newer request of the same recipient ends the older verification, and its watcher's subscription with it.
    let again = join_all((0..total).map(|number| {
        let api = api.clone();
        async move { api.ask(&json!({"email": format!("u{number}@deploy.test")})).await.status }
    }))
    .await;
    assert!(again.iter().all(|status| *status == 202), "{again:?}");
    while let Some(one) = ending.join_next().await {
        seen.push(one.expect("a client"));
    }
    for Seen { address, events, asked, .. } in &seen {
        assert_eq!(mails.iter().filter(|to| *to == address).count(), 1, "{address} {}", asked.id);
        let mut names = names(events);
        names.retain(|name| *name != "processing");
        assert_eq!(names, ["requested", "sent", "superseded"], "{address}");
        assert!(seqs(events).is_sorted_by(|one, next| one < next), "each once and in order: {events:?}");
    }
    seen
}
