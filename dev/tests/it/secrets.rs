//! The whole flow with everything logged, faults included: nothing that is written down gives a secret away.

mod dumps;
mod misplaced;
mod quoting;
mod search;
mod traces;
mod types;

use std::path::Path;

use otp_dev::process::Signal;
use otp_dev::stack::Part;
use otp_gateway::apps::key::{KeyHash, KeyKind, fresh};
use otp_nats::keys::Key;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::observability::collector::Collector;
use crate::support::{Asked, Socket, System, VERIFICATIONS, code_in, eventually, other_code, report_link_in, send};
use misplaced::AppKeys;
use quoting::quoting;
use search::Secrets;

/// So many digits are in no time stamp and in no count by chance.
const CODE_LENGTH: usize = 10;
const COLLECTOR_KEY: &str = "Milliways-Table-For-Two";
const KEY_SETTINGS: [&str; 4] = ["OTP_SEAL_KEYS", "OTP_TICKET_KEYS", "OTP_HASH_KEYS", "OTP_SIGNING_KEYS"];

/// An application that is known by its keys alone.
fn application(folder: &Path) -> AppKeys {
    let [secret, publishable] = [KeyKind::Secret, KeyKind::Publishable].map(|kind| fresh(kind).expect("a key"));
    let hash = |key: &str| KeyHash::of(key).expect("a key").1;
    let text = format!(
        "[apps.shop]\nsecret_keys = [\"{}\"]\npublishable_keys = [\"{}\"]\nallowed_origins = [\"https://shop.test\"]\n",
        hash(&secret),
        hash(&publishable)
    );
    std::fs::write(folder.join("apps.toml"), text).expect("written");
    AppKeys { secret: secret.to_string(), publishable: publishable.to_string() }
}

/// A system whose every part logs all it can; keys are in files, as they should be.
async fn talkative(folder: &Path, collector: &str) -> System {
    let apps = folder.join("apps.toml").display().to_string();
    let headers = folder.join("headers").display().to_string();
    System::with(|options| {
        options.caller.set("OTP_APPS_FILE", &apps);
        options.caller.set("OTP_CORE_DUMPS", "true");
        for name in KEY_SETTINGS {
            let bytes: [u8; 32] = rand::random();
            let key = Key::new("k1", bytes).expect("a key");
            let path = folder.join(name);
            std::fs::write(&path, key.to_setting().as_bytes()).expect("written");
            options.caller.set(&format!("{name}_FILE"), &path.display().to_string());
        }
        let set = [
            // A bare level counts for our own crates; here libraries say all they can as well.
            ("OTP_LOG", "trace,otp_nats=trace"),
            ("OTP_CODE_LENGTH", "10"),
            ("OTP_LIMIT_IP", "off"),
            ("OTP_LIMIT_RECIPIENT", "off"),
            ("OTP_RESEND_COOLDOWN", "0"),
            ("OTP_CLOSE_SPREAD", "500ms"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector),
            ("OTEL_EXPORTER_OTLP_HEADERS_FILE", &headers),
        ];
        for (name, value) in set {
            options.caller.set(name, value);
        }
    })
    .await
}

#[tokio::test]
async fn nothing_that_is_written_down_holds_a_secret() {
    let folder = tempfile::tempdir().expect("a directory");
    let app = application(folder.path());
    let (collector, url) = Collector::start().await;
    std::fs::write(folder.path().join("headers"), format!("authorization=Bearer%20{COLLECTOR_KEY}")).expect("written");
    let mut system = talkative(folder.path(), &url).await;
    let mut secrets = Secrets::default();
    secrets.add("what lets one in at the collector", COLLECTOR_KEY);
    proved(&system, &mut secrets).await;
    faulty_clients(&system, &mut secrets).await;
    reported(&system, &mut secrets).await;
    misplaced::all_over(&system, &mut secrets, &app).await;
    faulty_relay(&system, &mut secrets).await;
    quoting_relay(&mut system, &mut secrets).await;
    restarts(&system, &mut secrets).await;
    ended(&system, &mut secrets).await;
    keys(folder.path(), &mut secrets);

    traces::in_processes(&system, &secrets);
    passwords(&system, &mut secrets);
    traces::in_command_lines(&system, &secrets);
    traces::in_redis(&system, &secrets).await;
    traces::in_metrics(&system, &secrets).await;
    let logs = Part::SERVICES.map(|part| system.stack.log(part));
    let dir = system.end().await;
    // All of them are there now: services send what waits when they end.
    traces::in_traces(&collector.text(), &secrets);
    for log in logs {
        let text = std::fs::read_to_string(&log).expect("a log");
        assert!(text.contains("TRACE"), "{} does not log all it can", log.display());
    }
    traces::in_files(dir.path(), &secrets);
}

/// Asks for a verification, whose address and ticket are secret from now on.
async fn ask(system: &System, secrets: &mut Secrets, body: &Value) -> Asked {
    secrets.add_address(body["email"].as_str().expect("an address"));
    let request = system.api().request(Method::POST, VERIFICATIONS).header("idempotency-key", "once-\"").json(body);
    drop(send(request).await);
    let asked = system.api().ask(body).await.accepted();
    secrets.add("a ticket", &asked.ticket);
    asked
}

