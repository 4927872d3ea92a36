//! Who may connect, and how.

use reqwest::Method;

use super::system;
use crate::support::{Api, Socket, send};

fn protocol(socket: &Socket) -> Option<&str> {
    socket.response.headers().get("sec-websocket-protocol").map(|value| value.to_str().expect("ASCII"))
}

#[tokio::test]
async fn a_page_of_ours_may_connect_and_any_other_may_not() {
    let system = system().await;
    let file = system.stack.file();
    let origin = async |origin: &str| Socket::with(&file.events, &[("origin", origin)]).await.err();
    assert_eq!(origin(&file.gateway).await, None);
    let port = file.gateway.rsplit(':').next().expect("a port");
    for stranger in [
        "https://evil.example",
        "null",
        "http://127.0.0.1",
        &format!("https://127.0.0.1:{port}"),
        &format!("{}.evil.example", file.gateway),
        &format!("http://127.0.0.1:{port}0"),
    ] {
        assert_eq!(origin(stranger).await, Some(403), "{stranger}");
    }
    // No browser, no Origin: the ticket is what counts.
    assert!(Socket::with(&file.events, &[]).await.is_ok());
    system.stack.stop().await;
}

#[tokio::test]
async fn the_subprotocol_is_chosen_when_it_is_offered() {
    let system = system().await;
    let url = system.stack.file().events;
    let offer = async |offer: &str| Socket::with(&url, &[("sec-websocket-protocol", offer)]).await;
    for offered in ["otp.v1", "otp.v2, otp.v1", "otp.v1,soap"] {
        assert_eq!(protocol(&offer(offered).await.expect("connected")), Some("otp.v1"), "{offered}");
    }
    assert_eq!(offer("otp.v2").await.err(), Some(400));
    assert_eq!(protocol(&Socket::with(&url, &[]).await.expect("connected")), None);
    system.stack.stop().await;
}

#[tokio::test]
async fn what_is_no_handshake_is_refused() {
    let system = system().await;
    let url = system.stack.file().events;
    let api = Api::at(url.replace("ws://", "http://").strip_suffix("/v1/events").expect("the path"));
    let refused = [(Method::GET, "/v1/events", 426), (Method::POST, "/v1/events", 405), (Method::GET, "/", 404)];
    for (method, path, status) in refused {
        assert_eq!(send(api.request(method, path)).await.status, status, "{path}");
    }
    // Neither metrics nor readiness are for clients.
    assert_eq!(api.get("/metrics").await.status, 404);
    let ticket = Socket::with(&format!("{url}?ticket=x"), &[]).await;
    assert!(ticket.is_ok() || ticket.err() == Some(400), "a query says nothing");
    system.stack.stop().await;
}
