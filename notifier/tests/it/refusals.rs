//! What is not accepted, and how that is said.

use std::time::Duration;

use otp_nats::Timestamp;
use otp_nats::ticket::Ticket;
use otp_notifier::Times;
use serde_json::json;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use crate::client::Client;
use crate::world::{World, fresh_id, http, keys, ticket};

#[tokio::test]
async fn handshakes_are_answered_by_what_is_wrong_with_them() {
    let world = World::start().await;
    let times = Times { handshake: Duration::from_millis(300), ..Times::default() };
    let notifier = world.notifier_at(&[], times).await;
    let upgrade = "Host: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let long = format!("GET /v1/events HTTP/1.1\r\n{upgrade}Cookie: {}\r\n\r\n", "x".repeat(10_000));
    for (request, status) in [
        (format!("GET /v1/events?x=1 HTTP/1.1\r\n{upgrade}\r\n"), "101"),
        (format!("GET /v1/events HTTP/1.1\r\n{upgrade}Origin: https://APP.example.com:443\r\n\r\n"), "101"),
        (format!("GET / HTTP/1.1\r\n{upgrade}\r\n"), "404"),
        (format!("POST /v1/events HTTP/1.1\r\n{upgrade}\r\n"), "405"),
        ("GET /v1/events HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "426"),
        (format!("GET /v1/events HTTP/1.1\r\n{}\r\n", upgrade.replace("13", "8")), "426"),
        (format!("GET /v1/events HTTP/1.1\r\n{upgrade}Origin: https://evil.example.com\r\n\r\n"), "403"),
        (format!("GET /v1/events HTTP/1.1\r\n{upgrade}Origin: null\r\n\r\n"), "403"),
        (format!("GET /v1/events HTTP/1.1\r\n{upgrade}Sec-WebSocket-Protocol: chat, soap\r\n\r\n"), "400"),
        (format!("GET /v1/events HTTP/1.1\r\n{}\r\n", upgrade.replace("dGhl", "!")), "400"),
        ("\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), "400"),
        (long, "431"),
        ("GET /v1/ev".to_owned(), "408"),
    ] {
        let answer = if status == "101" {
            first_line(notifier.address, &request).await
        } else {
            http(notifier.address, &request).await
        };
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        if status == "426" {
            assert!(answer.contains("Sec-WebSocket-Version: 13"), "{answer}");
        }
    }
}

async fn first_line(address: std::net::SocketAddr, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut line = [0; 32];
    stream.read_exact(&mut line).await.unwrap();
    String::from_utf8_lossy(&line).into_owned()
}

#[tokio::test]
async fn subprotocol_and_origin_as_clients_see_them() {
    let world = World::start().await;
    let notifier = world.notifier(&[]).await;
    let (_client, response) = Client::try_connect(notifier.address, &[]).await.unwrap();
    assert!(response.headers().get("sec-websocket-protocol").is_none());
    let offers = [("sec-websocket-protocol", "other, otp.v1"), ("origin", "https://app.example.com")];
    let (_client, response) = Client::try_connect(notifier.address, &offers).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "otp.v1");
    for (header, status) in [(("sec-websocket-protocol", "other"), 400), (("origin", "http://app.example.com"), 403)] {
        match Client::try_connect(notifier.address, &[header]).await.map(|_| ()).map_err(|error| *error) {
            Err(Error::Http(response)) => assert_eq!(response.status().as_u16(), status),
            other => panic!("{other:?}"),
        }
    }
    let closed = world.notifier(&[("OTP_ALLOWED_ORIGINS", "")]).await;
    assert!(Client::try_connect(closed.address, &[("origin", "https://app.example.com")]).await.is_err());
    Client::connect(closed.address).await;
    let open = world.notifier(&[("OTP_ALLOWED_ORIGINS", "*")]).await;
    assert!(Client::try_connect(open.address, &[("origin", "null")]).await.is_ok());
}

#[tokio::test]
async fn beyond_the_bound_connections_are_told_to_come_back() {
    let world = World::start().await;
    let notifier = world.notifier(&[("OTP_MAX_CONNECTIONS", "1")]).await;
    let first = Client::connect(notifier.address).await;
    let answer = http(notifier.address, "GET /v1/events HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: "), "{answer}");
    drop(first);
    notifier.until(|| async { notifier.metric("otp_sockets_open").await == 0.0 }).await;
    Client::connect(notifier.address).await;
}

