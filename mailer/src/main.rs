//! The program `otp-mailer`.

use std::alloc::System;
use std::process::ExitCode;

use otp_mailer::service::Service;
use otp_mailer::settings::MailerSettings;
use otp_nats::settings::ProcessEnvironment;
use otp_nats::shutdown::{self, run_service};
use zeroizing_alloc::ZeroAlloc;

/// Memory is wiped when it is given back: buffers, parsers and templates that know of no secrets hold copies of some.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let service = shutdown::Service {
        name: "otp-mailer",
        about: "takes requests for codes off NATS and mails them",
        commands: "",
    };
    run_service(service, &ProcessEnvironment, MailerSettings::read, |settings, drain| async move {
        Ok(Service::bind(settings).await?.run(drain).await?)
    })
}
