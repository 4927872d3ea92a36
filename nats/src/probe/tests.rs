use std::collections::HashMap;
use std::net::TcpListener;

use super::*;

fn variables(admin: Option<String>) -> HashMap<&'static str, String> {
    admin.into_iter().map(|address| (ADMIN_LISTEN, address)).collect()
}

fn declared(default: &'static str) -> [Declared; 1] {
    [Declared {
        name: ADMIN_LISTEN,
        default: Some(default),
        about: "",
        form: SocketAddr::FORM,
        secret: false,
        required: false,
    }]
}

/// Answers one connection with these bytes once the request is in; gives its port and, when joined, the request.
fn answering(answer: &'static str) -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    (port, served)
}

fn outcome(answer: &'static str) -> Result<(), String> {
    let (port, served) = answering(answer);
    let result = probe(&variables(Some(format!("0.0.0.0:{port}"))), &[]);
    assert!(served.join().unwrap().starts_with("GET /ready HTTP/1.0\r\n"));
    result.map_err(|fault| fault.to_string())
}

#[test]
fn only_a_200_is_ready() {
    assert_eq!(outcome("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"), Ok(()));
    assert_eq!(outcome("HTTP/1.0 200 OK\r\n\r\n"), Ok(()));
    for (answer, said) in [
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"faults\":[\"redis\"]}", "not ready: {\"faults\":[\"redis\"]}"),
        ("HTTP/1.1 404 Not Found\r\n\r\n", "not ready: status 404"),
        ("HTTP/1.1 500 Says 200\r\n\r\n", "not ready: status 500"),
        ("220 mail.example 200\r\n", "not ready: status unknown"),
        ("", "not ready: status unknown"),
    ] {
        assert_eq!(outcome(answer), Err(said.to_owned()), "{answer}");
    }
}

#[test]
fn the_address_is_the_one_listened_on() {
    for (listen, asked) in [
        ("0.0.0.0:9500", Some("127.0.0.1:9500")),
        ("[::]:9500", Some("[::1]:9500")),
        ("10.1.2.3:1", Some("10.1.2.3:1")),
        ("0.0.0.0:0", None),
    ] {
        let found = reachable(listen.parse().unwrap()).ok().map(|address| address.to_string());
        assert_eq!(found.as_deref(), asked, "{listen}");
    }
}

#[test]
fn an_unset_address_is_the_declared_default() {
    // Nothing is declared and nothing set; then only nonsense is set.
    assert!(matches!(probe(&variables(None), &[]), Err(ProbeFault::Address)));
    assert!(matches!(probe(&variables(Some("nonsense".into())), &declared("127.0.0.1:1")), Err(ProbeFault::Address)));
    // Port 1 of the loopback is refused: that the default was asked is all that this can show.
    for blank in [None, Some("  ".to_owned())] {
        assert!(matches!(probe(&variables(blank), &declared("127.0.0.1:1")), Err(ProbeFault::NoAnswer(_))));
    }
}

#[test]
fn silence_ends_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let asked = ask(listener.local_addr().unwrap(), Duration::from_millis(50));
    assert!(matches!(asked, Err(ProbeFault::NoAnswer(_))), "{asked:?}");
}
