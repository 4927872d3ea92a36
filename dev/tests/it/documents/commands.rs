//! Commands: each runs in a test, or what it names is looked up one by one.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use otp_dev::stack::{Options, Part};
use otp_dev::workspace;

use super::{Page, pages};

/// Pages whose requests `walks` makes, one after the other.
pub(super) const WALKED: [&str; 3] = ["README.md", "docs/QUICKSTART.md", "docs/INTEGRATE.md"];
/// Fewer are not all of them.
const COMMANDS_MIN: usize = 50;

/// How a command on a page is held to what it says.
#[derive(Debug, PartialEq, Eq)]
enum Held {
    /// `operator` runs it.
    Operator,
    /// `walks` runs it.
    Walk,
    /// It runs here.
    Here,
    /// Its command and flags are among those that `cargo dev --help` has.
    Tool,
    /// Its files, targets and services are there.
    Containers,
    /// Its files are there, or are what the commands before it make.
    Cluster,
}

fn held(page: &str, command: &str) -> Option<Held> {
    let starts = |starts: &[&str]| starts.iter().any(|start| command.starts_with(start));
    Some(match page {
        _ if starts(&["nats ", "install -D", "export NATS_"]) => Held::Operator,
        _ if starts(&["cargo dev "]) => Held::Tool,
        _ if starts(&["docker "]) => Held::Containers,
        _ if starts(&["kubectl "]) => Held::Cluster,
        _ if Part::SERVICES.iter().any(|part| command.split(' ').any(|word| word == part.program())) => Held::Here,
        _ if WALKED.contains(&page)
            && starts(&["curl ", "api=", "inbox=", "answer=", "id=", "ticket=", "mail=", "code="]) =>
        {
            Held::Walk
        }
        _ => return None,
    })
}

#[test]
fn every_command_is_held_to_what_it_says() {
    let root = workspace::root();
    let dir = tempfile::tempdir().expect("a directory");
    let help = Command::new(env!("CARGO_BIN_EXE_otp-dev")).arg("--help").output().expect("the tool").stdout;
    let help = String::from_utf8_lossy(&help).into_owned();
    let (mut count, mut faults) = (0, Vec::new());
    for page in pages() {
        let name = page.name();
        for command in page.commands() {
            count += 1;
            let fault = match held(&name, &command) {
                Some(Held::Operator | Held::Walk) => None,
                Some(Held::Here) => runs(dir.path(), &command),
                Some(Held::Tool) => tool(&help, &command),
                Some(Held::Containers) => containers(root, &command),
                Some(Held::Cluster) => cluster(root, dir.path(), &command),
                None => Some("a new kind of command: how is it held to what it says?".to_owned()),
            };
            faults.extend(fault.map(|fault| format!("{name}: {command}: {fault}")));
        }
    }
    println!("{count} commands");
    assert!(count >= COMMANDS_MIN, "{count}");
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Runs it in a directory of its own, with the services on the path.
fn runs(dir: &Path, command: &str) -> Option<String> {
    let services = Options::isolated(dir).expect("services").programs.services;
    let path = format!("{}:{}", services.display(), std::env::var_os("PATH").unwrap_or_default().to_string_lossy());
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).env("PATH", path).current_dir(dir).stdin(Stdio::null());
    // What a page shows needs no more than this of a deployment.
    let keys = format!(
        "k1:{}",
        data_encoding::BASE64.encode(&std::array::from_fn::<u8, 32, _>(|n| u8::try_from(n).expect("small")))
    );
    let output = shell.env("OTP_HASH_KEYS", keys).output().expect("sh");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The part of the help that is about a command of the tool has each flag.
fn tool(help: &str, command: &str) -> Option<String> {
    let command = command.split(" #").next().unwrap_or_default();
    let mut words = command.split_whitespace().skip(2);
    let name = words.next().unwrap_or_default();
    let start = help.find(&format!("cargo dev {name} ")).or_else(|| help.find(&format!("cargo dev {name}\n")));
    let Some(section) = start.and_then(|at| help.get(at..)) else {
        return Some("no such command".to_owned());
    };
    let section = section.get(10..).and_then(|rest| rest.split("cargo dev ").next()).unwrap_or_default();
    let known = |flag: &str| section.split(|c: char| c.is_whitespace() || "[]|,;".contains(c)).any(|word| word == flag);
    words.filter(|word| word.starts_with("--")).find(|flag| !known(flag)).map(|flag| format!("no {flag}"))
}

/// Files, services and targets that a command for containers names.
fn containers(root: &Path, command: &str) -> Option<String> {
    let compose = std::fs::read_to_string(root.join("compose.yaml")).expect("compose.yaml");
    let dockerfile = std::fs::read_to_string(root.join("Dockerfile")).expect("Dockerfile");
    let command = command.split(" #").next().unwrap_or_default();
    let words: Vec<&str> = command.split_whitespace().collect();
    let values = |flag: &'static str| {
        words.windows(2).filter(move |pair| pair[0] == flag).map(|pair| pair[1].to_owned()).collect::<Vec<_>>()
    };
    let file = values("-f").into_iter().find(|file| !root.join(file).is_file());
    let service = values("--scale")
        .into_iter()
        .find(|scale| !compose.contains(&format!("\n  {}:\n", scale.split('=').next().unwrap_or_default())));
    let target = values("--target").into_iter().find(|target| !dockerfile.contains(&format!(" AS {target}\n")));
    file.or(service).or(target).map(|missing| format!("there is no {missing}"))
}

