//! The program `otp-gateway`.

use std::process::ExitCode;

use otp_gateway::{Config, Server};
use otp_nats::settings::ProcessEnvironment;
use otp_nats::shutdown::{Service, print, run_service, usage};

const SERVICE: Service = Service {
    name: "otp-gateway",
    about: "HTTP API and page of DistOTP",
    commands: "       otp-gateway keys    print a fresh set of keys\n",
};

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("keys") {
        return match otp_gateway::keys::fresh_set() {
            Ok(keys) => print(&keys),
            Err(error) => usage(&format!("otp-gateway: no random bytes: {error}\n")),
        };
    }
    run_service(SERVICE, &ProcessEnvironment, Config::read, |config, drain| async move {
        Ok(Server::bind(config).await?.run(drain).await?)
    })
}
