//! The program `otp-gateway`.

use std::path::Path;
use std::process::ExitCode;

use mimalloc::MiMalloc;
use otp_gateway::apps::key;
use otp_gateway::{Config, Server, description, keys, lists};
use otp_nats::settings::ProcessEnvironment;
use otp_nats::shutdown::{Service, print, run_service, usage};
use zeroizing_alloc::ZeroAlloc;

/// Memory is wiped when it is given back: buffers, parsers and templates that know of no secrets hold copies of some.
#[global_allocator]
static MEMORY: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

const SERVICE: Service = Service {
    name: "otp-gateway",
    about: "HTTP API and page of DistOTP",
    commands: "       otp-gateway keys    print a fresh set of keys\n       \
               otp-gateway keys --write DIR [--routes HOST:PORT,...]    write what lacks of a set to DIR/PURPOSE/keys, and \
               passwords for NATS, its nodes and Redis\n       \
               otp-gateway app-keys    print fresh keys of an application, and their hashes for OTP_APPS_FILE\n       \
               otp-gateway blocked-hash    turn addresses from standard input into lines for OTP_BLOCKED_FILE\n       \
               otp-gateway openapi    print the description of the API (OpenAPI 3.1)\n       \
               otp-gateway asyncapi    print the description of the socket and the bus (AsyncAPI 3.0)\n",
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["blocked-hash"] => {
            said(lists::command::hash_lines(&ProcessEnvironment, std::io::stdin().lock()).map(|text| print(&text)))
        }
        ["keys"] => said(keys::fresh_set().map(|set| print(&set))),
        ["keys", "--write", dir] => said(keys::write_missing(Path::new(dir)).map(|text| print(&text))),
        ["keys", "--write", dir, "--routes", nodes] => {
            said(keys::write_for_cluster(Path::new(dir), nodes).map(|text| print(&text)))
        }
        ["app-keys"] => said(key::fresh_pair().map(|pair| print(&pair))),
        ["openapi"] => print(&format!("{:#}\n", description::openapi(None))),
        ["asyncapi"] => print(&format!("{:#}\n", otp_nats::description::asyncapi(None))),
        [command @ ("openapi" | "asyncapi"), ..] => usage(&format!("otp-gateway: {command} takes nothing\n")),
        ["app-keys", ..] => usage("otp-gateway: app-keys takes nothing\n"),
        ["keys", ..] => usage("otp-gateway: keys takes nothing, or --write DIR [--routes HOST:PORT,...]\n"),
        _ => run_service(SERVICE, &ProcessEnvironment, Config::read, |config, drain| async move {
            Ok(Server::bind(config).await?.run(drain).await?)
        }),
    }
}

fn said(outcome: Result<ExitCode, impl std::fmt::Display>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        usage(&format!("otp-gateway: {error}\n"));
        ExitCode::FAILURE
    })
}
