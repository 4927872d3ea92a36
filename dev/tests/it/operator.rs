//! The operator's pages: every command on them runs as it stands there, and gives nothing away.

mod contexts;
mod pause;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use otp_dev::process::Signal;
use otp_dev::stack::Part;
use tokio::io::AsyncReadExt as _;

use crate::support::{Asked, System, code_in, eventually, names, other_code};

/// The pages, relative to this package, each with the fewest commands that it has.
const PAGES: [(&str, usize); 2] = [
    // Second: at its end dead letters are purged.
    (concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATIONS.md"), 7),
    (concat!(env!("CARGO_MANIFEST_DIR"), "/../nats/ops/README.md"), 16),
];
/// What nats-server has learnt after 2.9: a test of its own runs it on a newer one.
const NEWER_ONLY: [&str; 2] = ["nats consumer pause ", "nats consumer resume "];
/// What is about the person's own files.
const CONTEXT: &str = "nats context ";
/// Longest run of a command; each answers at once on a machine at rest.
const COMMAND_MAX: Duration = Duration::from_secs(30);

/// So many digits are in no time stamp and in no count by chance.
const CODE_LENGTH: usize = 10;

/// Where the `nats` CLI is: on the path, or where Go installs it.
fn cli() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let go = std::env::var_os("GOPATH").map(|go| PathBuf::from(go).join("bin"));
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join("go/bin"));
    std::env::split_paths(&path).chain(go).chain(home).map(|folder| folder.join("nats")).find(|file| file.is_file())
}

/// The lines of the `sh` blocks of a page.
fn lines(page: &str) -> Vec<String> {
    let page = std::fs::read_to_string(page).expect("the page");
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    blocks.flat_map(str::lines).map(|line| line.trim().to_owned()).collect()
}

/// The `nats` commands of a page that run on every server.
fn commands(page: &str) -> Vec<String> {
    let elsewhere = |line: &str| line.starts_with(CONTEXT) || NEWER_ONLY.iter().any(|start| line.starts_with(start));
    lines(page).into_iter().filter(|line| line.starts_with("nats ") && !elsewhere(line)).collect()
}

/// The path on which the CLI is found.
fn path_with(cli: &Path) -> String {
    let folder = cli.parent().expect("a folder").display();
    format!("{folder}:{}", std::env::var_os("PATH").unwrap_or_default().to_string_lossy())
}

/// An operator's shell, in which `$ID` is the verification in question.
struct Shell<'s> {
    system: &'s System,
    path: String,
    home: &'s Path,
}

impl Shell<'_> {
    fn command(&self, line: &str, id: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).env("NATS_URL", self.system.stack.file().nats).env("ID", id);
        // No context that the person running this may have set.
        command.env("PATH", &self.path).env("HOME", self.home).env("XDG_CONFIG_HOME", self.home).stdin(Stdio::null());
        command.current_dir(self.home);
        command
    }

    async fn run(&self, line: &str, id: &str) -> String {
        let running = tokio::process::Command::from(self.command(line, id)).kill_on_drop(true).output();
        let Output { status, stdout, stderr } = tokio::time::timeout(COMMAND_MAX, running)
            .await
            .unwrap_or_else(|_| panic!("{line} does not end"))
            .expect("sh");
        let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{line}: {said}");
        said
    }

    /// Runs a command that never ends until it has shown what happens to a new verification.
    async fn watch(&self, line: &str, address: &str) -> String {
        // Its own process is what is to be ended, not a shell around it.
        let mut command = tokio::process::Command::from(self.command(&format!("exec {line}"), ""));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("sh");
        let (mut out, mut err) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        let mut said = String::new();
        let (mut one, mut other) = ([0; 4096], [0; 4096]);
        // It says that it subscribes before it has subscribed, so that the first request may be missed.
        let mut requests = tokio::time::interval(Duration::from_secs(1));
        let watched = async {
            while !expected(line).iter().all(|text| said.contains(text)) {
                let read = tokio::select! {
                    read = out.read(&mut one) => one.get(..read.expect("read")).map(<[u8]>::to_vec),
                    read = err.read(&mut other) => other.get(..read.expect("read")).map(<[u8]>::to_vec),
                    _ = requests.tick() => {
                        self.system.api().accepted(address).await;
                        continue;
                    }
                };
                let read = read.filter(|read| !read.is_empty()).unwrap_or_else(|| panic!("{line} ended: {said}"));
                said.push_str(&String::from_utf8_lossy(&read));
            }
        };
        tokio::time::timeout(COMMAND_MAX, watched).await.unwrap_or_else(|_| panic!("{line} shows nothing"));
        child.kill().await.expect("killed");
        said
    }
}

