//! An echo server behind a proxy.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use super::*;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Long enough for what happens at once, also on a busy machine.
const SOON: Duration = Duration::from_secs(20);
/// So long nothing is seen to happen.
const WHILE: Duration = Duration::from_millis(100);

async fn echo() -> SocketAddr {
    let listener = TcpListener::bind(ANY).await.expect("bound");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                drop(tokio::io::copy(&mut read, &mut write).await);
            });
        }
    });
    address
}

async fn proxied() -> (Proxy, TcpStream) {
    let proxy = Proxy::bind(ANY, echo().await).await.expect("bound");
    let stream = TcpStream::connect(proxy.address()).await.expect("connected");
    (proxy, stream)
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("written");
}

async fn hear(stream: &mut TcpStream, length: usize) -> std::io::Result<String> {
    let mut heard = vec![0; length];
    timeout(SOON, stream.read_exact(&mut heard)).await.expect("in time")?;
    Ok(String::from_utf8(heard).expect("text"))
}

async fn silent(stream: &mut TcpStream) -> bool {
    timeout(WHILE, stream.read_u8()).await.is_err()
}

#[tokio::test]
async fn passes_everything_on_and_ends_as_the_ends_do() {
    let (_proxy, mut stream) = proxied().await;
    let long = "0123456789".repeat(100_000);
    let (mut read, mut write) = stream.split();
    let mut heard = String::new();
    let send = async {
        write.write_all(long.as_bytes()).await.expect("written");
        write.shutdown().await.expect("half of it closed");
    };
    let ((), read) = tokio::join!(send, timeout(SOON, read.read_to_string(&mut heard)));
    assert_eq!(read.expect("in time").expect("an orderly end"), long.len());
    assert_eq!(heard, long);
}

#[tokio::test]
async fn delays_and_keeps_the_order() {
    let (proxy, mut stream) = proxied().await;
    let delay = Duration::from_millis(50);
    proxy.set(Fault::Latency { delay, jitter: delay });
    let started = Instant::now();
    say(&mut stream, "one").await;
    say(&mut stream, "two").await;
    assert_eq!(hear(&mut stream, 6).await.expect("heard"), "onetwo");
    assert!(started.elapsed() >= delay * 2, "there and back again: {:?}", started.elapsed());
}

#[tokio::test]
async fn holds_back_while_it_stalls() {
    let (proxy, mut stream) = proxied().await;
    proxy.set(Fault::Stall);
    say(&mut stream, "late").await;
    assert!(silent(&mut stream).await);
    proxy.set(Fault::None);
    assert_eq!(hear(&mut stream, 4).await.expect("heard"), "late");
}

#[tokio::test]
async fn resets_what_is_there_and_what_comes() {
    let (proxy, mut stream) = proxied().await;
    say(&mut stream, "a").await;
    hear(&mut stream, 1).await.expect("heard");
    proxy.cut();
    assert_eq!(hear(&mut stream, 1).await.expect_err("cut").kind(), std::io::ErrorKind::ConnectionReset);
    let mut next = TcpStream::connect(proxy.address()).await.expect("a cut ends what was there");
    say(&mut next, "b").await;
    assert_eq!(hear(&mut next, 1).await.expect("heard"), "b");
    proxy.set(Fault::Reset);
    assert_eq!(hear(&mut next, 1).await.expect_err("reset").kind(), std::io::ErrorKind::ConnectionReset);
    let mut last = TcpStream::connect(proxy.address()).await.expect("connected");
    assert_eq!(hear(&mut last, 1).await.expect_err("reset").kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn loses_what_is_sent_and_tells_nobody() {
    let (proxy, mut stream) = proxied().await;
    let mut quiet = TcpStream::connect(proxy.address()).await.expect("connected");
    proxy.set(Fault::HalfOpen);
    say(&mut stream, "lost").await;
    assert!(silent(&mut stream).await);
    proxy.set(Fault::None);
    say(&mut stream, "lost as well").await;
    assert!(silent(&mut stream).await, "a stream with a hole in it does not go on");
    say(&mut quiet, "fine").await;
    assert_eq!(hear(&mut quiet, 4).await.expect("it lost nothing"), "fine");
}

#[tokio::test]
async fn cuts_in_the_middle() {
    let (proxy, mut stream) = proxied().await;
    say(&mut stream, "before").await;
    hear(&mut stream, 6).await.expect("heard");
    proxy.set(Fault::CutAfter { bytes: 10 });
    say(&mut stream, "12345").await;
    assert_eq!(hear(&mut stream, 5).await.expect("heard"), "12345");
    say(&mut stream, "6789012345").await;
    let mut rest = Vec::new();
    let error = timeout(SOON, stream.read_to_end(&mut rest)).await.expect("in time").expect_err("cut");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}
