//! The production configuration's users: each service can do its work with what it is allowed, and no more than that.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use otp_dev::program::{Program, find_or_install};
use otp_dev::stack::Part;
use otp_dev::workspace;
use serde_json::{Value, json};

use crate::support::{Events, System, eventually};

/// What all services may say.
const EVERYBODYS: &str = "otp.expired.x";

/// nats-server with production's configuration and users.
struct Guarded {
    server: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Guarded {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let production = workspace::root().join("nats/server");
        let text = std::fs::read_to_string(production.join("nats-server.conf")).expect("the configuration");
        let store = folder.path().join("store");
        let text = text.replace("/var/lib/nats", &store.display().to_string());
        let text = text.replace("# include users.conf", "include users.conf");
        assert!(text.contains("\ninclude users.conf"), "the line to uncomment is there");
        let configuration = folder.path().join("nats-server.conf");
        std::fs::write(&configuration, text).expect("written");
        std::fs::copy(production.join("users.conf"), folder.path().join("users.conf")).expect("copied");
        let mut command = Command::new(find_or_install(Program::NatsServer).expect("nats-server"));
        for user in ["GATEWAY", "MAILER", "NOTIFIER", "OPERATOR"] {
            command.env(format!("OTP_NATS_{user}_PASSWORD"), format!("secret{}", user.to_lowercase()));
        }
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        command.arg("-c").arg(&configuration).args(["-a", "127.0.0.1", "-p", "-1"]);
        command.arg("--ports_file_dir").arg(folder.path());
        let server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("started");
        let port = eventually("nats-server's port", async || port_in(folder.path())).await;
        Self { server, port, folder }
    }

    fn url(&self, user: &str) -> String {
        format!("nats://{user}:secret{user}@127.0.0.1:{}", self.port)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).expect("the log")
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.server.kill().expect("killed");
        self.server.wait().expect("gone");
    }
}

/// The server writes which port it took as `{"nats": ["nats://127.0.0.1:4222"]}`.
fn port_in(folder: &Path) -> Option<u16> {
    let files = std::fs::read_dir(folder).ok()?.flatten().map(|file| file.path());
    let path = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "ports"))?;
    let ports: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    ports["nats"].get(0)?.as_str()?.rsplit(':').next()?.parse().ok()
}

#[tokio::test]
async fn every_service_works_with_the_permissions_of_production() {
    let nats = Guarded::start().await;
    let mut system = System::start().await;
    let mut added = Vec::new();
    for part in Part::SERVICES {
        added.push(system.stack.add(part, &[("OTP_NATS_URL", &nats.url(part.name()))]).await.expect("ready"));
    }
    let (gateway, notifier) = (added[0], added[2]);
    let gateway = format!("http://{}", system.stack.address(gateway).expect("an address"));
    let notifier = format!("ws://{}/v1/events", system.stack.address(notifier).expect("an address"));
    let post = async |path: &str, body: &Value| {
        let answer = system.client.post(format!("{gateway}{path}")).json(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };

    let (status, accepted) = post("/v1/verifications", &json!({"email": "ada@guarded.test"})).await;
    assert_eq!(status, 202, "{accepted}");
    let id = accepted["id"].as_str().expect("an id");
    let mut events = Events::connect(&notifier, &system.stack.file().gateway).await;
    events.subscribe(&accepted).await;
    events.until("sent").await;
    let code = system.inbox().code_for("ada@guarded.test").await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(post(&format!("/v1/verifications/{id}/check"), &json!({"code": wrong})).await.0, 422);
    assert_eq!(post(&format!("/v1/verifications/{id}/check"), &json!({"code": code})).await.0, 200);
    events.until("verified").await;
    let ticket = accepted["events"]["ticket"].as_str().expect("a ticket");
    let read = system.client.get(format!("{gateway}/v1/verifications/{id}")).bearer_auth(ticket).send().await;
    let read: Value = read.expect("an answer").json().await.expect("JSON");
    assert!(read["timeline"].as_array().is_some_and(|timeline| timeline.len() >= 3), "{read}");

    for instance in added {
        system.stack.remove(instance).await.expect("ended");
    }
    assert!(!nats.log().contains("Violation"), "{}", nats.log());
    system.stack.stop().await;
}

#[tokio::test]
async fn no_service_may_do_what_is_anothers() {
    let nats = Guarded::start().await;
    for (user, subject) in [
        ("notifier", "otp.verified.x"),
        ("mailer", "otp.requested.x"),
        ("gateway", "otp.sent.x"),
        ("gateway", "$JS.API.STREAM.PURGE.OTP_REQUESTS"),
        ("notifier", "$JS.API.CONSUMER.CREATE.OTP_REQUESTS.other"),
        ("mailer", "$JS.API.STREAM.CREATE.OTHER"),
    ] {
        let options = async_nats::ConnectOptions::with_user_and_password(user.to_owned(), format!("secret{user}"));
        let client = options.connect(format!("nats://127.0.0.1:{}", nats.port)).await.expect("connected");
        // Whoever finds first that the time is over says so.
        client.publish(EVERYBODYS, "".into()).await.expect("sent");
        client.publish(subject.to_owned(), "".into()).await.expect("sent");
        client.flush().await.expect("flushed");
        let line = format!("Publish Violation - User \"{user}\", Subject \"{subject}\"");
        // Newer servers put more between the two.
        let refused = |log: String| {
            log.lines().any(|said| said.contains("Violation") && said.contains(user) && said.contains(subject))
        };
        eventually(&line, async || refused(nats.log()).then_some(())).await;
    }
    assert!(!nats.log().contains(EVERYBODYS), "{}", nats.log());
    assert!(async_nats::connect(format!("nats://127.0.0.1:{}", nats.port)).await.is_err(), "nobody without a name");
}