/// What a page is looked up for.
struct Lives {
    /// A verification with a whole life.
    proved: Asked,
    /// One that the relay refused.
    refused: Asked,
    /// One that a mailer with other keys gave up.
    unread: Asked,
    /// What no command may show.
    secrets: Vec<String>,
}

async fn lives(system: &mut System) -> Lives {
    let unread = unread(system, "agrajag@operator.test").await;
    let api = system.api();
    let proved = api.accepted("trillian.astra@operator.test").await;
    let code = code_in(&system.inbox().wait_for("trillian.astra@operator.test").await, CODE_LENGTH);
    api.check(&proved.id, &other_code(&code)).await.problem(422, "incorrect-code");
    assert_eq!(api.check(&proved.id, &code).await.status, 200);
    let refused = api.accepted("fail550+lunkwill@operator.test").await;
    until_status(system, &refused, "failed").await;
    api.accepted("defer451+fook@operator.test").await;
    let secrets = ["trillian", "lunkwill", "fook", "majikthise", "agrajag", &code, &other_code(&code)];
    Lives { proved, refused, unread, secrets: secrets.map(str::to_owned).to_vec() }
}

/// A verification that is given up because the mailer's keys are not the gateway's, until a mailer with the right ones
/// is back.
async fn unread(system: &mut System, address: &str) -> Asked {
    system.stack.hold(Part::Mailer, Signal::Terminate).await.expect("held");
    let keys = format!("other:{}", data_encoding::BASE64.encode(&rand::random::<[u8; 32]>()));
    let strange = system.stack.add(Part::Mailer, &[("OTP_SEAL_KEYS", &keys)]).await.expect("a mailer");
    let asked = system.api().accepted(address).await;
    until_status(system, &asked, "failed").await;
    system.stack.remove(strange).await.expect("removed");
    system.stack.release(Part::Mailer).await.expect("released");
    asked
}

async fn until_status(system: &System, asked: &Asked, status: &str) {
    eventually(status, async || {
        let read = system.api().read(&asked.id, Some(&asked.ticket)).await;
        (read.body["status"] == status).then_some(())
    })
    .await;
}

/// What a command has to show, by what it starts with.
fn expected(command: &str) -> &'static [&'static str] {
    match command {
        _ if command.contains("| nats req") => &["\"stream\":\"OTP_REQUESTS\""],
        _ if command.ends_with("uniq -c") => &["1 refused", "1 unreadable"],
        _ if command.starts_with("nats sub --stream OTP_EVENTS") => &["\"reason\":\"busy\"", "next_attempt_at"],
        _ if command.starts_with("nats sub --stream OTP_DEAD") => {
            &["\"reason\":\"refused\"", "\"reason\":\"unreadable\""]
        }
        _ if command.starts_with("nats stream ls") => &["OTP_REQUESTS", "OTP_EVENTS", "OTP_DEAD"],
        _ if command.starts_with("nats stream info OTP_REQUESTS") => {
            &["Messages: 1", "First Sequence: ", "otp.requested.*"]
        }
        _ if command.starts_with("nats consumer info") => &["Outstanding Acks: 1", "Unprocessed Messages: 0"],
        _ if command.starts_with("nats sub") => &["otp.requested.", "otp.processing.", "otp.sent.", "sealed"],
        _ if command.starts_with("nats stream subjects OTP_EVENTS") => &["processing", "sent", "rejected", "verified"],
        _ if command.starts_with("nats stream get OTP_EVENTS") => &["\"event\":\"sent\"", "250 "],
        _ if command.starts_with("nats stream subjects OTP_DEAD") => &["otp.dead."],
        _ if command.starts_with("nats stream get OTP_DEAD") => &["\"reason\":\"refused\"", "\"attempts\":1", "sealed"],
        _ if command.starts_with("nats backup stream OTP_DEAD") => &["Received "],
        _ if command.starts_with("nats stream purge") => &["OTP_"],
        _ if command.starts_with("nats stream rm") => &[],
        _ if command.starts_with("nats backup restore stream") => &["OTP_DEAD"],
        _ => panic!("a new command on the page: what does it have to show? {command}"),
    }
}

