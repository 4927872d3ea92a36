//! `cargo dev up`, `down` and `status` as a person calls them.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use otp_dev::process::{self, Signal};
use otp_dev::stack::{Options, Part, StackFile};

/// Runs the tool in a directory of its own, on free ports.
fn tool(dir: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let services = Options::isolated(dir).expect("servers and services").programs.services;
    let mut command = Command::new(env!("CARGO_BIN_EXE_otp-dev"));
    for part in ["GATEWAY", "NOTIFIER", "ADMIN", "INBOX", "SMTP", "NATS", "REDIS", "DNS"] {
        command.env(format!("OTP_DEV_{part}_PORT"), "0");
    }
    command.env("OTP_DEV_DIR", dir).env("OTP_DEV_BINARIES", services).envs(settings.iter().copied());
    command.args(arguments).output().expect("the tool runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Stops the stack however the test ends.
struct Down<'d>(&'d Path);

impl Drop for Down<'_> {
    fn drop(&mut self) {
        tool(self.0, &["down"], &[]);
    }
}

#[test]
fn a_detached_stack_runs_until_it_is_told_to_stop() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    assert_eq!(tool(dir, &["status"], &[]).status.code(), Some(1));
    let _down = Down(dir);
    let up = tool(dir, &["up", "--detach"], &[]);
    let file = StackFile::read(dir).unwrap_or_else(|| panic!("{}", text(&up)));
    assert!(up.status.success() && text(&up).contains(&file.gateway), "{}", text(&up));
    let status = tool(dir, &["status"], &[]);
    assert!(status.status.success() && text(&status).contains("ready"), "{}", text(&status));

    let again = tool(dir, &["up"], &[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again).contains("already running"), "{}", text(&again));
    assert!(tool(dir, &["up", "--detach"], &[]).status.success(), "it runs and is ready, as was asked for");
    assert_eq!(StackFile::read(dir).expect("stack.json").pids, file.pids);

    let down = tool(dir, &["down"], &[]);
    assert!(down.status.success(), "{}", text(&down));
    assert!(file.pids.values().all(|pid| !process::alive(*pid)), "{:?}", file.pids);
    assert!(!StackFile::path(dir).exists());
    assert!(tool(dir, &["down"], &[]).status.success(), "nothing to stop is no failure");
    assert_eq!(tool(dir, &["status"], &[]).status.code(), Some(1));
}

#[test]
fn what_a_killed_stack_leaves_behind_does_not_hinder_the_next_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let _down = Down(dir);
    // Without setpriv nothing tells the processes that theirs is gone, as on systems that have no such thing.
    let programs = tempfile::tempdir().expect("a directory");
    let setpriv = programs.path().join("setpriv");
    std::os::unix::fs::symlink("/bin/false", &setpriv).expect("a link");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = format!("{}:{}", programs.path().display(), path.display());
    let up = tool(dir, &["up", "--detach"], &[("PATH", &path)]);
    let before = StackFile::read(dir).unwrap_or_else(|| panic!("{}", text(&up))).pids;
    let port = StackFile::read(dir).expect("stack.json").gateway.rsplit(':').next().expect("a port").to_owned();
    process::send(before["dev"], Signal::Kill).expect("killed");
    assert!(Part::SERVICES.iter().all(|part| process::alive(before[part.name()])), "left behind");

    let up = tool(dir, &["up", "--detach"], &[("OTP_DEV_GATEWAY_PORT", &port)]);
    assert!(up.status.success(), "{}", text(&up));
    assert!(text(&up).contains("left behind"), "{}", text(&up));
    assert!(before.values().all(|pid| !process::alive(*pid)), "{before:?}");
}

#[test]
fn a_taken_port_is_named_with_what_to_set() {
    let dir = tempfile::tempdir().expect("a directory");
    let holding = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = holding.local_addr().expect("bound").port().to_string();
    let up = tool(dir.path(), &["up"], &[("OTP_DEV_SMTP_PORT", &port)]);
    assert_eq!(up.status.code(), Some(1));
    let said = text(&up);
    assert!(said.contains(&format!("port {port}")) && said.contains("OTP_DEV_SMTP_PORT"), "{said}");
    assert!(!StackFile::path(dir.path()).exists());
}

#[test]
fn faulty_settings_and_arguments_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let said = tool(dir.path(), &["up"], &[("OTP_DEV_SMTP_PORT", "many"), ("OTP_DEV_DNS_PORT", "-1")]);
    assert_eq!(said.status.code(), Some(64));
    assert!(text(&said).contains("OTP_DEV_SMTP_PORT") && text(&said).contains("OTP_DEV_DNS_PORT"), "{}", text(&said));
    assert_eq!(tool(dir.path(), &["up", "--odd"], &[]).status.code(), Some(64));
    assert_eq!(tool(dir.path(), &["rise"], &[]).status.code(), Some(64));
    assert!(tool(dir.path(), &["--help"], &[]).status.success());
}
