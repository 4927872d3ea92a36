//! `cargo dev up`.

use std::fs::File;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::Arguments;
use super::settings;
use crate::process::{self, Signal};
use crate::program::{self, Program};
use crate::settings::ToolSettings;
use crate::stack::{self, Claim, NatsNodes, Notices, Options, Phase, Programs, Stack, StackFile, Status};
use crate::{console, workspace};

/// Set for the process that `--detach` leaves in the background.
const BACKGROUND: &str = "--background";
/// Three NATS servers instead of one.
const CLUSTER: &str = "--cluster";
/// TLS between the services and their servers.
const TLS: &str = "--tls";
/// Longest wait for a stack in the background: a minute for each of the few parts that start one after the other.
const DETACH_TIMEOUT: Duration = Duration::from_secs(180);
/// A process that was killed is gone after so long, its locks too.
const DYING: Duration = Duration::from_millis(500);
/// How often it is looked at.
const DETACH_POLL: Duration = Duration::from_millis(50);
/// So much of its log is shown when it fails: the reason is at the end.
const DETACH_TAIL: usize = 40;

pub(super) fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let detach = arguments.flag("--detach");
    let background = arguments.flag(BACKGROUND);
    let nats_nodes = if arguments.flag(CLUSTER) { NatsNodes::Three } else { NatsNodes::One };
    let tls = arguments.flag(TLS);
    arguments.end()?;
    let mut settings = settings()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some(holder) = stack::holder(&settings.dir)
        && let Some(code) = already_running(&runtime, &settings, holder, detach)?
    {
        return Ok(code);
    }
    let notices = Notices::new(|line| console::say(format_args!("cargo dev: {line}")));
    let claim = Claim::take(&settings.dir, &settings.ports, nats_nodes, &notices)?;
    let installed = settings.nats_server.is_none().then_some(Program::NatsServer);
    program::install_missing(&installed.into_iter().chain([Program::RedisServer]).collect::<Vec<_>>())?;
    let services = match settings.binaries.take() {
        Some(directory) => directory,
        None => workspace::build_services()?,
    };
    settings.binaries = Some(services.clone());
    if detach {
        drop(claim);
        return in_background(&settings, nats_nodes, tls);
    }
    if background {
        // A session of its own: no terminal's end or Ctrl-C concerns it.
        rustix::process::setsid().context("no session of its own")?;
    }
    let nats = settings.nats_server.map_or_else(|| program::find_or_install(Program::NatsServer), Ok)?;
    let redis = program::find_or_install(Program::RedisServer)?;
    let options = Options {
        dir: settings.dir,
        ports: settings.ports,
        nats_nodes,
        caller: settings.caller,
        programs: Programs { services, nats, redis },
        tls,
        proxied: false,
        notices,
    };
    let ended = runtime.block_on(in_foreground(claim, options));
    // What is not done by now is of no more use.
    runtime.shutdown_background();
    ended
}

async fn in_foreground(claim: Claim, options: Options) -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut told = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let set: Vec<String> = options.caller.names().map(str::to_owned).collect();
    if !set.is_empty() {
        console::say(format_args!("your settings for the services: {}", set.join(", ")));
    }
    console::say("starting");
    let stack = tokio::select! {
        started = Stack::start_in(claim, options) => started?,
        () = told() => bail!("interrupted before all was ready"),
    };
    console::say(addresses(&stack.file()));
    console::say("\nCtrl-C stops all of it.");
    told().await;
    console::say("stopping; once more to stop at once");
    tokio::select! {
        () = stack.stop() => console::say("stopped"),
        () = told() => console::say("stopped at once"),
    }
    Ok(ExitCode::SUCCESS)
}

/// What to answer when a stack is running; `None` when it has just ended.
fn already_running(
    runtime: &tokio::runtime::Runtime,
    settings: &ToolSettings,
    holder: u32,
    detach: bool,
) -> Result<Option<ExitCode>> {
    let what = format!("a stack is already running in {} (process {holder})", settings.dir.display());
    if runtime.block_on(Status::of(&settings.dir))?.all_ready() {
        let file = StackFile::read(&settings.dir).filter(|_| detach);
        let Some(file) = file else { bail!("{what}; `cargo dev down` stops it") };
        console::say(format_args!("{what}\n{}", addresses(&file)));
        return Ok(Some(ExitCode::SUCCESS));
    }
    // Whoever was killed a moment ago still holds its lock.
    std::thread::sleep(DYING);
    if stack::holder(&settings.dir).is_none() {
        return Ok(None);
    }
    bail!("{what} and is not ready; see `cargo dev status`, or stop it with `cargo dev down`")
}

/// Starts this program once more, apart from this terminal, and waits until the stack is ready.
fn in_background(settings: &ToolSettings, nats_nodes: NatsNodes, tls: bool) -> Result<ExitCode> {
    let log = settings.dir.join("logs/dev.log");
    let output = File::create(&log).with_context(|| format!("{} can't be written", log.display()))?;
    let mut command = Command::new(workspace::this_program().context("this program's file")?);
    command
        .args(["up", BACKGROUND])
        .args((nats_nodes == NatsNodes::Three).then_some(CLUSTER))
        .args(tls.then_some(TLS))
        .env("OTP_DEV_DIR", &settings.dir);
    if let Some(binaries) = &settings.binaries {
        command.env("OTP_DEV_BINARIES", binaries);
    }
    let mut child = command
        .current_dir(workspace::root())
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .context("this program can't be started in the background")?;
    let deadline = Instant::now() + DETACH_TIMEOUT;
    loop {
        if let Some(status) = child.try_wait()? {
            bail!("the stack did not start ({status}):\n{}", stack::tail(&log, DETACH_TAIL));
        }
        let file = StackFile::read(&settings.dir).filter(|file| file.pids.get("dev") == Some(&child.id()));
        if let Some(file) = file.filter(|file| file.phase == Phase::Ready) {
            console::say(addresses(&file));
            console::say("\n`cargo dev down` stops all of it.");
            return Ok(ExitCode::SUCCESS);
        }
        if Instant::now() >= deadline {
            process::send(child.id(), Signal::Terminate)?;
            bail!("the stack is not ready in time:\n{}", stack::tail(&log, DETACH_TAIL));
        }
        std::thread::sleep(DETACH_POLL);
    }
}

fn addresses(file: &StackFile) -> String {
    let row = |name: &str, address: &str, what: &str| [name.to_owned(), address.to_owned(), what.to_owned()];
    let nodes: Vec<String> = file.nats_nodes.values().map(|url| stack::shown(url)).collect();
    let admin = file.admin.values().map(String::as_str).collect::<Vec<_>>().join(" ");
    let rows = [
        row("page", &file.gateway, "the demo page and the API"),
        row("inbox", &file.inbox, "the mails it sends"),
        row("events", &file.events, "progress by WebSocket"),
        row("admin", &admin, "/health /ready /metrics"),
        row("smtp", &file.smtp, ""),
        row("nats", &nodes.join(" "), "login: stack.json"),
        row("redis", &stack::shown(&file.redis), "login: stack.json"),
        row("dns", &file.dns, ""),
        row("logs", &file.logs.display().to_string(), ""),
    ];
    format!("\nDistOTP is ready.\n\n{}", console::table(&rows))
}
