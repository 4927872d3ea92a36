//! The frame of a service: arguments, settings, logs, signals and the drain.
//!
//! The first SIGTERM or SIGINT drains: the service takes nothing new, ends what is under way and returns, within a
//! deadline. The second signal, or the deadline, ends the process at once; what waits of traces is sent before, within two
//! seconds.

use std::fmt::Write as _;
use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::logging::LogSettings;
use crate::probe::{ProbeFault, probe};
use crate::settings::{Environment, Faults, Settings, describe};
use crate::telemetry::{self, TelemetrySettings};

mod core_dumps;

/// Exit code for a fault in arguments or settings (`EX_USAGE` of sysexits.h).
pub const EXIT_USAGE: u8 = 64;

/// What runs on threads of its own when all is done is waited for so long. A name that the system's resolver looks up can
/// keep one for much longer, and nobody waits for it any more. With drain and traces, less than what containers are given.
const END_WITHIN: Duration = Duration::from_secs(1);

/// What the frame says of a service.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// The program's name.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Lines on subcommands for `--help`, empty when there are none.
    pub commands: &'static str,
}

/// What every service has beside its own settings.
#[derive(Debug, Clone)]
pub struct FrameSettings {
    log: LogSettings,
    telemetry: TelemetrySettings,
    drain: Duration,
    core_dumps: bool,
}

impl FrameSettings {
    fn read(settings: &mut Settings<'_>) -> Option<Self> {
        let log = LogSettings::read(settings);
        let drain = settings.or("OTP_DRAIN_TIMEOUT", "25s", "Longest drain after SIGTERM");
        let core_dumps =
            settings.or("OTP_CORE_DUMPS", "false", "Whether a crash may write memory, secrets and all, to a disk");
        let telemetry = TelemetrySettings::read(settings);
        Some(Self { log: log?, telemetry: telemetry?, drain: drain?, core_dumps: core_dumps? })
    }
}

/// Runs a service from `main`: reads its settings, runs it until it ends or a signal asks it to, and says how it went.
///
/// `read` declares and reads the service's settings; `run` gets them with a token that is cancelled when the service
/// shall drain. Exit codes: 0 after a clean end, 1 after an error, 64 for faults in arguments or settings. With the
/// argument `probe` it only asks the one that runs already: 0 when that is ready, else 1.
pub fn run_service<C, R, F>(
    service: Service,
    environment: &dyn Environment,
    read: fn(&mut Settings<'_>) -> Option<C>,
    run: R,
) -> ExitCode
where
    R: FnOnce(C, CancellationToken) -> F,
    F: Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let mut settings = Settings::new(environment);
    let frame = FrameSettings::read(&mut settings);
    // Before the first secret is read.
    if frame.as_ref().is_none_or(|frame| !frame.core_dumps)
        && let Err(error) = core_dumps::forbid()
    {
        settings.fault(format!("core dumps cannot be forbidden here ({error}); OTP_CORE_DUMPS=true allows them"));
    }
    let configuration = read(&mut settings);
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => {}
        (Some("probe"), None) => return probed(service, probe(environment, settings.declared())),
        (Some("--help" | "-h" | "help"), None) => return print(&help(service, &settings)),
        (Some("--version" | "-V"), None) => return print(&format!("{} {}\n", service.name, env!("CARGO_PKG_VERSION"))),
        (Some(_), _) => return usage(&format!("{}: unknown argument; see --help\n", service.name)),
    }
    let (frame, configuration) = match settings.finish(frame.zip(configuration)) {
        Ok(read) => read,
        Err(Faults(faults)) => {
            let lines: Vec<String> = faults.iter().map(|fault| format!("{}: {fault}\n", service.name)).collect();
            return usage(&lines.concat());
        }
    };
    frame.log.start();
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            frame.telemetry.start(service.name, runtime.handle().clone());
            let ended = runtime.block_on(until_drained(service, frame.drain, |drain| run(configuration, drain)));
            // Last of all, while the runtime still sends.
            telemetry::flush();
            runtime.shutdown_timeout(END_WITHIN);
            ended
        }
        Err(error) => {
            tracing::error!(%error, "the async runtime did not start");
            ExitCode::FAILURE
        }
    }
}

async fn until_drained<R, F>(service: Service, deadline: Duration, run: R) -> ExitCode
where
    R: FnOnce(CancellationToken) -> F,
    F: Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be listened to");
        return ExitCode::FAILURE;
    };
    let drain = CancellationToken::new();
    // Beside all other tasks: the thread that waits here is none of the runtime's, and to wake it costs two calls of the
    // kernel each time.
    let mut running = tokio::spawn(run(drain.clone()));
    let ended = tokio::select! {
        ended = &mut running => Some(ended),
        () = either(&mut terminate, &mut interrupt) => None,
    };
    let ended = if ended.is_some() {
        ended
    } else {
        tracing::info!(service = service.name, deadline_s = deadline.as_secs(), "draining");
        drain.cancel();
        tokio::select! {
            ended = &mut running => Some(ended),
            () = tokio::time::sleep(deadline) => None,
            () = either(&mut terminate, &mut interrupt) => None,
        }
    };
    match ended {
        Some(Ok(Ok(()))) => {
            tracing::info!(service = service.name, "ended");
            ExitCode::SUCCESS
        }
        Some(Ok(Err(error))) => {
            tracing::error!(service = service.name, error, "ended by an error");
            ExitCode::FAILURE
        }
        Some(Err(error)) => {
            tracing::error!(service = service.name, %error, "ended by a panic");
            ExitCode::FAILURE
        }
        None => {
            tracing::error!(service = service.name, "ended before all was drained");
            ExitCode::FAILURE
        }
    }
}

async fn either(first: &mut Signal, second: &mut Signal) {
    tokio::select! {
        _ = first.recv() => {}
        _ = second.recv() => {}
    }
}

fn probed(service: Service, outcome: Result<(), ProbeFault>) -> ExitCode {
    let Err(fault) = outcome else { return ExitCode::SUCCESS };
    // Container runtimes keep what a health check says.
    match std::io::stderr().write_all(format!("{}: {fault}\n", service.name).as_bytes()) {
        Ok(()) | Err(_) => ExitCode::FAILURE,
    }
}

fn help(service: Service, settings: &Settings<'_>) -> String {
    let name = service.name;
    let mut text = format!(
        "{name}: {}\n\nusage: {name} [--help | --version]\n       \
         {name} probe    exit with 0 if the one that runs here is ready (for health checks)\n",
        service.about
    );
    let written =
        write!(text, "{}\nSettings, from the environment:\n\n{}", service.commands, describe(settings.declared()));
    debug_assert!(written.is_ok());
    text
}

/// Writes to standard output; a closed pipe is no error worth a word.
pub fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Writes to standard error and gives the exit code for faulty usage.
pub fn usage(text: &str) -> ExitCode {
    match std::io::stderr().write_all(text.as_bytes()) {
        Ok(()) | Err(_) => ExitCode::from(EXIT_USAGE),
    }
}
