//! Secrets where none belong: in paths and queries, in headers and bodies of the wrong kind, on the wrong port. Whatever
//! refuses them shall not say them again.

use otp_dev::stack::Part;
use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::{Secrets, ask, code};
use crate::support::{Api, Socket, System, VERIFICATIONS, send};

const ADDRESS: &str = "Tricia.Wandering@secrets.test";

/// Keys of an application, one of them in force.
pub(super) struct AppKeys {
    pub(super) secret: String,
    pub(super) publishable: String,
}

/// A person, a page and an application that mix everything up.
pub(super) async fn all_over(system: &System, secrets: &mut Secrets, keys: &AppKeys) {
    secrets.add("a secret key", &keys.secret);
    let asked = ask(system, secrets, &json!({"email": ADDRESS})).await;
    let code = code(system, secrets, ADDRESS, 1).await;
    let (id, ticket) = (asked.id.as_str(), asked.ticket.as_str());
    let api = system.api();
    let lost = [code.as_str(), ticket, ADDRESS, &keys.secret];
    for secret in lost {
        for path in [
            format!("/{secret}"),
            format!("/?token={secret}&email={secret}"),
            format!("/.well-known/jwks.json?{secret}"),
            format!("{VERIFICATIONS}/{secret}"),
            format!("{VERIFICATIONS}/{id}?ticket={secret}&access_token={secret}"),
            format!("{VERIFICATIONS}/{id}/{secret}"),
        ] {
            for method in [Method::GET, Method::DELETE, Method::PUT] {
                drop(send(api.request(method, &path)).await);
            }
            drop(api.post(&path, &json!({"code": secret})).await);
        }
        for name in
            ["traceparent", "x-forwarded-for", "forwarded", "user-agent", "origin", "referer", "accept-language"]
        {
            drop(send(api.request(Method::POST, VERIFICATIONS).header(name, secret).json(&json!({"email": 1}))).await);
        }
        for name in ["idempotency-key", "otp-client-ip", "cookie", "content-type", "authorization", "x-api-key"] {
            let request = api.request(Method::POST, VERIFICATIONS).header(name, secret).body(secret.to_owned());
            drop(send(request).await);
        }
        drop(send(api.request(Method::POST, VERIFICATIONS).bearer_auth(secret).json(&json!({"email": secret}))).await);
        drop(api.read(id, Some(secret)).await);
        drop(api.resend(secret).await);
        bodies(&api, id, secret).await;
        socket(&system.stack.file().events, id, secret).await;
        for part in Part::SERVICES {
            let admin = Api::at(&format!("http://{}", system.stack.admin(part).expect("an admin port")));
            drop(admin.get(&format!("/{secret}?{secret}")).await);
        }
    }
    // The keys at work: each on its own way, and the publishable one from a page that is not the application's.
    let address = "Hotblack.Desiato@secrets.test";
    secrets.add_address(address);
    let with = |key: &str| {
        api.request(Method::POST, VERIFICATIONS).bearer_auth(key).header("origin", "https://elsewhere.test")
    };
    send(with(&keys.publishable).json(&json!({"email": address}))).await.problem(403, "origin-not-allowed");
    let request = api.request(Method::POST, VERIFICATIONS).bearer_auth(&keys.secret);
    let accepted = send(request.header("otp-client-ip", "192.0.2.7").json(&json!({"email": address}))).await.accepted();
    secrets.add("a ticket", &accepted.ticket);
    assert_eq!(api.read(&accepted.id, Some(&keys.secret)).await.status, 200);
    api.read(id, Some(&keys.secret)).await.problem(401, "unauthorized");
}

/// Bodies of another type, in pieces, of other members, too long.
async fn bodies(api: &Api, id: &str, secret: &str) {
    for path in [VERIFICATIONS.to_owned(), format!("{VERIFICATIONS}/{id}/check")] {
        let request = |kind: &str| api.request(Method::POST, &path).header("content-type", kind);
        let form = format!("email={secret}&code={secret}");
        for kind in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"] {
            send(request(kind).body(form.clone())).await.problem(415, "unsupported-media-type");
        }
        let json = "application/json";
        for body in [
            format!("{{\"{secret}\": \"{secret}\"}}"),
            format!("\"{secret}\""),
            format!("[\"{secret}\""),
            format!("{{\"email\": [\"{secret}\"], \"code\": {{\"{secret}\": 1}}}}"),
            format!("{{\"code\": \"{secret}\", \"email\": \"{secret}\"}}"),
            format!("{{\"email\": \"x@secrets.test\", \"purpose\": \"{secret} \", \"locale\": \"{secret}\"}}"),
        ] {
            send(request(json).body(body)).await;
        }
        let long = format!("{{\"email\": \"{}\"}}", secret.repeat(2000));
        // The rest of the body is not read, so the connection is of no more use to anybody.
        send(request(json).header("connection", "close").body(long)).await.problem(413, "payload-too-large");
    }
}

/// Handshakes and frames.
async fn socket(events: &str, id: &str, secret: &str) {
    drop(Socket::with(&format!("{events}?ticket={secret}"), &[("sec-websocket-protocol", "otp.v1")]).await);
    drop(Socket::with(&format!("{events}/{secret}"), &[]).await);
    let bare: String = secret.chars().filter(char::is_ascii_alphanumeric).collect();
    for (name, value) in [("origin", secret), ("authorization", secret), ("cookie", secret)] {
        drop(Socket::with(events, &[(name, value)]).await);
    }
    drop(Socket::with(events, &[("sec-websocket-protocol", bare.as_str())]).await);
    for frame in [
        Message::text(secret.to_owned()),
        Message::text(json!({"type": secret, "id": id, "ticket": secret}).to_string()),
        Message::text(json!({"type": "subscribe", "id": secret, "ticket": secret}).to_string()),
        Message::text(json!({"type": "subscribe", "id": id, "ticket": secret, "after": secret}).to_string()),
        Message::binary(secret.as_bytes().to_vec()),
    ] {
        let mut socket = Socket::open(events).await;
        socket.send(frame).await;
        socket.next().await;
    }
}
