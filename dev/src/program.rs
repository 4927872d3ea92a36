//! Programs of others: found on this machine, or installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::console;

/// Where programs lie beside `PATH`: Debian puts servers where users don't look, and others have their own.
const PLACES: [&str; 6] =
    ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/bin", "/opt/homebrew/bin", "/opt/local/bin"];

/// A program that this tool needs and doesn't build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The message bus.
    NatsServer,
    /// Codes, attempts and limits.
    RedisServer,
    /// Runs the web client's tests.
    Node,
    /// The browser of the browser tests.
    Chromium,
    /// Drives it.
    ChromeDriver,
    /// Takes mails and forgets them: postfix's own tool.
    SmtpSink,
    /// Sends mails as fast as it can: the same.
    SmtpSource,
}

impl Program {
    /// The file names it goes by.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::NatsServer => &["nats-server"],
            Self::RedisServer => &["redis-server"],
            Self::Node => &["node", "nodejs"],
            Self::Chromium => &["chromium", "chromium-browser", "google-chrome"],
            Self::ChromeDriver => &["chromedriver"],
            Self::SmtpSink => &["smtp-sink"],
            Self::SmtpSource => &["smtp-source"],
        }
    }

    /// Debian's package.
    const fn debian(self) -> &'static str {
        match self {
            Self::NatsServer => "nats-server",
            Self::RedisServer => "redis-server",
            Self::Node => "nodejs",
            Self::Chromium => "chromium",
            Self::ChromeDriver => "chromium-driver",
            Self::SmtpSink | Self::SmtpSource => "postfix",
        }
    }

    /// Homebrew's package.
    const fn brew(self) -> &'static str {
        match self {
            Self::NatsServer => "nats-server",
            Self::RedisServer => "redis",
            Self::Node => "node",
            Self::Chromium => "chromium",
            Self::ChromeDriver => "chromedriver",
            Self::SmtpSink | Self::SmtpSource => "postfix",
        }
    }

    /// Where it is; `None` when it is not installed.
    pub fn find(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places: Vec<PathBuf> = std::env::split_paths(&path).chain(PLACES.iter().map(PathBuf::from)).collect();
        let found = |name: &&str| places.iter().map(|place| place.join(name)).find(|path| is_program(path));
        self.names().iter().find_map(found)
    }
}

/// Installs those that are missing.
///
/// # Errors
/// They can't be installed by this user or on this system; the error says what to run.
pub fn install_missing(wanted: &[Program]) -> Result<()> {
    let missing: Vec<Program> = wanted.iter().copied().filter(|program| program.find().is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = |name: fn(Program) -> &'static str| missing.iter().copied().map(name).collect::<Vec<_>>();
    if on_path("apt-get") {
        let packages = names(Program::debian);
        let line = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
        if !rustix::process::geteuid().is_root() {
            bail!("{} missing; run:\n  sudo apt-get update && sudo {line}", list(&packages));
        }
        console::say(format_args!("installing {}", packages.join(", ")));
        run("apt-get", &["update", "-q"])?;
        run("apt-get", &[&["install", "-y", "-q", "--no-install-recommends"], packages.as_slice()].concat())?;
    } else if on_path("brew") {
        let packages = names(Program::brew);
        console::say(format_args!("installing {}", packages.join(", ")));
        run("brew", &[&["install"], packages.as_slice()].concat())?;
    } else {
        let packages = names(Program::debian);
        bail!(
            "{} missing, and neither apt-get nor brew is here: install them and see that PATH finds them",
            list(&packages)
        );
    }
    match missing.into_iter().find(|program| program.find().is_none()) {
        Some(program) => bail!("{} was installed but is not found in PATH", program.debian()),
        None => Ok(()),
    }
}

/// As [`install_missing`] for one program, and tells where it is.
///
/// # Errors
/// As [`install_missing`].
pub fn find_or_install(program: Program) -> Result<PathBuf> {
    install_missing(&[program])?;
    program.find().with_context(|| format!("{} is not found in PATH", program.debian()))
}

fn list(packages: &[&str]) -> String {
    format!("{} {}", packages.join(", "), if packages.len() == 1 { "is" } else { "are" })
}

fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|place| is_program(&place.join(name)))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(program);
    let status = command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
    let status = status.with_context(|| format!("{program} can't be started"))?;
    if !status.success() {
        bail!("`{program} {}` failed ({status})", arguments.join(" "));
    }
    Ok(())
}
