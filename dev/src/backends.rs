//! The examples in `docs/examples/proof`: how back ends verify a proof, each with the library that is usual in its
//! language. What they need is fetched by the step `backends` of `cargo dev test`; the system tests run them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::workspace;

/// A registry that does not answer must not hold up whoever waits for this; a first build of all takes a minute.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often a program that was started is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);

/// A language with an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// jose.
    Node,
    /// `PyJWT`.
    Python,
    /// golang-jwt and keyfunc.
    Go,
    /// jsonwebtoken.
    Rust,
}

/// Whether what lacks may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Only what is there.
    Off,
    /// From the language's own registry.
    On,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Node, Self::Python, Self::Go, Self::Rust];

    /// The example's folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Python => "python",
            Self::Go => "go",
            Self::Rust => "rust",
        }
    }

    /// What runs the example, with its arguments still to be added: the sources as they are now.
    ///
    /// # Errors
    /// A program or a library is lacking; the error says which.
    pub fn ready(self, network: Network) -> Result<Command> {
        let example = workspace::root().join("docs/examples/proof").join(self.name());
        let tools = workspace::target().join("proof-tools").join(self.name());
        fs::create_dir_all(&tools).with_context(|| format!("{} can't be made", tools.display()))?;
        match self {
            Self::Node => node(&example, &tools, network),
            Self::Python => python(&example, &tools, network),
            Self::Go => go(&example, &tools, network),
            Self::Rust => rust(&example, network),
        }
    }
}

fn node(example: &Path, tools: &Path, network: Network) -> Result<Command> {
    let manifest = fs::read_to_string(example.join("package.json"))?;
    provide(tools, &manifest, network, || {
        fs::copy(example.join("package.json"), tools.join("package.json"))?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
        ended_well(npm.args(["--fetch-retries=1", "--fetch-timeout=20000"]).current_dir(tools))
    })?;
    // A module finds its libraries from where it lies.
    for file in ["main.mjs", "proof.mjs"] {
        fs::copy(example.join(file), tools.join(file))?;
    }
    let mut command = Command::new("node");
    command.arg(tools.join("main.mjs"));
    Ok(command)
}

fn python(example: &Path, tools: &Path, network: Network) -> Result<Command> {
    let requirements = example.join("requirements.txt");
    provide(tools, &fs::read_to_string(&requirements)?, network, || {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--upgrade", "--disable-pip-version-check"]);
        pip.args(["--only-binary", ":all:", "--timeout", "20", "--retries", "1", "--root-user-action", "ignore"]);
        ended_well(pip.arg("--target").arg(tools).arg("--requirement").arg(&requirements))
    })?;
    let mut command = Command::new("python3");
    command.arg(example.join("main.py")).env("PYTHONPATH", tools).env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}

fn go(example: &Path, tools: &Path, network: Network) -> Result<Command> {
    let program = tools.join("proof");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg(".").current_dir(example);
    if network == Network::Off {
        build.env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
    }
    ended_well(&mut build)?;
    Ok(Command::new(program))
}

fn rust(example: &Path, network: Network) -> Result<Command> {
    let program = workspace::target().join("debug/distotp-proof-example");
    // Cargo builds one thing at a time: whoever only wants to run this shall not wait for another build.
    if network == Network::Off && is_newer(&program, example)? {
        return Ok(Command::new(program));
    }
    let mut build = workspace::cargo();
    build.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(example.join("Cargo.toml"));
    build.env("CARGO_TARGET_DIR", workspace::target());
    if network == Network::Off {
        build.arg("--offline");
    }
    ended_well(&mut build)?;
    Ok(Command::new(program))
}

/// Whether a program is there and newer than all it is made from.
fn is_newer(program: &Path, example: &Path) -> Result<bool> {
    let Ok(built) = fs::metadata(program).and_then(|found| found.modified()) else { return Ok(false) };
    for file in ["Cargo.toml", "Cargo.lock", "src/lib.rs", "src/main.rs"] {
        if fs::metadata(example.join(file))?.modified()? > built {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Runs `fetch` unless it has run well for the same list of libraries.
fn provide(tools: &Path, wanted: &str, network: Network, fetch: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp: PathBuf = tools.join("fetched");
    if fs::read_to_string(&stamp).is_ok_and(|known| known == wanted) {
        return Ok(());
    }
    if network == Network::Off {
        bail!("its library is not fetched: `cargo dev test backends` does that");
    }
    fetch()?;
    fs::write(&stamp, wanted).with_context(|| format!("{} can't be written", stamp.display()))
}

/// Runs a program to its end, within [`PATIENCE`].
fn ended_well(command: &mut Command) -> Result<()> {
    let name =
        Path::new(command.get_program()).file_name().map(OsStr::to_string_lossy).unwrap_or_default().into_owned();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn();
    let mut child = child.with_context(|| format!("{name} can't be started"))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("{name} ended with {status}"),
            None if Instant::now() >= deadline => {
                child.kill()?;
                child.wait()?;
                bail!("{name} took more than {} s", PATIENCE.as_secs());
            }
            None => std::thread::sleep(POLL),
        }
    }
}
