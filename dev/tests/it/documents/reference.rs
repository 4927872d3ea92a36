//! Settings: docs/CONFIGURE.md is what the services say of themselves, and no page names another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;

use otp_dev::settings::ToolSettings;
use otp_dev::stack::{Options, Part};
use otp_dev::workspace;

use super::{Page, pages};

const PAGE: &str = "docs/CONFIGURE.md";
const HEAD: &str = "# Configure

All settings of the three services, as `--help` prints them; `INSTA_UPDATE=always cargo test -p otp-dev --test it -- documents::reference` writes this page anew.

They come from the environment. An empty variable counts as unset. A service checks all of them before it starts, names every fault at once and no value, and exits with 64. Where `_FILE` stands, the value may come from
a file instead, for secrets that are mounted. What belongs together, how to make keys and how to rotate them: [OPERATIONS.md](OPERATIONS.md). What an application may have of its own: [APPS.md](APPS.md).
";

/// A setting as `--help` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Described {
    name: String,
    default: String,
    about: String,
    file: bool,
}

/// Reads what a service prints.
fn described(help: &str) -> Vec<Described> {
    let (mut found, mut lines) = (Vec::new(), help.lines());
    while let Some(line) = lines.next() {
        let Some((name, default)) =
            line.trim().split_once("  [").filter(|(name, _)| name.starts_with("OTP_") || name.starts_with("OTEL_"))
        else {
            continue;
        };
        found.push(Described {
            name: name.split(' ').next().unwrap_or_default().to_owned(),
            default: default.trim_end_matches(']').to_owned(),
            about: lines.next().unwrap_or_default().trim().to_owned(),
            file: name.contains("_FILE)"),
        });
    }
    found
}

fn services() -> BTreeMap<&'static str, Vec<Described>> {
    let dir = tempfile::tempdir().expect("a directory");
    let services = Options::isolated(dir.path()).expect("services").programs.services;
    let help = |part: Part| Command::new(services.join(part.program())).arg("--help").output().expect("it runs");
    Part::SERVICES
        .iter()
        .map(|part| (part.program(), described(&String::from_utf8_lossy(&help(*part).stdout))))
        .collect()
}

/// A table of the settings that exactly these services have.
fn table(all: &BTreeMap<&str, Vec<Described>>, of: &[&str]) -> String {
    let has = |service: &str, name: &str| all.get(service).is_some_and(|list| list.iter().any(|one| one.name == name));
    let mut text = String::new();
    for one in all.get(of[0]).into_iter().flatten() {
        if all.keys().any(|service| has(service, &one.name) != of.contains(service)) {
            continue;
        }
        let file = if one.file { format!("<br>or `{}_FILE`", one.name) } else { String::new() };
        let default = match one.default.strip_prefix("default ") {
            Some(default) => format!("`{default}`"),
            None => one.default.clone(),
        };
        writeln!(text, "| `{}`{file} | {default} | {} |", one.name, one.about.replace('|', "\\|")).expect("a string");
    }
    text
}

fn page(all: &BTreeMap<&str, Vec<Described>>) -> String {
    let [gateway, mailer, notifier] = ["otp-gateway", "otp-mailer", "otp-notifier"];
    let sections: [(&str, &[&str]); 7] = [
        ("All services", &[gateway, mailer, notifier]),
        ("Gateway and notifier", &[gateway, notifier]),
        ("Gateway and mailer", &[gateway, mailer]),
        ("Mailer and notifier", &[mailer, notifier]),
        ("Gateway", &[gateway]),
        ("Mailer", &[mailer]),
        ("Notifier", &[notifier]),
    ];
    let mut text = HEAD.to_owned();
    for (title, of) in sections {
        let table = table(all, of);
        if !table.is_empty() {
            write!(text, "\n## {title}\n\n| setting | default | what for, and its form |\n|---|---|---|\n{table}")
                .expect("a string");
        }
    }
    text
}

