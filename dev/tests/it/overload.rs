//! More requests than can be mailed: what is promised is mailed or ends with an event, what is not was never promised.

use std::collections::HashSet;
use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use otp_dev::process::Signal;
use otp_dev::proxy::Fault;
use otp_dev::stack::{Link, Part};
use serde_json::json;

use crate::support::{Answer, Asked, System, eventually, names};

/// Requests that the stream takes (`OTP_BACKLOG_MESSAGES`).
const BACKLOG: usize = 20;
/// Requests under way at once.
const AT_ONCE: usize = 16;
/// Requests of one kind in an outage.
const CROWD: usize = 60;

async fn ask_all(system: &System, addresses: &[String]) -> Vec<(String, Answer)> {
    let api = system.api();
    let asked = stream::iter(addresses.iter().cloned()).map(|address| {
        let api = api.clone();
        async move {
            let answer = api.ask(&json!({"email": address})).await;
            (address, answer)
        }
    });
    asked.buffer_unordered(AT_ONCE).collect().await
}

#[tokio::test]
async fn a_full_backlog_refuses_and_loses_nothing() {
    let system = System::with(|options| {
        options.caller.set("OTP_LIMIT_IP", "off");
        options.caller.set("OTP_BACKLOG_MESSAGES", &BACKLOG.to_string());
    })
    .await;
    system.stack.hold(Part::Mailer, Signal::Terminate).await.expect("held");
    let addresses: Vec<String> = (0..BACKLOG + 10).map(|n| format!("u{n}@full.test")).collect();
    let (accepted, refused): (Vec<_>, Vec<_>) =
        ask_all(&system, &addresses).await.into_iter().partition(|(_, answer)| answer.status == 202);
    assert_eq!((accepted.len(), refused.len()), (BACKLOG, 10));
    for (_, answer) in &refused {
        answer.problem(503, "unavailable");
    }
    assert_eq!(system.api().get("/ready").await.status, 200, "a full backlog is no fault of the gateway's");
    system.stack.release(Part::Mailer).await.expect("released");
    // Each refused recipient may ask as often as any other: nothing was spent.
    let mut again = Vec::new();
    for (address, _) in &refused {
        let answer = eventually("room in the backlog", async || {
            let answer = system.api().ask(&json!({"email": address})).await;
            assert_ne!(answer.status, 429, "{}", answer.text);
            (answer.status == 202).then_some(answer)
        })
        .await;
        again.push((address.clone(), answer));
    }
    let promised: HashSet<&String> = accepted.iter().chain(&again).map(|(address, _)| address).collect();
    let mails = eventually("all promised mails", async || {
        let mails = system.inbox().message_ids().await;
        promised.iter().all(|address| mails.contains_key(*address)).then_some(mails)
    })
    .await;
    assert!(mails.values().all(|ids| ids.len() == 1), "{mails:?}");
    println!("{} accepted and mailed once each, {} refused before", promised.len(), refused.len());
    system.stack.stop().await;
}

async fn status(system: &System, asked: &Asked) -> (String, Vec<String>) {
    let read = system.api().read(&asked.id, Some(&asked.ticket)).await;
    let timeline = read.body["timeline"].as_array().cloned().unwrap_or_default();
    let names = names(&timeline).into_iter().map(str::to_owned).collect();
    (read.body["status"].as_str().unwrap_or_default().to_owned(), names)
}

async fn accepted(system: &System, addresses: &[String]) -> Vec<(String, Asked)> {
    ask_all(system, addresses).await.into_iter().map(|(address, answer)| (address, answer.accepted())).collect()
}

#[tokio::test]
async fn an_outage_of_the_relay_is_waited_out_and_what_is_too_late_is_dropped() {
    let system = System::with(|options| {
        options.proxied = true;
        for (name, value) in [("OTP_LIMIT_IP", "off"), ("OTP_LIMIT_RECIPIENT", "off"), ("OTP_CODE_TTL", "12s")] {
            options.caller.set(name, value);
        }
    })
    .await;
    let relay = system.stack.link(Link::MailerSmtp).expect("a wire");
    relay.set(Fault::Reset);
    let started = Instant::now();
    let early: Vec<String> = (0..CROWD).map(|n| format!("early{n}@outage.test")).collect();
    let early = accepted(&system, &early).await;
    for (_, asked) in &early {
        eventually("its time to be over", async || {
            let (status, _) = status(&system, asked).await;
            assert!(!["sending", "sent"].contains(&status.as_str()) || started.elapsed().as_secs() < 5, "{status}");
            (status == "expired").then_some(())
        })
        .await;
    }
    let late: Vec<String> = (0..CROWD).map(|n| format!("late{n}@outage.test")).collect();
    let late = accepted(&system, &late).await;
    relay.set(Fault::None);
    let back = Instant::now();
    let mails = eventually("the mails that are not too late", async || {
        let mails = system.inbox().message_ids().await;
        late.iter().all(|(address, _)| mails.contains_key(address)).then_some(mails)
    })
    .await;
    let took = back.elapsed();
    for (address, asked) in &early {
        let names = eventually("an end of what is too late", async || {
            let (_, names) = status(&system, asked).await;
            names.iter().any(|name| name == "expired" || name == "failed").then_some(names)
        })
        .await;
        assert!(!names.contains(&"sent".to_owned()) && !mails.contains_key(address), "{address}: {names:?}");
    }
    assert!(mails.values().all(|ids| ids.len() == 1), "{mails:?}");
    println!("{CROWD} dropped with an event, {CROWD} mailed {took:.2?} after the relay was back");
    system.stack.stop().await;
}
