//! An example of a back end, running: a token in, what it makes of it out.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use otp_dev::backends::{Backend, Network};

use super::forgery::{AUDIENCE, ISSUER};

/// One process of an example.
pub(super) struct Running {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// What it says of a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Proven.
    Address(String),
    /// Why not.
    Refused(String),
}

impl Answer {
    /// Whether it was refused with a reason that has this in it.
    pub(super) fn is_refused(&self, reason: &str) -> bool {
        matches!(self, Self::Refused(why) if why.to_lowercase().contains(reason))
    }
}

impl Running {
    /// Starts the example; `None`, and said so, where its language or library is not here.
    pub(super) fn start(backend: Backend, key_set_url: &str, purpose: &str, cooldown_s: &str) -> Option<Self> {
        let mut command = match backend.ready(Network::Off) {
            Ok(command) => command,
            Err(error) => {
                println!("skipped: {backend:?}: {error:#}");
                return None;
            }
        };
        command.args([key_set_url, ISSUER, AUDIENCE, purpose, cooldown_s]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
        let input = child.stdin.take().expect("its input");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        Some(Self { child, input, output })
    }

    pub(super) fn ask(&mut self, token: &str) -> Answer {
        writeln!(self.input, "{token}").expect("it reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        match line.trim_end().split_once(' ') {
            Some(("ok", address)) => Answer::Address(address.to_owned()),
            Some(("refused", why)) => Answer::Refused(why.to_owned()),
            _ => panic!("{line:?} for {token}"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}
