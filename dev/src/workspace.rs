//! Where the checkout is, and its programs once built.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::stack::Part;

/// The root of the checkout that this tool was built from.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Cargo's folder, from where this program lies in it: it may be outside the checkout.
pub fn target() -> PathBuf {
    let executable = this_program().unwrap_or_default();
    let marked = |folder: &&Path| folder.join("CACHEDIR.TAG").exists();
    executable.ancestors().find(marked).map_or_else(|| root().join("target"), Path::to_owned)
}

/// What cargo tells the programs that it runs about their package. A build script that looks at one of these (that of
/// `ring` does) would find it changed in a cargo that we run, and everything above it would be compiled again.
const TOLD_BY_CARGO: [&str; 6] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR"];

/// `cargo`, run at the root: the one that runs this tool if one does.
pub fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _value) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| TOLD_BY_CARGO.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    command
}

/// This program's file, or the newer one that cargo has put in its place since the start.
///
/// # Errors
/// The system does not tell.
pub fn this_program() -> std::io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    // Linux marks a file that was replaced.
    let kept = path.to_str().and_then(|path| path.strip_suffix(" (deleted)")).map(PathBuf::from);
    Ok(kept.unwrap_or(path))
}

/// Builds the three services in the profile of this tool and tells the directory that holds them.
///
/// # Errors
/// The build fails; what the compiler says has been shown by then.
pub fn build_services() -> Result<PathBuf> {
    // The tool with them: one selection of packages has one set of features, whoever asks for it.
    let mut selection = vec!["--package", "otp-dev"];
    selection.extend(Part::SERVICES.iter().flat_map(|part| ["--package", part.program()]));
    build(&selection)
}

/// Builds all that `cargo test --workspace` runs, and tells the directory that holds the services.
///
/// # Errors
/// As [`build_services`].
pub fn build_for_tests() -> Result<PathBuf> {
    build(&["--workspace", "--lib", "--bins", "--tests"])
}

fn build(selection: &[&str]) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--message-format=json-render-diagnostics"]).args(selection).args(profile());
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cargo can't be started")?;
    if !output.status.success() {
        bail!("it does not build ({})", output.status);
    }
    let executables = executables(&String::from_utf8_lossy(&output.stdout));
    let mut directory = None;
    for part in Part::SERVICES {
        let executable = executables.iter().find(|path| path.file_name().is_some_and(|name| name == part.program()));
        let executable = executable.with_context(|| format!("cargo built no {}", part.program()))?;
        directory = executable.parent().map(Path::to_owned);
    }
    directory.context("cargo names no directory")
}

/// The profile of this tool, from where it lies: `target/debug/otp-dev`, `target/release/deps/it-...`.
pub(crate) fn profile() -> Vec<String> {
    let executable = this_program().unwrap_or_default();
    let directories = executable.ancestors().skip(1).filter_map(Path::file_name).map(|name| name.to_string_lossy());
    match directories.into_iter().find(|name| name != "deps").as_deref() {
        Some("release") => vec!["--release".to_owned()],
        _ if cfg!(debug_assertions) => Vec::new(),
        Some(name) if executable.ancestors().nth(2).is_some_and(|target| target.join("CACHEDIR.TAG").exists()) => {
            vec!["--profile".to_owned(), name.to_owned()]
        }
        Some(_) | None => Vec::new(),
    }
}

/// The programs in cargo's messages, one JSON object a line.
fn executables(messages: &str) -> Vec<PathBuf> {
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_program = message.pointer("/target/kind")?.as_array()?.iter().any(|kind| kind == "bin");
        let path = message.get("executable")?.as_str()?;
        is_program.then(|| PathBuf::from(path))
    };
    messages.lines().filter_map(executable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_the_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"a"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"b"},"executable":"/t/debug/b"}"#,
            "\nno json\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executables(messages), [PathBuf::from("/t/debug/b")]);
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("Cargo.lock").exists());
    }
}
