//! What a mail's signatures cost: `cargo run -p otp-mailer --example sign -- [MAILS]`, with `openssl` in `PATH`.
//!
//! One mail after the other, as each waits for its own signatures; the RSA key has 2048 bits.

#![expect(clippy::print_stdout, reason = "a program that prints its findings")]

use std::error::Error;
use std::time::Instant;

use otp_mailer::dkim::command::fresh_keys;
use otp_mailer::dkim::{DkimKeys, Signer};
use otp_mailer::smtp::Outgoing;
use otp_nats::Timestamp;
use otp_nats::settings::Setting as _;
use prometheus_client::registry::Registry;

/// About as large as the mails are.
const BODY_LINES: usize = 150;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mails: u32 = std::env::args().nth(1).map_or(Ok(5000), |number| number.parse())?;
    let now = Timestamp::now();
    let both = fresh_keys(&["--domain", "example.com"], now)?;
    let of = |algorithm: &str| both.lines().filter(|line| line.contains(algorithm)).collect::<Vec<_>>().join("\n");
    let line = "A line of a mail, of which there are some, each with about seventy bytes.\r\n";
    let text = format!(
        "From: Codes <codes@example.com>\r\nTo: alice@example.org\r\nSubject: Your code\r\n\
         Date: Fri, 02 Jan 2026 03:04:05 +0000\r\nMessage-ID: <a@example.com>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain\r\n\r\n{}",
        line.repeat(BODY_LINES)
    );
    for (name, keys) in
        [("none", String::new()), ("Ed25519", of(":ed25519:")), ("RSA", of(":rsa:")), ("both", both.to_string())]
    {
        let signer = Signer::new(DkimKeys::parse(&keys)?, &mut Registry::default());
        let started = Instant::now();
        for _ in 0..mails {
            let mail = Outgoing::new("codes@example.com".parse()?, "alice@example.org".parse()?, text.as_bytes());
            std::hint::black_box(signer.signed(mail, now).await);
        }
        let each = started.elapsed() / mails;
        println!("{name}: {:.0} µs a mail of {} bytes", each.as_secs_f64() * 1e6, text.len());
    }
    Ok(())
}