#[test]
fn the_page_of_settings_is_what_the_services_say() {
    let all = services();
    assert!(all.values().all(|list| list.len() > 10), "{all:?}");
    let (wanted, path) = (page(&all), workspace::root().join(PAGE));
    if std::env::var_os("INSTA_UPDATE").is_some_and(|how| how == "always") {
        std::fs::write(&path, &wanted).expect("written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = wanted.lines().zip(there.lines()).find(|(wanted, there)| wanted != there);
    assert!(there == wanted, "{PAGE} is not what the services print: {differs:?}; its head says how to write it anew");
}

/// Names of settings in a text; one that goes on with `*` stands for several, and one before `=` in the tool's own
/// examples is one as well.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let mut found = BTreeSet::new();
    for (at, _) in ["OTP_", "OTEL_"].iter().flat_map(|start| text.match_indices(start)) {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let rest = text.get(at..).unwrap_or_default();
        let name: String = rest.chars().take_while(|c| is_part(*c)).collect();
        let after = rest.chars().nth(name.len());
        if before.is_none_or(|c| !is_part(c)) && !name.ends_with('_') && after != Some('*') {
            found.insert(name);
        }
    }
    found
}

#[test]
fn no_page_and_no_file_of_containers_names_a_setting_that_does_not_exist() {
    let mut known: BTreeSet<String> = ["OTP_REQUESTS", "OTP_EVENTS", "OTP_DEAD"].map(str::to_owned).into();
    known.extend(ToolSettings::declared().iter().map(|one| one.name.to_owned()));
    for one in services().into_values().flatten() {
        known.extend(one.file.then(|| format!("{}_FILE", one.name)));
        known.insert(one.name);
    }
    let root = workspace::root();
    let mut files: Vec<Page> = pages();
    for name in [
        "compose.yaml",
        "compose.cluster.yaml",
        "compose.tls.yaml",
        "compose.observe.yaml",
        "docs/deploy/kubernetes.yaml",
    ] {
        let page = Page::at(name);
        // What compose itself is told: `${NAME:-default}`.
        known.extend(
            page.text.split("${").skip(1).flat_map(|rest| named(rest.split([':', '}']).next().unwrap_or_default())),
        );
        files.push(page);
    }
    // What nats-server's configuration is told.
    for conf in std::fs::read_dir(root.join("nats/server")).expect("a folder").flatten().map(|entry| entry.path()) {
        let text = if conf.is_file() { std::fs::read_to_string(&conf).expect("a file") } else { String::new() };
        known.extend(
            text.split('$')
                .skip(1)
                .filter(|rest| rest.starts_with("OTP_"))
                .flat_map(|rest| named(rest.lines().next().unwrap_or_default())),
        );
    }
    let mut strange = Vec::new();
    for page in &files {
        let names = named(&page.text);
        strange.extend(
            names
                .into_iter()
                .filter(|name| !known.contains(name) && !name.starts_with("OTP_TEST_"))
                .map(|name| format!("{}: {name}", page.path.strip_prefix(root).unwrap_or(&page.path).display())),
        );
    }
    assert!(strange.is_empty(), "{strange:#?}");
}

#[test]
fn settings_are_found_where_they_are_named() {
    let text = "`OTP_A`, OTP_B=1, OTP_C_*, XOTP_D, ${OTP_E:-x} OTP_ OTEL_F";
    assert_eq!(named(text).into_iter().collect::<Vec<_>>(), ["OTEL_F", "OTP_A", "OTP_B", "OTP_E"]);
    let help = "  OTP_A (or OTP_A_FILE)  [required]\n      What: form\n  OTP_B  [default a|b]\n      Else: x\n";
    let read = described(help);
    assert!(read[0].file && read[0].name == "OTP_A" && read[0].about == "What: form");
    assert_eq!((read[1].default.as_str(), read[1].file), ("default a|b", false));
}