#[tokio::test]
async fn every_command_on_the_operators_pages_runs() {
    let Some(cli) = cli() else {
        println!("skipped: the nats CLI is not installed");
        return;
    };
    let mut system = System::with(|options| {
        options.caller.set("OTP_CODE_LENGTH", &CODE_LENGTH.to_string());
        for (name, value) in [("OTP_LIMIT_IP", "off"), ("OTP_LIMIT_RECIPIENT", "off"), ("OTP_RESEND_COOLDOWN", "0")] {
            options.caller.set(name, value);
        }
    })
    .await;
    let home = tempfile::tempdir().expect("a directory");
    let lives = lives(&mut system).await;
    let shell = Shell { system: &system, path: path_with(&cli), home: home.path() };
    for (page, fewest) in PAGES {
        let commands = commands(page);
        assert!(commands.len() >= fewest, "{commands:?}");
        for command in &commands {
            runs(&shell, command, &lives).await;
            if command.contains("| nats req") {
                sent_again(&system, &lives.unread, "agrajag@operator.test").await;
            }
        }
    }
    system.stack.stop().await;
}

async fn runs(shell: &Shell<'_>, command: &str, lives: &Lives) {
    let said = if command.starts_with("nats sub '") {
        shell.watch(command, "majikthise@operator.test").await
    } else if command.contains("| nats req") {
        // Once: each run is another mail.
        shell.run(command, &lives.unread.id).await
    } else if ["backup", "purge", " rm "].iter().any(|word| command.contains(word)) {
        shell.run(command, &lives.refused.id).await
    } else {
        let id = if command.contains("OTP_DEAD") { &lives.refused.id } else { &lives.proved.id };
        eventually_shows(shell, command, id).await
    };
    for text in expected(command) {
        assert!(said.contains(text), "{command} does not show {text}: {said}");
    }
    for secret in &lives.secrets {
        assert!(!said.to_lowercase().contains(secret), "{command} shows {secret}: {said}");
    }
}

/// The dead letter that a command on a page has sent again was mailed, and whoever watches is told so.
async fn sent_again(system: &System, asked: &Asked, address: &str) {
    let code = code_in(&system.inbox().wait_for(address).await, CODE_LENGTH);
    until_status(system, asked, "sent").await;
    let read = system.api().read(&asked.id, Some(&asked.ticket)).await;
    let events = read.body["timeline"].as_array().expect("a timeline").clone();
    let mut told = names(&events);
    told.retain(|name| *name != "processing");
    assert_eq!(told, ["requested", "failed", "sent"]);
    assert_eq!(system.api().check(&asked.id, &code).await.status, 200, "the code is the one that was asked for");
}

/// Acknowledgements lag a little behind the events: a command is asked again until it shows what it has to.
async fn eventually_shows(shell: &Shell<'_>, command: &str, id: &str) -> String {
    eventually(command, async || {
        let said = shell.run(command, id).await;
        expected(command).iter().all(|text| said.contains(text)).then_some(said)
    })
    .await
}
