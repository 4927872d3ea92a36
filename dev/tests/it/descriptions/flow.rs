//! Every operation with every answer that it can give.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use futures_util::future::join_all;
use otp_dev::process::Signal;
use otp_dev::stack::Part;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::Keys;
use super::book::{Book, Call};
use crate::support::{Answer, Api, Asked, System, VERIFICATIONS, eventually, other_code, report_link_in, send};

/// Well formed, and never made by anybody.
const NOBODY: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const REPORTS: &str = "/v1/reports";
const CHALLENGE: &str = "/v1/challenge";
/// Requests until a limit that counts some tens must have refused one.
const MANY: usize = 60;
/// Requests under way at any time: together many more than the flood gate lets through.
const FLOOD: usize = 64;

/// What a test of the descriptions goes through.
pub(super) struct Flow<'a> {
    pub(super) system: &'a System,
    pub(super) book: &'a Book,
    pub(super) keys: &'a Keys,
}

impl Flow<'_> {
    fn api(&self, from: &str) -> Api {
        self.system.api().from(from)
    }

    fn of(id: &str, what: &str) -> String {
        format!("{VERIFICATIONS}/{id}{what}")
    }

    fn create<'a>(&'a self, api: &'a Api, body: &Value) -> Call<'a> {
        self.book.call(api, Method::POST, VERIFICATIONS).body(body)
    }

    async fn asked(&self, api: &Api, email: &str) -> Asked {
        self.create(api, &json!({"email": email})).send().await.accepted()
    }

    async fn check(&self, api: &Api, id: &str, code: &str) -> Answer {
        self.book.call(api, Method::POST, &Self::of(id, "/check")).body(&json!({"code": code})).send().await
    }

    async fn resend(&self, api: &Api, id: &str) -> Answer {
        self.book.call(api, Method::POST, &Self::of(id, "/resend")).send().await
    }

    async fn with_ticket(&self, api: &Api, method: Method, asked: &Asked) -> Answer {
        self.book.call(api, method, &Self::of(&asked.id, "")).bearer(&asked.ticket).send().await
    }

    /// What stands behind the `#` of the link in the mail to this address.
    async fn report_token(&self, email: &str) -> String {
        let link = report_link_in(&self.system.inbox().wait_for(email).await);
        link.split_once('#').expect("a token").1.to_owned()
    }

    /// As the page of the application that wants proof of work.
    fn careful<'c>(&self, call: Call<'c>) -> Call<'c> {
        call.bearer(&self.keys.careful).header("origin", "https://careful.test")
    }

    /// A person's way to the proof.
    pub(super) async fn lives(&self) {
        let api = self.api("203.0.113.10");
        let body = json!({"email": "ada@described.test", "purpose": "login", "locale": "de", "metadata": {"a": [1, null]}, "altcha": null});
        let request = |body: &Value| self.create(&api, body).header("idempotency-key", "once");
        let traced = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let first = request(&body).header("traceparent", traced).send().await.accepted();
        let spoken = json!({"email": "eda@described.test"});
        self.create(&api, &spoken).header("accept-language", "de, en;q=0.5").send().await.accepted();
        assert_eq!(request(&body).send().await.accepted().id, first.id);
        request(&json!({"email": "ida@described.test"})).send().await.problem(422, "idempotency-key-reused");
        let bad = self.create(&api, &body).header("idempotency-key", "\"").send().await;
        bad.problem(400, "invalid-idempotency-key");
        let code = self.system.inbox().code_for("ada@described.test").await;
        self.check(&api, &first.id, &other_code(&code)).await.problem(422, "incorrect-code");
        assert_eq!(self.with_ticket(&api, Method::GET, &first).await.status, 200);
        self.resend(&api, &first.id).await.accepted();
        assert_eq!(self.check(&api, &first.id, &code).await.status, 200);
        self.check(&api, &first.id, &code).await.problem(410, "already-used");
        let reads = join_all((0..MANY).map(|_| self.with_ticket(&api, Method::GET, &first))).await;
        reads.iter().find(|answer| answer.status == 429).expect("too many reads").problem(429, "rate-limited");
    }

    /// The other ends.
    pub(super) async fn endings(&self) {
        let api = self.api("203.0.113.11");
        let canceled = self.asked(&api, "canceled@described.test").await;
        assert_eq!(self.with_ticket(&api, Method::DELETE, &canceled).await.status, 204);
        self.check(&api, &canceled.id, "000000").await.problem(410, "canceled");
        self.resend(&api, &canceled.id).await.problem(410, "canceled");
        let older = self.asked(&api, "superseded@described.test").await;
        self.asked(&api, "superseded@described.test").await;
        self.check(&api, &older.id, "000000").await.problem(410, "superseded");
        let locked = self.asked(&api, "locked@described.test").await;
        let code = self.system.inbox().code_for("locked@described.test").await;
        for _ in 0..5 {
            self.check(&api, &locked.id, &other_code(&code)).await.problem(422, "incorrect-code");
        }
        self.check(&api, &locked.id, &code).await.problem(429, "attempts-exhausted");
        self.resend(&api, &locked.id).await.problem(429, "attempts-exhausted");
    }

    /// What is wrong with requests.
    pub(super) async fn refusals(&self) {
        let api = self.api("203.0.113.12");
        let asked = self.asked(&api, "refused@described.test").await;
        let check = Self::of(&asked.id, "/check");
        let whole = [
            (VERIFICATIONS, json!({"email": "a@described.test"})),
            (&check, json!({"code": "1"})),
            (REPORTS, json!({"token": "x"})),
        ];
        for (path, body) in &whole {
            let call = || self.book.call(&api, Method::POST, path);
            let name = body.as_object().and_then(|members| members.keys().next()).expect("a member");
            for wrong in [
                json!({}),
                json!([]),
                json!({name: 1}),
                json!({name: null}),
                json!({name: "x", "more": 1}),
                json!(["x", null, null, null, null]),
            ] {
                call().body(&wrong).send().await.problem(400, "malformed-request");
            }
            call().raw("application/json", b"{".to_vec()).await.problem(400, "malformed-request");
            call().raw("text/plain", body.to_string().into_bytes()).await.problem(415, "unsupported-media-type");
            call().raw("application/json", vec![b' '; 17 * 1024]).await.problem(413, "payload-too-large");
        }
        for wrong in [
            json!({"email": "a@b.test", "purpose": ""}),
            json!({"email": "a@b.test", "purpose": "a b"}),
            json!({"email": "a@b.test", "locale": "de_DE"}),
            json!({"email": "a@b.test", "metadata": {"a": "x".repeat(2048)}}),
            json!({"email": "a@b.test", "metadata": 1}),
        ] {
            self.create(&api, &wrong).send().await.problem(400, "malformed-request");
        }
        for (email, slug) in [
            ("nobody", "invalid-email"),
            ("a@nxdomain.test", "undeliverable-domain"),
            ("a@throwaway.test", "disposable-domain"),
        ] {
            self.create(&api, &json!({"email": email})).send().await.problem(422, slug);
        }
        for (method, what) in
            [(Method::POST, "/check"), (Method::POST, "/resend"), (Method::GET, ""), (Method::DELETE, "")]
        {
            let body = json!({"code": "1"});
            let call = |id: &str| {
                let call = self.book.call(&api, method.clone(), &Self::of(id, what));
                if what == "/check" { call.body(&body) } else { call }
            };
            call(NOBODY).bearer(&asked.ticket).send().await.problem(404, "not-found");
            call("nothing").bearer(&asked.ticket).send().await.problem(404, "not-found");
            call(&asked.id).bearer("otp_sk_nobody").send().await.problem(401, "unauthorized");
        }
        self.create(&api, &whole[0].1).bearer("otp_pk_nobody").send().await.problem(401, "unauthorized");
        self.book.call(&api, Method::GET, CHALLENGE).bearer("otp_pk_nobody").send().await.problem(401, "unauthorized");
        self.book.call(&api, Method::PUT, VERIFICATIONS).send().await.problem(405, "method-not-allowed");
        self.book.call(&api, Method::GET, "/v1/nothing").send().await.problem(404, "not-found");
    }

    /// Keys of applications.
    pub(super) async fn applications(&self) {
        let api = self.api("203.0.113.13");
        let body = json!({"email": "app@described.test"});
        let ours = || self.create(&api, &body).bearer(&self.keys.page).header("origin", "https://page.test");
        let asked = ours().send().await.accepted();
        let paths = [VERIFICATIONS.to_owned(), Self::of(&asked.id, "/check"), Self::of(&asked.id, "/resend")];
        let bodies = [Some(body.clone()), Some(json!({"code": "1"})), None];
        for (path, body) in paths.iter().zip(&bodies) {
            let call = || {
                let call = self.book.call(&api, Method::POST, path);
                body.iter().fold(call, Call::body)
            };
            let elsewhere = call().bearer(&self.keys.page).header("origin", "https://elsewhere.test");
            elsewhere.send().await.problem(403, "origin-not-allowed");
            let nowhere = call().bearer(&self.keys.brief).header("otp-client-ip", "nowhere");
            nowhere.send().await.problem(400, "malformed-request");
        }
        let challenge = || self.book.call(&api, Method::GET, CHALLENGE);
        challenge().bearer(&self.keys.page).send().await.problem(403, "origin-not-allowed");
        challenge()
            .bearer(&self.keys.brief)
            .header("otp-client-ip", "nowhere")
            .send()
            .await
            .problem(400, "malformed-request");
        assert_eq!(challenge().send().await.status, 200);
        assert_eq!(self.careful(challenge()).send().await.status, 200);
        self.careful(self.create(&api, &body)).send().await.problem(428, "proof-of-work-required");
        let nonsense = json!({"email": "app@described.test", "altcha": "nonsense"});
        self.careful(self.create(&api, &nonsense)).send().await.problem(422, "invalid-proof-of-work");
        let server = self.create(&api, &body).bearer(&self.keys.brief).header("otp-client-ip", "198.51.100.7");
        server.send().await.accepted();
    }

    /// Codes that nobody asked for.
    pub(super) async fn reports(&self) {
        let api = self.api("203.0.113.14");
        let asked = self.asked(&api, "reported@described.test").await;
        let token = self.report_token("reported@described.test").await;
        let report = |token: &str| {
            self.book.call(&api, Method::POST, REPORTS).body(&json!({"token": token, "pause": true})).send()
        };
        assert_eq!(report(&token).await.status, 204);
        report("nothing").await.problem(422, "invalid-report");
        self.check(&api, &asked.id, "000000").await.problem(410, "canceled");
        let again = join_all((0..MANY).map(|_| report(&token))).await;
        again.iter().find(|answer| answer.status == 429).expect("too many reports").problem(429, "rate-limited");
    }

    /// Keys, health and the descriptions.
    pub(super) async fn service(&self) {
        let api = self.api("203.0.113.15");
        for path in ["/.well-known/jwks.json", "/health", "/ready", "/openapi.json", "/asyncapi.json"] {
            let answer = self.book.call(&api, Method::GET, path).send().await;
            assert_eq!(answer.status, 200, "{path}");
            if let Some(tag) = answer.header("etag") {
                assert_eq!(
                    self.book.call(&api, Method::GET, path).header("if-none-match", tag).send().await.status,
                    304
                );
            }
        }
    }

    /// One network that asks for too much of everything.
    pub(super) async fn floods(&self) {
        let api = self.api("203.0.113.16");
        let asked = self.asked(&api, "flooded@described.test").await;
        let owned = Self::of(&asked.id, "");
        let calls = [
            (Method::POST, VERIFICATIONS),
            (Method::DELETE, &owned),
            (Method::GET, CHALLENGE),
            (Method::GET, "/.well-known/jwks.json"),
            (Method::GET, "/health"),
            (Method::GET, "/ready"),
            (Method::GET, "/openapi.json"),
            (Method::GET, "/asyncapi.json"),
        ];
        // All the while: on a slow machine the gate would let one through again as soon as the flood stopped for it.
        let flood = join_all((0..FLOOD).map(async |_| {
            loop {
                send(api.request(Method::GET, "/health")).await;
            }
        }));
        let meet = async {
            for (method, path) in calls {
                self.is_held_up(&api, &asked, &owned, (method, path)).await;
            }
        };
        tokio::select! {
            () = meet => {}
            _ = flood => unreachable!("a flood without an end"),
        }
    }

    /// Calls until the gate answers.
    async fn is_held_up(&self, api: &Api, asked: &Asked, owned: &str, (method, path): (Method, &str)) {
        eventually(&format!("the gate before {method} {path}"), async || {
            let call = self.book.call(api, method.clone(), path);
            let call = match path {
                VERIFICATIONS => call.body(&json!({"email": "flood@described.test"})),
                path if path == owned => call.bearer(&asked.ticket),
                _ => call,
            };
            let answer = call.send().await;
            (answer.status == 429).then(|| answer.problem(429, "rate-limited").status)
        })
        .await;
    }

    /// Whoever begins to say something and does not go on.
    pub(super) async fn bodies_that_do_not_come(&self) -> io::Result<()> {
        let gateway = self.system.stack.file().gateway.clone();
        let asked = self.asked(&self.api("203.0.113.17"), "slow@described.test").await;
        let paths = [VERIFICATIONS.to_owned(), Self::of(&asked.id, "/check"), REPORTS.to_owned()];
        let waits = paths.iter().map(|path| {
            let (address, path) = (gateway.trim_start_matches("http://").to_owned(), path.clone());
            tokio::task::spawn_blocking(move || half_a_request(&address, &path))
        });
        let api = self.api("203.0.113.17");
        for (answer, path) in join_all(waits).await.into_iter().zip(&paths) {
            let answer = answer.map_err(io::Error::other)??;
            answer.problem(408, "request-timeout");
            self.book.call(&api, Method::POST, path).answered(&answer);
        }
        Ok(())
    }

    /// Redis away, then NATS.
    pub(super) async fn without_servers(&self) {
        let (stack, api) = (&self.system.stack, self.api("203.0.113.18"));
        let asked = self.asked(&api, "away@described.test").await;
        let token = self.report_token("away@described.test").await;

        stack.hold(Part::Redis, Signal::Terminate).await.expect("held");
        let away = "unavailable";
        self.create(&api, &json!({"email": "away@described.test"})).send().await.problem(503, away);
        self.check(&api, &asked.id, "000000").await.problem(503, away);
        self.resend(&api, &asked.id).await.problem(503, away);
        self.with_ticket(&api, Method::GET, &asked).await.problem(503, away);
        self.with_ticket(&api, Method::DELETE, &asked).await.problem(503, away);
        let report = self.book.call(&api, Method::POST, REPORTS).body(&json!({"token": token}));
        report.send().await.problem(503, away);
        self.careful(self.book.call(&api, Method::GET, CHALLENGE)).send().await.problem(503, away);
        assert_eq!(self.book.call(&api, Method::GET, "/ready").send().await.status, 503);
        stack.release(Part::Redis).await.expect("released");
        stack.ready(Part::Gateway).await.expect("ready again");

        // A request waits for NATS, and the same request comes once more meanwhile.
        stack.hold(Part::Nats, Signal::Terminate).await.expect("held");
        let body = json!({"email": "conflict@described.test"});
        let request = || self.create(&api, &body).header("idempotency-key", "conflict").send();
        let both = join_all([request(), request()]).await;
        assert!(both.iter().any(|answer| answer.status == 409), "{both:?}");
        for answer in both {
            if answer.status == 409 {
                answer.problem(409, "idempotency-conflict");
            } else {
                answer.problem(503, away);
            }
        }
        stack.release(Part::Nats).await.expect("released");
        for part in Part::SERVICES {
            stack.ready(part).await.expect("ready again");
        }
    }

    /// What Redis has lost is over.
    pub(super) async fn forgotten(&self) {
        let api = self.api("203.0.113.19");
        let asked = self.asked(&api, "forgotten@described.test").await;
        let mut redis = self.system.stack.file().redis_client().expect("a client").get_connection().expect("connected");
        redis::cmd("FLUSHALL").query::<()>(&mut redis).expect("emptied");
        self.check(&api, &asked.id, "000000").await.problem(410, "expired");
        self.resend(&api, &asked.id).await.problem(410, "expired");
        self.with_ticket(&api, Method::GET, &asked).await.problem(410, "expired");
    }
}

/// Sends the head of a request with a body that never comes, and reads what is answered.
fn half_a_request(address: &str, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{{"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut lines = head.lines();
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(": "))
        .filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?)))
        .collect();
    let body_value = serde_json::from_str(body).unwrap_or_default();
    Ok(Answer { status, headers, text: body.to_owned(), body: body_value })
}