/// The code in the newest mail to an address, once there are so many mails.
async fn code(system: &System, secrets: &mut Secrets, address: &str, mails: usize) -> String {
    let mails = eventually(&format!("{mails} mails"), async || {
        let found = system.inbox().to(address).await;
        (found.len() >= mails).then_some(found)
    })
    .await;
    let code = code_in(&mails[0], CODE_LENGTH);
    secrets.add("a code", &code);
    code
}

/// A person who mistypes, asks again, and proves an address before an application's eyes.
async fn proved(system: &System, secrets: &mut Secrets) {
    let address = "Zaphod.Beeblebrox+Heart@secrets.test";
    let key = "a-key-of-the-application";
    let body = json!({"email": address, "purpose": "login", "metadata": {"order": 1}});
    secrets.add_address(address);
    let request = || system.api().request(Method::POST, VERIFICATIONS).header("idempotency-key", key).json(&body);
    let asked = send(request()).await.accepted();
    assert_eq!(send(request()).await.accepted().id, asked.id);
    secrets.add("a ticket", &asked.ticket);
    let mut socket = Socket::watching(&system.stack.file().events, &asked).await;
    socket.until("sent").await;
    let right = code(system, secrets, address, 1).await;
    secrets.add("a guess", &other_code(&right));
    system.api().check(&asked.id, &other_code(&right)).await.problem(422, "incorrect-code");
    let again = system.api().resend(&asked.id).await.accepted();
    secrets.add("a ticket", &again.ticket);
    code(system, secrets, address, 2).await;
    assert_eq!(system.api().read(&asked.id, Some(&asked.ticket)).await.status, 200);
    let verified = system.api().check(&asked.id, &right).await;
    secrets.add("a proof", verified.body["token"].as_str().expect("a token"));
    system.api().check(&asked.id, &right).await.problem(410, "already-used");
    socket.rest().await;
}

/// A recipient who asked for nothing, and whoever guesses at the link.
async fn reported(system: &System, secrets: &mut Secrets) {
    let address = "Random.Frequent-Flyer@secrets.test";
    let asked = ask(system, secrets, &json!({"email": address})).await;
    code(system, secrets, address, 1).await;
    let link = report_link_in(&system.inbox().wait_for(address).await);
    let token = link.split_once('#').expect("a token").1;
    // The id alone is no secret.
    secrets.add("the keyed hash of a report", token.split_once('.').expect("a hash").1);
    let api = system.api();
    let report = async |token: &str| api.post("/v1/reports", &json!({"token": token, "pause": true})).await;
    secrets.add("a guess at a report", "Krikkit-Wikkit-Gate-Guess");
    report(&format!("{}.Krikkit-Wikkit-Gate-Guess", asked.id)).await.problem(422, "invalid-report");
    send(api.request(Method::GET, &format!("/report?{}", asked.id))).await;
    assert_eq!(report(token).await.status, 204);
    assert_eq!(report(token).await.status, 204);
    // What comes next fails at the mailer, which logs why.
    let next = ask(system, secrets, &json!({"email": address})).await;
    Socket::watching(&system.stack.file().events, &next).await.until("failed").await;
}

/// Requests that are refused: a refusal is where one likes to log what came.
async fn faulty_clients(system: &System, secrets: &mut Secrets) {
    let api = system.api();
    secrets.add_address("Ford.Prefect@nxdomain.test");
    api.ask(&json!({"email": "Ford.Prefect@nxdomain.test"})).await.problem(422, "undeliverable-domain");
    secrets.add_address("Arthur.Dent@servfail.test");
    api.ask(&json!({"email": "Arthur.Dent@servfail.test"})).await.accepted();
    for malformed in ["Tricia.McMillan@@secrets.test", "Tricia.McMillan"] {
        secrets.add("an address", "tricia.mcmillan");
        api.ask(&json!({"email": malformed})).await.problem(422, "invalid-email");
        api.ask(&json!({"email": malformed, "extra": 1})).await.problem(400, "malformed-request");
        let cut = format!("{{\"email\": \"{malformed}");
        let request = api.request(Method::POST, VERIFICATIONS).header("content-type", "application/json").body(cut);
        send(request).await.problem(400, "malformed-request");
    }
    let asked = ask(system, secrets, &json!({"email": "Slarti.Bartfast@secrets.test"})).await;
    let other = ask(system, secrets, &json!({"email": "Marvin.Paranoid@secrets.test"})).await;
    api.read(&asked.id, Some(&other.ticket)).await.problem(401, "unauthorized");
    let mut socket = Socket::open(&system.stack.file().events).await;
    socket.subscribe(&asked.id, &other.ticket, None).await;
    socket.next().await;
    let malformed = json!({"type": "subscribe", "id": 5, "ticket": asked.ticket}).to_string();
    socket.send(Message::text(malformed)).await;
    socket.next().await;
    secrets.add("a guess", "Vogon-Poetry-42");
    api.check(&asked.id, "Vogon-Poetry-42").await.problem(422, "incorrect-code");
}

