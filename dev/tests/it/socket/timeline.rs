//! The timeline: the same for everyone, whenever and wherever they come.

use futures_util::future::join_all;
use otp_dev::process::Signal;
use otp_dev::stack::Part;
use serde_json::Value;

use super::{system, system_with};
use crate::support::{Asked, Said, Socket, System, names, other_code, seqs};

/// Events as the contract compares them: all members but `type` are the same on every connection.
fn whole(asked: &Asked, events: &[Value]) {
    let seqs = seqs(events);
    assert_eq!((names(events).first(), seqs.first()), (Some(&"requested"), Some(&0)), "{events:?}");
    assert!(seqs.is_sorted_by(|one, next| one < next), "each once and in order: {seqs:?}");
    for event in events {
        let members: Vec<&String> = event.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["at", "data", "event", "id", "seq", "type"]);
        assert_eq!(event["id"], asked.id);
    }
}

async fn check(system: &System, asked: &Asked, code: &str) {
    assert_eq!(system.api().check(&asked.id, code).await.status, 200);
}

#[tokio::test]
async fn whoever_comes_late_or_elsewhere_gets_the_same_timeline() {
    let mut system = system().await;
    let first = system.stack.file().events;
    let asked = system.api().accepted("same@timeline.test").await;
    let mut early = Socket::watching(&first, &asked).await;
    assert_eq!(early.response.status(), 101);
    let mut live = early.until("sent").await;
    let code = system.inbox().code_for("same@timeline.test").await;
    for _ in 0..2 {
        system.api().check(&asked.id, &other_code(&code)).await.problem(422, "incorrect-code");
    }
    let mut midway = Socket::watching(&first, &asked).await;
    let second = system.stack.add(Part::Notifier, &[]).await.expect("a second notifier");
    let second = format!("ws://{}/v1/events", system.stack.address(second).expect("an address"));
    let mut elsewhere = Socket::watching(&second, &asked).await;
    check(&system, &asked, &code).await;
    let (rest, close) = early.rest().await;
    live.extend(rest);
    assert_eq!(close, Some(1000), "nothing is left to wait for");
    whole(&asked, &live);
    assert_eq!(names(&live), ["requested", "processing", "sent", "rejected", "rejected", "verified"]);
    assert_eq!((&live[3]["data"]["attempts_left"], &live[4]["data"]["attempts_left"]), (&4.into(), &3.into()));

    assert_eq!(midway.rest().await, (live.clone(), Some(1000)));
    assert_eq!(elsewhere.rest().await, (live.clone(), Some(1000)));
    // After all is over: from the beginning, and from each event on.
    let positions = [None].into_iter().chain(seqs(&live).into_iter().map(Some)).enumerate();
    let all = positions.flat_map(|(n, after)| [(&first, n, after), (&second, n, after)]);
    let late = all.map(|(url, n, after)| {
        let (asked, expected) = (&asked, live.split_at(n).1.to_vec());
        async move {
            let mut socket = Socket::open(url).await;
            socket.subscribe(&asked.id, &asked.ticket, after).await;
            assert_eq!(socket.rest().await, (expected, Some(1000)), "after {after:?}");
        }
    });
    join_all(late).await;
    let read = system.api().read(&asked.id, Some(&asked.ticket)).await;
    let told: Vec<u64> = seqs(read.body["timeline"].as_array().expect("a list"));
    assert_eq!(told, seqs(&live), "the gateway tells the same");
    system.stack.stop().await;
}

#[tokio::test]
async fn a_client_resumes_where_a_killed_notifier_left_it() {
    let system = system().await;
    let url = system.stack.file().events;
    let asked = system.api().accepted("killed@timeline.test").await;
    let mut socket = Socket::watching(&url, &asked).await;
    let mut events = socket.until("sent").await;
    system.stack.kill(Part::Notifier, Signal::Kill).await.expect("killed");
    assert_eq!(socket.next().await, Said::Closed(None));
    // What happens while nobody listens is not lost.
    let code = system.inbox().code_for("killed@timeline.test").await;
    system.api().check(&asked.id, &other_code(&code)).await.problem(422, "incorrect-code");
    system.stack.ready(Part::Notifier).await.expect("ready");
    let mut socket = Socket::open(&url).await;
    socket.subscribe(&asked.id, &asked.ticket, seqs(&events).last().copied()).await;
    events.extend(socket.until("rejected").await);
    check(&system, &asked, &code).await;
    let (rest, close) = socket.rest().await;
    events.extend(rest);
    whole(&asked, &events);
    assert_eq!(names(&events), ["requested", "processing", "sent", "rejected", "verified"]);
    assert_eq!(close, Some(1000));
    assert_eq!(Socket::watching(&url, &asked).await.rest().await.0, events, "and anew from its beginning");
    system.stack.stop().await;
}

