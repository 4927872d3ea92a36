//! The versions of nats-server that the suite runs on.

use std::path::PathBuf;

use otp_dev::program::{Program, find_or_install};

/// The one that every other test runs on.
pub(crate) fn installed() -> PathBuf {
    find_or_install(Program::NatsServer).expect("nats-server")
}

/// Another one: where `OTP_TEST_NATS_SERVER` says, or where Go installs it.
pub(crate) fn newer() -> Option<PathBuf> {
    let named = std::env::var_os("OTP_TEST_NATS_SERVER").filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(path) = named {
        assert!(path.is_file(), "OTP_TEST_NATS_SERVER names no file");
        return Some(path);
    }
    let go = std::env::var_os("GOPATH").map(|go| PathBuf::from(go).join("bin"));
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join("go/bin"));
    [go, home].into_iter().flatten().map(|folder| folder.join("nats-server")).find(|file| file.is_file())
}