/// Mails that a relay refuses, defers or loses.
async fn faulty_relay(system: &System, secrets: &mut Secrets) {
    let ends = [
        ("fail550+Eccentrica@secrets.test", "failed"),
        ("reject-data+Gallumbits@secrets.test", "failed"),
        ("drop+Oolon@secrets.test", "deferred"),
        ("defer-once+Colluphid@secrets.test", "sent"),
    ];
    for (address, end) in ends {
        let asked = ask(system, secrets, &json!({"email": address})).await;
        Socket::watching(&system.stack.file().events, &asked).await.until(end).await;
    }
    code(system, secrets, "defer-once+Colluphid@secrets.test", 1).await;
    for tag in ["eccentrica", "gallumbits", "oolon", "colluphid"] {
        secrets.add("a local part", tag);
    }
}

/// A relay that repeats address and code, whatever it does with the mail.
async fn quoting_relay(system: &mut System, secrets: &mut Secrets) {
    let relay = quoting(CODE_LENGTH).await;
    let quoted = system.stack.add(Part::Mailer, &[("OTP_SMTP_URL", &relay.url)]).await.expect("a second mailer");
    system.stack.hold(Part::Mailer, Signal::Terminate).await.expect("held");
    for (address, end) in [
        ("Taken.Vroomfondel@secrets.test", "sent"),
        ("Deferred.Majikthise@secrets.test", "deferred"),
        ("Refused.Lunkwill@secrets.test", "failed"),
    ] {
        secrets.add_address(address);
        let asked = ask(system, secrets, &json!({"email": address})).await;
        let said = Socket::watching(&system.stack.file().events, &asked).await.until(end).await;
        // The code is nobody's to know here, but ten digits in a row in a reply can be nothing else.
        let reply = said.last().expect("events").to_string();
        let runs = reply.split(|letter: char| !letter.is_ascii_digit());
        assert!(runs.into_iter().all(|digits| digits.len() < CODE_LENGTH), "{reply}");
        if end == "deferred" {
            assert_eq!(system.api().cancel(&asked.id, Some(&asked.ticket)).await.status, 204);
        }
    }
    let log = std::fs::read_to_string(system.stack.log(quoted)).expect("a log");
    assert!(!log.contains("looks like TAKEN") && !log.contains("looks like REFUSED"), "a reply in the log");
    system.stack.remove(quoted).await.expect("ended");
    system.stack.release(Part::Mailer).await.expect("ready");
}

/// Servers that go away under requests and checks, and come back.
async fn restarts(system: &System, secrets: &mut Secrets) {
    let address = "Agrajag.Reborn@secrets.test";
    let asked = ask(system, secrets, &json!({"email": address})).await;
    let right = code(system, secrets, address, 1).await;
    for server in Part::SERVERS {
        system.stack.hold(server, Signal::Terminate).await.expect("held");
        let refused = format!("Fenchurch.{server:?}@secrets.test");
        secrets.add_address(&refused);
        system.api().ask(&json!({"email": refused})).await.problem(503, "unavailable");
        drop(system.api().check(&asked.id, &other_code(&right)).await);
        system.stack.release(server).await.expect("released");
        for part in Part::SERVICES {
            system.stack.ready(part).await.expect("ready again");
        }
    }
    system.stack.restart(Part::Mailer).await.expect("ready");
    assert_eq!(system.api().check(&asked.id, &right).await.status, 200);
}

/// The other ends that a verification can have.
async fn ended(system: &System, secrets: &mut Secrets) {
    let asked = ask(system, secrets, &json!({"email": "Deep.Thought@secrets.test"})).await;
    code(system, secrets, "Deep.Thought@secrets.test", 1).await;
    assert_eq!(system.api().cancel(&asked.id, Some(&asked.ticket)).await.status, 204);
    let asked = ask(system, secrets, &json!({"email": "Prostetnic.Jeltz@secrets.test"})).await;
    let right = code(system, secrets, "Prostetnic.Jeltz@secrets.test", 1).await;
    for _ in 0..5 {
        system.api().check(&asked.id, &other_code(&right)).await.problem(422, "incorrect-code");
    }
    Socket::watching(&system.stack.file().events, &asked).await.until("locked").await;
}

/// The keys themselves, which only their files may hold.
fn keys(folder: &Path, secrets: &mut Secrets) {
    for name in KEY_SETTINGS {
        let text = std::fs::read_to_string(folder.join(name)).expect("a key");
        secrets.add("a key", text.split_once(':').expect("a key with its id").1);
    }
}

/// What services log in with at NATS and Redis.
fn passwords(system: &System, secrets: &mut Secrets) {
    let folder = system.stack.dir().join("secrets");
    for user in ["nats-gateway", "nats-mailer", "nats-notifier", "redis-gateway"] {
        let password = std::fs::read_to_string(folder.join(user).join("password")).expect("a password");
        secrets.add("a password", password.trim());
    }
}
