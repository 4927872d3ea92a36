//! `otp-notifier`: see the library.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use otp_nats::settings::ProcessEnvironment;
use otp_nats::shutdown::{Service, run_service};
use otp_notifier::{Notifier, NotifierSettings};
use zeroizing_alloc::ZeroAlloc;

/// Memory is wiped when it is given back: buffers, parsers and templates that know of no secrets hold copies of some.
#[global_allocator]
static MEMORY: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

const SERVICE: Service =
    Service { name: "otp-notifier", about: "verification events to WebSocket clients", commands: "" };

fn main() -> ExitCode {
    run_service(SERVICE, &ProcessEnvironment, NotifierSettings::read, |settings, stop| async move {
        Notifier::bind(settings).await?.run(stop).await?;
        Ok(())
    })
}
