//! A server that did what it was asked, and whose answers do not arrive.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use otp_nats::testing::eventually;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::servers::{Server, becomes};
use crate::support::{World, wrong};

/// A way to a server that can swallow its answers. Connections made through it stay muted; later ones are not.
struct Way {
    address: SocketAddr,
    muted: Arc<AtomicBool>,
}

impl Way {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, muted) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let mute = Arc::clone(&muted);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, Arc::clone(&mute)));
            }
        });
        Self { address, muted }
    }

    fn mute(&self, mute: bool) {
        self.muted.store(mute, Ordering::SeqCst);
    }
}

async fn carry(client: TcpStream, server: SocketAddr, muted: Arc<AtomicBool>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let there = tokio::io::copy(&mut from_client, &mut to_server);
    let back = async {
        let mut buffer = vec![0; 65536];
        let mut swallow = false;
        while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
            swallow |= muted.load(Ordering::SeqCst);
            if !swallow && to_client.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(there, back).0.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_behind_a_503_is_taken_back() {
    let world = World::new();
    let redis = Server::new(&[]);
    let way = Way::to(redis.address()).await;
    let url = format!("redis://{}", way.address);
    let limits = [("OTP_LIMIT_RECIPIENT", "2/1h"), ("OTP_RESEND_COOLDOWN", "1h"), ("OTP_REDIS_URL", url.as_str())];
    let gateway = world.gateway(&limits).await;
    let alice = gateway.accepted("alice@example.com").await;
    let (id, code) = (alice.text("id"), gateway.code(alice.text("id")).await);
    let patient = world.gateway(&[("OTP_RESEND_COOLDOWN", "0s"), ("OTP_REDIS_URL", url.as_str())]).await;
    let carol = patient.accepted("carol@example.com").await;
    // The server knows all scripts before its answers are lost.
    assert_eq!(gateway.check(id, &wrong(&code)).await.body["attempts_left"], 4);
    assert_eq!(patient.resend(carol.text("id")).await.status, StatusCode::ACCEPTED);
    let field = |verification: &str, field: &str| {
        let key = redis.keys(&format!("otp:*:v:{}", verification.get(otp_nats::id::TAG_LENGTH..).unwrap()))[0].clone();
        redis.ask::<String>(&["HGET", &key, field]).unwrap()
    };
    way.mute(true);
    let (created, checked, resent) =
        tokio::join!(gateway.create("bob@example.com"), gateway.check(id, &code), patient.resend(carol.text("id")),);
    for answer in [&created, &checked, &resent] {
        assert_eq!((answer.status.as_u16(), answer.problem()), (503, "unavailable"), "{answer:?}");
    }
    // It was done all the same: what is tested here is not that it never came.
    assert_eq!(redis.keys("otp:*:v:*").len(), 3, "bob's was issued");
    assert_eq!(redis.keys("otp:*:s").len(), 2, "bob's mail was counted");
    assert_eq!((field(id, "st").as_str(), field(carol.text("id"), "g").as_str()), ("verified", "3"));
    way.mute(false);
    // The right code that got no answer is not used up, and its guess not counted.
    let verified = eventually(|| async { Some(gateway.check(id, &code).await).filter(|answer| answer.status == 200) });
    verified.await.expect("the guess is taken back");
    // The cooldown of an hour is gone, and the place among the limits.
    let bob = becomes("bob's request is taken back", async || {
        Some(gateway.create("bob@example.com").await).filter(|answer| answer.status != 429 && answer.status != 503)
    });
    let bob = bob.await;
    assert_eq!(bob.status, StatusCode::ACCEPTED);
    assert_eq!(redis.ask::<u32>(&["LLEN", &redis.keys("otp:*:s")[0]]).unwrap(), 1);
    assert_eq!(gateway.create("bob@example.com").await.body["violated-policies"][0], "cooldown");
    becomes("the resend is taken back", async || field(carol.text("id"), "resent").is_empty().then_some(())).await;
    assert_eq!(patient.resend(carol.text("id")).await.status, StatusCode::ACCEPTED);
    assert_eq!(
        gateway.check(bob.text("id"), &wrong(&gateway.code(bob.text("id")).await)).await.body["attempts_left"],
        4
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_gets_the_place_back_that_it_has_no_answer_for() {
    let world = World::new();
    let redis = Server::new(&[]);
    let way = Way::to(redis.address()).await;
    let url = format!("redis://{}", way.address);
    let gateway = world.gateway(&[("OTP_LIMIT_IP", "2/1h"), ("OTP_REDIS_URL", url.as_str())]).await;
    gateway.accepted("alice@example.com").await;
    let places = || redis.ask::<u32>(&["LLEN", &redis.keys("otp:{ip-*")[0]]).unwrap();
    way.mute(true);
    assert_eq!(gateway.create("bob@example.com").await.status.as_u16(), 503);
    assert_eq!(places(), 2, "it was counted");
    way.mute(false);
    becomes("the place is given back", async || (places() == 1).then_some(())).await;
    gateway.accepted("bob@example.com").await;
    assert_eq!(gateway.create("carol@example.com").await.body["violated-policies"][0], "ip-3600s");
}