/// Files that a command for Kubernetes names: in the project, made by the commands before it, or the reader's own.
fn cluster(root: &Path, dir: &Path, command: &str) -> Option<String> {
    const OWN: [&str; 3] = ["smtp-url", "dkim-keys", "apps.toml"];
    let manifest = std::fs::read_to_string(root.join("docs/deploy/kubernetes.yaml")).expect("the manifest");
    let words: Vec<&str> = command.split_whitespace().collect();
    if let Some(pair) = words.windows(2).find(|pair| pair[0] == "-f") {
        return (!root.join(pair[1]).is_file()).then(|| format!("there is no {}", pair[1]));
    }
    let name = words.get(if words.contains(&"secret") { 4 } else { 3 }).copied().unwrap_or_default();
    if !manifest.contains(&format!("secretName: {name},"))
        && !manifest.contains(&format!("configMap: {{ name: {name} }}"))
    {
        return Some(format!("the manifest does not mount {name}"));
    }
    let files = words.iter().filter_map(|word| word.strip_prefix("--from-file="));
    for (key, file) in files.map(|file| file.split_once('=').unwrap_or((file, file))) {
        if !OWN.contains(&file) && !dir.join(file).is_file() {
            return Some(format!("nothing makes {file}"));
        }
        if words.contains(&"secret") && !manifest.contains(&format!("value: /run/keys/{key} ")) {
            return Some(format!("the manifest does not read {key}"));
        }
    }
    None
}

#[test]
fn a_command_that_says_what_is_not_is_found() {
    let root = workspace::root();
    let help = "  cargo dev up [--detach]\n    starts\n  cargo dev down    stops\n";
    assert_eq!(tool(help, "cargo dev up --detach   # --no"), None);
    assert!(tool(help, "cargo dev down --detach").is_some());
    assert!(tool(help, "cargo dev nothing").is_some());
    assert_eq!(containers(root, "docker compose -f compose.yaml up --scale gateway=3"), None);
    for wrong in
        ["docker compose -f nothing.yaml up", "docker compose up --scale nothing=3", "docker build --target nothing ."]
    {
        assert!(containers(root, wrong).is_some(), "{wrong}");
    }
    let dir = tempfile::tempdir().expect("a directory");
    assert!(cluster(root, dir.path(), "kubectl apply -f nothing.yaml").is_some());
    assert!(
        cluster(root, dir.path(), "kubectl create secret generic otp-mailer --from-file=seal=keys/seal/keys").is_some()
    );
    assert!(cluster(root, dir.path(), "kubectl create secret generic nothing --from-file=smtp=smtp-url").is_some());
    assert!(runs(dir.path(), "otp-gateway nothing").is_some());
    assert_eq!(held("docs/API.md", "rm -rf /"), None);
}

/// Where nothing runs the pages' examples in full, at least each page that has some is known.
#[test]
fn the_pages_that_are_walked_have_requests() {
    let with_requests: BTreeSet<String> = pages()
        .iter()
        .filter(|page| page.commands().iter().any(|command| command.contains("curl ")))
        .map(Page::name)
        .collect();
    assert_eq!(with_requests, WALKED.map(str::to_owned).into());
}
