//! `cargo dev`; see `cargo dev --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    otp_dev::command::run()
}
