//! The program `otp-mailer`.

use std::process::ExitCode;

use otp_mailer::service::Service;
use otp_mailer::settings::MailerSettings;
use otp_nats::settings::ProcessEnvironment;
use otp_nats::shutdown::{self, run_service};

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