#[tokio::test]
async fn a_ticket_alone_proves_the_request() {
    let system = system().await;
    let asked = system.api().accepted("alone@timeline.test").await;
    let mut socket = Socket::open(&system.stack.file().events).await;
    // Nothing can be looked up.
    system.stack.kill(Part::Nats, Signal::Stop).await.expect("stopped");
    socket.subscribe(&asked.id, &asked.ticket, None).await;
    let event = socket.event().await;
    assert_eq!((&event["event"], &event["seq"]), (&"requested".into(), &0.into()));
    assert_eq!(event["data"]["expires_at"], asked.body["expires_at"]);
    assert!(event["data"].get("sealed").is_none(), "{event}");
    system.stack.kill(Part::Nats, Signal::Continue).await.expect("goes on");
    let mut events = vec![event];
    events.extend(socket.until("sent").await);
    whole(&asked, &events);
    drop(socket);
    system.stack.stop().await;
}

#[tokio::test]
async fn each_way_to_end_ends_the_subscription() {
    let system = system().await;
    let (api, url) = (system.api(), system.stack.file().events);
    let [canceled, superseded, locked, verified] =
        ["canceled", "superseded", "locked", "verified"].map(|name| format!("{name}@timeline.test"));
    let mut sockets = Vec::new();
    for address in [&canceled, &superseded, &locked, &verified] {
        let asked = api.accepted(address).await;
        let mut socket = Socket::watching(&url, &asked).await;
        socket.until("sent").await;
        sockets.push((asked, socket));
    }
    assert_eq!(api.cancel(&sockets[0].0.id, Some(&sockets[0].0.ticket)).await.status, 204);
    api.accepted(&superseded).await;
    let code = system.inbox().code_for(&locked).await;
    for _ in 0..5 {
        api.check(&sockets[2].0.id, &other_code(&code)).await.problem(422, "incorrect-code");
    }
    check(&system, &sockets[3].0, &system.inbox().code_for(&verified).await).await;
    let expected: [&[&str]; 4] =
        [&["canceled"], &["superseded"], &["rejected", "rejected", "rejected", "rejected", "locked"], &["verified"]];
    let rests = join_all(sockets.iter_mut().map(|(_, socket)| socket.rest())).await;
    for ((events, close), expected) in rests.into_iter().zip(expected) {
        assert_eq!((names(&events).as_slice(), close), (expected, Some(1000)));
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn a_resend_goes_on_with_the_same_timeline() {
    let system = system().await;
    let asked = system.api().accepted("resend@timeline.test").await;
    let url = system.stack.file().events;
    let mut socket = Socket::watching(&url, &asked).await;
    let mut events = socket.until("sent").await;
    let again = system.api().resend(&asked.id).await.accepted();
    events.extend(socket.until("sent").await);
    whole(&asked, &events);
    assert_eq!(names(&events), ["requested", "processing", "sent", "processing", "sent"]);
    assert_eq!(Socket::watching(&url, &again).await.until("sent").await, events.split_at(3).0);
    drop(socket);
    system.stack.stop().await;
}

#[tokio::test]
async fn a_code_that_nobody_uses_expires_before_everyones_eyes() {
    let mut system = system_with(&[("OTP_CODE_TTL", "3s")]).await;
    let second = system.stack.add(Part::Notifier, &[]).await.expect("a second notifier");
    let second = format!("ws://{}/v1/events", system.stack.address(second).expect("an address"));
    let asked = system.api().accepted("nobody@timeline.test").await;
    let mut here = Socket::watching(&system.stack.file().events, &asked).await;
    let mut there = Socket::watching(&second, &asked).await;
    let (seen_here, seen_there) = tokio::join!(here.rest(), there.rest());
    assert_eq!(names(&seen_here.0), ["requested", "processing", "sent", "expired"]);
    assert_eq!(seen_here.1, Some(1000));
    whole(&asked, &seen_here.0);
    assert_eq!(names(&seen_there.0), names(&seen_here.0));
    system.stack.stop().await;
}

#[tokio::test]
async fn a_notifier_that_stops_sends_its_clients_elsewhere() {
    let mut system = system().await;
    let asked = system.api().accepted("drain@timeline.test").await;
    let url = system.stack.file().events;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        let mut socket = Socket::watching(&url, &asked).await;
        let last = seqs(&socket.until("sent").await).last().copied();
        sockets.push((socket, last));
    }
    let second = system.stack.add(Part::Notifier, &[]).await.expect("a second notifier");
    let second = format!("ws://{}/v1/events", system.stack.address(second).expect("an address"));
    system.stack.hold(Part::Notifier, Signal::Terminate).await.expect("held");
    for (socket, last) in &mut sockets {
        assert_eq!(socket.next().await, Said::Closed(Some(1012)));
        *socket = Socket::open(&second).await;
        socket.subscribe(&asked.id, &asked.ticket, *last).await;
    }
    assert_eq!(system.api().cancel(&asked.id, Some(&asked.ticket)).await.status, 204);
    let rests = join_all(sockets.iter_mut().map(|(socket, _)| socket.rest())).await;
    for (events, close) in rests {
        assert_eq!((names(&events), close), (vec!["canceled"], Some(1000)));
    }
    system.stack.stop().await;
}
