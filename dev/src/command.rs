//! `cargo dev COMMAND`.

mod app_keys;
mod arguments;
mod attack;
mod bench;
mod capacity;
mod chaos;
mod doctor;
mod down;
mod fuzz;
mod logs;
mod mail_preview;
mod status;
mod test;
mod up;

use std::process::ExitCode;

use anyhow::Result;
use otp_nats::settings::describe;

use crate::console;
use crate::settings::ToolSettings;
use arguments::Arguments;

const USAGE: &str = "\
cargo dev: the local stack and its tests

  cargo dev up [--detach] [--cluster] [--tls]
                                     starts servers, inbox, DNS zone and services, and minds them until Ctrl-C;
                                     --detach returns once all are ready; --cluster runs three NATS nodes, with data
                                     of their own; --tls has services and servers speak TLS to each other, with
                                     certificates of an authority made for this run
  cargo dev down                     stops what --detach has started
  cargo dev status                   tells how each part is; exit code 0 only while all are ready
  cargo dev logs [NAME] [--lines N]  shows the end of a log; all of them without a name
  cargo dev mail-preview [--port N] [--templates DIR] [--out DIR]
                                     shows all mails on a local page: each language, on a phone and a desktop, in light
                                     and dark, with the templates in a folder if there is one; --out writes them there
  cargo dev app-keys                 prints fresh keys of an application, and their hashes for OTP_APPS_FILE
  cargo dev chaos [--minutes N] [--seed S] [--rate R] [--instances N] [--cluster] [--overlap] [--each]
                  [--break all|none|processes,wires,relay]
                                     breaks a stack of its own under load, and compares what was promised with what
                                     happened; exit code 0 when nothing is lost and every second mail has a reason;
                                     --each breaks everything once, one after the other; with --overlap a NATS
                                     node may fail before the last one has caught up
  cargo dev fuzz [TARGET..] [--seconds N] [--keep]
                                     runs parsers of what comes from outside under libFuzzer; --keep leaves the fewest
                                     inputs that reach all of it in dev/fuzz/corpus; needs cargo-fuzz
  cargo dev attack [NAME] [--samples N] [--rounds N] [--seed S]
                                     runs the attacks among the tests for longer: races, timing, enumeration, wire,
                                     sockets
  cargo dev bench [NAME..] [--runs N] [--json FILE] [--quick]
                                     measures a release build next to what is possible at best, as a table and as JSON;
                                     exit code 0 when all targets are met; --quick only shows that it works
  cargo dev capacity --rate R [--cells N] [--gateways N] [--redis N] [--mailers N] [--connections N]
                     [--notifiers N] [--relay-ms N] [--bench FILE] [--seed S]
                                     tells how many of what a rate needs and what ends first, from costs that were
                                     measured, and simulates one cell of it; --bench has costs of another machine, as
                                     bench growth wrote them; exit code 0 when it keeps up
  cargo dev doctor [--json] [--rcpt ADDRESS] [--service NAME,..]
                                     checks a deployment's settings against its servers and the DNS, from the OTP_
                                     variables that its services have (a running local stack's without any), and says
                                     what to mend; exit code 1 with faults; --rcpt asks the relays whether they would
                                     take a mail to this address; --service looks at gateway, mailer or notifier alone
  cargo dev test [--quick] [STEP..]  format, lints, contract, all tests, web tests, licences; some steps if named
";

/// Exit code for a fault in arguments or settings (`EX_USAGE` of sysexits.h).
const EXIT_USAGE: u8 = 64;

/// Runs the command that the process's arguments name.
pub fn run() -> ExitCode {
    let mut arguments = Arguments::of_process();
    let command = arguments.word();
    let done = match command.as_deref() {
        Some("up") => up::run(arguments),
        Some("down") => down::run(arguments),
        Some("status") => status::run(arguments),
        Some("app-keys") => app_keys::run(arguments),
        Some("logs") => logs::run(arguments),
        Some("mail-preview") => mail_preview::run(arguments),
        Some("bench") => bench::run(arguments),
        Some(crate::bench::ANCHOR_COMMAND) => bench::anchor(arguments),
        Some("capacity") => capacity::run(arguments),
        Some("chaos") => chaos::run(arguments),
        Some("doctor") => doctor::run(arguments),
        Some("fuzz") => fuzz::run(arguments),
        Some("attack") => attack::run(arguments),
        Some("test") => test::run(arguments),
        Some("help") => Ok(help()),
        None if arguments.flag("--help") || arguments.flag("-h") => Ok(help()),
        Some(_) | None => Err(Usage::Unknown(command.unwrap_or_default()).into()),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            console::warn(format_args!("cargo dev: {error:#}"));
            if error.is::<Usage>() { ExitCode::from(EXIT_USAGE) } else { ExitCode::FAILURE }
        }
    }
}

/// What is wrong with how the tool was called.
#[derive(Debug)]
enum Usage {
    /// No such command.
    Unknown(String),
    /// An argument that the command does not take.
    Excess(String),
    /// Faults in the settings.
    Settings(String),
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(command) if command.is_empty() => write!(f, "which command?\n\n{USAGE}"),
            Self::Unknown(command) => write!(f, "there is no command {command:?}\n\n{USAGE}"),
            Self::Excess(argument) => write!(f, "{argument:?} is not expected here; see cargo dev --help"),
            Self::Settings(faults) => f.write_str(faults.trim_end()),
        }
    }
}

impl std::error::Error for Usage {}

fn settings() -> Result<ToolSettings> {
    ToolSettings::read().map_err(|faults| Usage::Settings(faults.to_string()).into())
}

fn help() -> ExitCode {
    let settings = describe(&ToolSettings::declared());
    console::say(format_args!(
        "{USAGE}\nAll OTP_ variables reach the services. Those of the tool itself:\n\n{}",
        settings.trim_end()
    ));
    ExitCode::SUCCESS
}
