//! The gateway: the HTTP API and the page. It alone speaks Redis, serves HTTP to clients, and makes and checks codes.
//!
//! A request is accepted (202) when JetStream has it; the mailer does the rest. A code is checked in Redis alone.

pub mod altcha;
pub mod apps;
pub mod client_ip;
pub mod code;
pub mod config;
pub mod description;
pub mod domain;
pub mod email;
pub mod flood;
pub mod http;
pub mod keys;
pub mod limits;
pub mod lists;
pub mod metrics;
pub mod outbox;
pub mod place;
pub mod problem;
pub mod recipient;
pub mod record;
pub mod report;
pub mod server;
pub mod store;
pub mod token;
pub mod verification;

pub use config::Config;
pub use otp_nats::watched_file;
pub use server::Server;
