//! A little of everything that a system meets, so that all that is measured has been seen once.

use otp_dev::stack::Options;
use reqwest::Method;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Asked, Inbox, Said, Socket, System, code_in, eventually, other_code, send};

/// Limits that hold for few, so that some of this traffic meets them.
pub(super) fn limits(options: &mut Options) {
    options.caller.set("OTP_LIMIT_IP", "off");
    options.caller.set("OTP_RESEND_COOLDOWN", "1s");
    options.caller.set("OTP_LIMIT_RECIPIENT", "2/hour");
}

/// Sends all of it; `round` makes addresses of its own.
pub(super) async fn all(system: &System, round: u32) {
    verified_and_resumed(system, round).await;
    locked(system, round).await;
    refused(system, round).await;
    relays(system, round).await;
    strangers(system).await;
}

async fn verified_and_resumed(system: &System, round: u32) {
    let (api, events) = (system.api(), system.stack.file().events);
    let address = format!("verified.{round}@metrics.test");
    let asked = api.accepted(&address).await;
    let mut socket = Socket::watching(&events, &asked).await;
    let seen = socket.until("sent").await.last().and_then(|sent| sent["seq"].as_u64());
    drop(socket);
    let mut resumed = Socket::open(&events).await;
    resumed.subscribe(&asked.id, &asked.ticket, seen).await;
    let code = newest_code(&system.inbox(), &address).await;
    api.check(&asked.id, &other_code(&code)).await.problem(422, "incorrect-code");
    eventually("the cooldown's end", async || (api.resend(&asked.id).await.status == 202).then_some(())).await;
    assert_eq!(api.check(&asked.id, &code).await.status, 200);
    resumed.until("verified").await;
    assert_eq!(resumed.rest().await.1, Some(1000));
    let canceled = api.accepted(&format!("canceled.{round}@metrics.test")).await;
    assert_eq!(api.cancel(&canceled.id, Some(&canceled.ticket)).await.status, 204);
}

async fn locked(system: &System, round: u32) {
    let address = format!("locked.{round}@metrics.test");
    let asked = system.api().accepted(&address).await;
    let code = newest_code(&system.inbox(), &address).await;
    for _ in 0..5 {
        system.api().check(&asked.id, &other_code(&code)).await.problem(422, "incorrect-code");
    }
    Socket::watching(&system.stack.file().events, &asked).await.until("locked").await;
}

/// Refusals by limits, lists and the DNS, and a challenge.
async fn refused(system: &System, round: u32) {
    let api = system.api();
    let body = serde_json::json!({"email": format!("often.{round}@metrics.test")});
    let answers = [api.ask(&body).await, api.ask(&body).await, api.ask(&body).await];
    assert!(answers.iter().any(|answer| answer.status == 429), "nothing is refused");
    let nowhere = serde_json::json!({"email": format!("nowhere.{round}@nxdomain.test")});
    api.ask(&nowhere).await.problem(422, "undeliverable-domain");
    assert_eq!(api.get("/v1/challenge").await.status, 200);
}

async fn relays(system: &System, round: u32) {
    for (name, end) in [("fail550", "failed"), ("drop", "deferred"), ("defer-once", "sent")] {
        let asked: Asked = system.api().accepted(&format!("{name}+{round}@metrics.test")).await;
        Socket::watching(&system.stack.file().events, &asked).await.until(end).await;
        if end == "deferred" {
            assert_eq!(system.api().cancel(&asked.id, Some(&asked.ticket)).await.status, 204);
        }
    }
}

/// Whoever speaks to the notifier and is no client of it.
async fn strangers(system: &System) {
    let events = system.stack.file().events;
    let mut socket = Socket::open(&events).await;
    socket.send(Message::text("{}")).await;
    assert!(matches!(socket.next().await, Said::Error(code) if code == "bad-message"));
    let plain = events.replacen("ws", "http", 1);
    assert!(send(system.client.request(Method::GET, plain)).await.status >= 400);
}

async fn newest_code(inbox: &Inbox, address: &str) -> String {
    let mails = eventually("a mail", async || {
        let found = inbox.to(address).await;
        (!found.is_empty()).then_some(found)
    })
    .await;
    code_in(&mails[0], 6)
}
