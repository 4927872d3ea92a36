//! The whole flow with everything logged, faults included: nothing that is written down gives a secret away.

mod search;
mod traces;

use otp_dev::process::Signal;
use otp_dev::stack::Part;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Asked, Socket, System, VERIFICATIONS, code_in, eventually, other_code, send};
use search::Secrets;

/// So many digits are in no time stamp and in no count by chance.
const CODE_LENGTH: usize = 10;

/// A system whose every part logs all it can.
async fn talkative() -> System {
    System::with(|options| {
        let set = [
            // A bare level counts for our own crates; here libraries say all they can as well.
            ("OTP_LOG", "trace,otp_nats=trace"),
            ("OTP_CODE_LENGTH", "10"),
            ("OTP_LIMIT_IP", "off"),
            ("OTP_LIMIT_RECIPIENT", "off"),
            ("OTP_RESEND_COOLDOWN", "0"),
            ("OTP_CLOSE_SPREAD", "500ms"),
        ];
        for (name, value) in set {
            options.caller.set(name, value);
        }
    })
    .await
}

#[tokio::test]
async fn nothing_that_is_written_down_holds_a_secret() {
    let system = talkative().await;
    let mut secrets = Secrets::default();
    proved(&system, &mut secrets).await;
    faulty_clients(&system, &mut secrets).await;
    faulty_relay(&system, &mut secrets).await;
    restarts(&system, &mut secrets).await;
    ended(&system, &mut secrets).await;
    keys(&system, &mut secrets);

    traces::in_redis(&system, &secrets).await;
    traces::in_metrics(&system, &secrets).await;
    let logs = Part::SERVICES.map(|part| system.stack.log(part));
    let dir = system.end().await;
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

/// The keys themselves, which only their file may hold.
fn keys(system: &System, secrets: &mut Secrets) {
    let text = std::fs::read_to_string(system.stack.dir().join("keys.env")).expect("keys");
    let lines = text.lines().filter(|line| line.starts_with("OTP_"));
    let values = lines.filter_map(|line| line.split_once(':')).map(|(_, key)| key.trim_matches('"'));
    assert_eq!(values.map(|key| secrets.add("a key", key)).count(), 4, "one for each purpose");
}
