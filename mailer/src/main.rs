//! The program `otp-mailer`.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use otp_mailer::dkim::command;
use otp_mailer::service::Service;
use otp_mailer::settings::MailerSettings;
use otp_nats::Timestamp;
use otp_nats::settings::ProcessEnvironment;
use otp_nats::shutdown::{self, print, run_service, usage};
use zeroizing_alloc::ZeroAlloc;

/// Memory is wiped when it is given back: buffers, parsers and templates that know of no secrets hold copies of some.
#[global_allocator]
static MEMORY: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

fn main() -> ExitCode {
    let service = shutdown::Service {
        name: "otp-mailer",
        about: "takes requests for codes off NATS and mails them",
        commands: "       otp-mailer dkim-keys --domain DOMAIN [--selector NAME] [--rsa PEM]    print fresh keys for \
                   OTP_DKIM_KEYS\n       and the records to publish in the DNS; with --rsa of the key in that file\n",
    };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["dkim-keys", wanted @ ..] = arguments.as_slice() {
        return match command::fresh_keys(wanted, Timestamp::now()) {
            Ok(keys) => print(&keys),
            Err(fault) => usage(&format!("otp-mailer: {fault}\n")),
        };
    }
    run_service(service, &ProcessEnvironment, MailerSettings::read, |settings, drain| async move {
        Ok(Service::bind(settings).await?.run(drain).await?)
    })
}
