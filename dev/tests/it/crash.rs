//! Services killed under load: every 202 ends in a mail or a `failed` event, and no mail goes out twice unexplained.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use futures_util::stream;
use otp_dev::process::Signal;
use otp_dev::stack::Part;
use reqwest::Client;
use serde_json::{Value, json};

use crate::support::{System, eventually};

/// Requests in a run.
const REQUESTS: usize = 500;
/// The service is killed when so many are accepted.
const KILL_AFTER: usize = 150;
/// Requests under way at once.
const CONCURRENCY: usize = 32;
/// What the mailer works on at once (`OTP_MAIL_CONCURRENCY`), and as many whose mail is out: all of these can stand between
/// the relay's 250 and `sent`.
const MAIL_CONCURRENCY: usize = 2 * 64;

/// What was promised: the verification's id by recipient.
type Promised = HashMap<String, String>;

#[tokio::test]
async fn a_killed_gateway_keeps_what_it_promised() {
    let ledger = killed(Part::Gateway).await;
    assert_eq!(ledger.twice, 0, "{ledger:?}");
}

#[tokio::test]
async fn a_killed_mailer_loses_nothing_and_repeats_only_what_it_could_not_tell() {
    let ledger = killed(Part::Mailer).await;
    assert!(ledger.twice <= MAIL_CONCURRENCY, "{ledger:?}");
}

#[tokio::test]
async fn a_killed_notifier_does_not_touch_the_mails() {
    let ledger = killed(Part::Notifier).await;
    assert_eq!(ledger.twice, 0, "{ledger:?}");
}

/// What became of a run.
#[derive(Debug)]
struct Ledger {
    accepted: usize,
    twice: usize,
}

async fn killed(part: Part) -> Ledger {
    let system = System::with(|options| {
        for name in ["OTP_LIMIT_IP", "OTP_LIMIT_RECIPIENT", "OTP_DNS_POLICY"] {
            options.caller.set(name, "off");
        }
    })
    .await;
    let accepted = AtomicUsize::new(0);
    let url = format!("{}/v1/verifications", system.stack.file().gateway);
    let requests = stream::iter(0..REQUESTS)
        .map(|number| {
            let (client, url, accepted) = (&system.client, &url, &accepted);
            async move {
                let email = format!("u{number}@crash.test");
                let answer = request(client, url, &email).await;
                accepted.fetch_add(1, Ordering::Relaxed);
                (email, answer["id"].as_str().expect("an id").to_owned())
            }
        })
        .buffer_unordered(CONCURRENCY)
        .collect::<Vec<_>>();
    let kill = async {
        eventually("enough accepted requests", async || (accepted.load(Ordering::Relaxed) >= KILL_AFTER).then_some(()))
            .await;
        system.stack.kill(part, Signal::Kill).await.expect("killed");
    };
    let (promised, ()) = tokio::join!(requests, kill);
    let promised: Promised = promised.into_iter().collect();
    assert_eq!(promised.len(), REQUESTS);
    system.stack.ready(part).await.expect("it is started again");
    let ledger = settle(&system, &promised).await;
    println!("{part:?} killed: {} accepted and mailed, {} of them twice", ledger.accepted, ledger.twice);
    system.stack.stop().await;
    ledger
}

/// A client that repeats what got no answer under the same idempotency key, as the contract tells it to.
async fn request(client: &Client, url: &str, email: &str) -> Value {
    eventually(&format!("an answer for {email}"), async || {
        let post = client.post(url).header("idempotency-key", email).json(&json!({"email": email}));
        let answer = post.send().await.ok()?;
        let status = answer.status().as_u16();
        assert!(matches!(status, 202 | 409 | 503), "{status}");
        if status == 202 { answer.json().await.ok() } else { None }
    })
    .await
}

/// Waits until every promise is kept, and counts the mails.
async fn settle(system: &System, promised: &Promised) -> Ledger {
    let mut mails = HashMap::new();
    // A request that a killed mailer held comes again when its `ack_wait` of 30 s is over.
    for _ in 0..3 {
        let waited = eventually_within_patience(system, promised, &mut mails).await;
        if waited {
            break;
        }
    }
    let missing: Vec<&String> = promised.keys().filter(|email| !mails.contains_key(*email)).collect();
    assert!(missing.is_empty(), "promised and not mailed: {missing:?}");
    let strangers: Vec<&String> = mails.keys().filter(|email| !promised.contains_key(*email)).collect();
    assert!(strangers.is_empty(), "mailed and not promised: {strangers:?}");
    let mut twice = 0;
    for (email, ids) in &mails {
        let different: HashSet<&String> = ids.iter().collect();
        assert_eq!(different.len(), 1, "{email} has mails of different verifications: {ids:?}");
        twice += usize::from(ids.len() > 1);
    }
    Ledger { accepted: promised.len(), twice }
}

async fn eventually_within_patience(
    system: &System,
    promised: &Promised,
    mails: &mut HashMap<String, Vec<String>>,
) -> bool {
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while std::time::Instant::now() < deadline {
        *mails = system.inbox().message_ids().await;
        if promised.keys().all(|email| mails.contains_key(email)) {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    false
}