#[tokio::test]
async fn tickets_of_others_and_old_ones_open_nothing() {
    let world = World::start().await;
    let notifier = world.notifier(&[]).await;
    let (id, other, now) = (fresh_id(), fresh_id(), Timestamp::now());
    let mut client = Client::connect(notifier.address).await;
    client.subscribe(&id, &ticket(&other), None).await;
    assert_eq!(client.expect_error("bad-ticket").await["id"], json!(id));
    let second = Duration::from_secs(1);
    let old = Ticket { requested_at: now - second - second, expires_at: now - second }.sign(&keys(), &id);
    client.subscribe(&id, &old, None).await;
    client.expect_error("ticket-expired").await;
    // The third fault is the last.
    client.subscribe(&id, "garbage", None).await;
    client.expect_error("bad-ticket").await;
    client.expect_close(1008).await;
}

#[tokio::test]
async fn garbage_is_named_and_the_third_time_closes() {
    let world = World::start().await;
    let notifier = world.notifier(&[]).await;
    let mut client = Client::connect(notifier.address).await;
    for garbage in ["not json", r#"{"type":"hello"}"#, r#"{"type":"subscribe","id":"x","ticket":"y"}"#] {
        client.say(garbage).await;
        client.expect_error("bad-message").await;
    }
    client.expect_close(1008).await;

    let fine = fresh_id();
    let mut client = Client::connect(notifier.address).await;
    let message = json!({"type": "subscribe", "id": fine, "ticket": ticket(&fine), "colour": "blue", "after": null});
    client.say(&message.to_string()).await;
    assert_eq!(client.events(1).await[0].0, 0);

    let frame = |opcode, payload: &'static [u8]| {
        use tokio_tungstenite::tungstenite::protocol::frame::{Frame, coding::OpCode};
        Message::Frame(Frame::message(Bytes::from_static(payload), OpCode::from(opcode), true))
    };
    for (message, code) in [
        (Message::binary(&b"{}"[..]), 1003),
        (Message::text("x".repeat(5000)), 1009),
        (Message::text("x".repeat(500_000)), 1009),
        (frame(1, b"\xff\xfe"), 1007),
        (frame(3, b"reserved"), 1002),
    ] {
        let mut client = Client::connect(notifier.address).await;
        client.send(message).await;
        client.expect_close(code).await;
    }
}

#[tokio::test]
async fn a_flood_of_messages_is_stopped() {
    let world = World::start().await;
    let notifier = world.notifier(&[]).await;
    let mut client = Client::watching(notifier.address, &fresh_id()).await;
    client.events(1).await;
    let unsubscribe = json!({"type": "unsubscribe", "id": fresh_id()}).to_string();
    for _ in 0..200 {
        client.say(&unsubscribe).await;
    }
    client.expect_close(1008).await;
}

#[tokio::test]
async fn a_connection_without_a_subscription_ends() {
    let world = World::start().await;
    let times = Times { subscribe: Duration::from_millis(200), ..Times::default() };
    let notifier = world.notifier_at(&[], times).await;
    let mut client = Client::connect(notifier.address).await;
    client.expect_error("subscribe-timeout").await;
    client.expect_close(1008).await;
}

#[tokio::test]
async fn sixteen_subscriptions_and_no_more() {
    let world = World::start().await;
    let notifier = world.notifier(&[]).await;
    let mut client = Client::connect(notifier.address).await;
    let ids: Vec<_> = (0..16).map(|_| fresh_id()).collect();
    for id in &ids {
        client.subscribe(id, &ticket(id), None).await;
        assert_eq!(client.next().await["id"], json!(id));
    }
    client.subscribe(&ids[3], &ticket(&ids[3]), None).await;
    assert_eq!(client.expect_error("already-subscribed").await["id"], json!(ids[3]));
    let more = fresh_id();
    client.subscribe(&more, &ticket(&more), None).await;
    assert_eq!(client.expect_error("too-many-subscriptions").await["id"], json!(more));
    client.say(&json!({"type": "unsubscribe", "id": ids[3]}).to_string()).await;
    client.subscribe(&more, &ticket(&more), None).await;
    assert_eq!(client.next().await["id"], json!(more));
}

#[tokio::test]
async fn pages_of_an_application_connect_once_the_file_has_it() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("apps.toml");
    std::fs::write(&path, "[apps.forum]\nallowed_origins = [\"https://forum.example.com\"]\n").unwrap();
    let notifier = world.notifier(&[("OTP_APPS_FILE", path.to_str().unwrap())]).await;
    let connects =
        async |origin: &'static str| Client::try_connect(notifier.address, &[("origin", origin)]).await.is_ok();
    assert!(connects("https://forum.example.com").await);
    assert!(connects("https://app.example.com").await, "those of the settings as well");
    assert!(!connects("https://shop.example.com").await);
    std::fs::write(&path, "[apps.shop]\nallowed_origins = [\"https://shop.example.com\"]\n").unwrap();
    let let_in = otp_nats::testing::within(Duration::from_secs(60), async || {
        connects("https://shop.example.com").await.then_some(())
    });
    assert!(let_in.await.is_some(), "the file is never taken up");
    assert!(!connects("https://forum.example.com").await);
}
