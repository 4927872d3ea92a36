//! A relay: connected to, encrypted, logged in, and asked what it can. No mail is sent.

use lettre::Address;
use otp_mailer::relay_url::{Encryption, RelayUrl};
use otp_mailer::settings::MailerSettings;
use otp_mailer::smtp::{Connection, Dialer, Fault, FaultKind, Features};

use super::{Finding, is_local};

const CHECK: &str = "relay";
/// The largest mail that templates make is far below this; a relay that takes no more is set up for something else.
const SIZE_MIN: u64 = 256 * 1024;

pub(super) async fn check(relay: &RelayUrl, mailer: &MailerSettings, rcpt: Option<&Address>) -> Vec<Finding> {
    let about = relay.to_string();
    let mut findings = encryption(relay, &about);
    let dialer = match Dialer::new(relay.clone(), mailer.hello.as_ref().map(|name| name.0.clone())) {
        Ok(dialer) => dialer,
        Err(fault) => {
            let mend = "the file that ca= names, or the system's authorities";
            findings.push(Finding::fault("relay.tls", &about, &fault.to_string(), mend));
            return findings;
        }
    };
    let connection = match dialer.connect().await {
        Ok(connection) => connection,
        Err(fault) => {
            findings.push(refused(&fault, &about));
            return findings;
        }
    };
    let login = if relay.login.is_some() { ", logged in" } else { ", no login asked for" };
    findings.push(Finding::ok(CHECK, &about, &(told(connection.features()) + login)));
    if connection.features().size.is_some_and(|size| size < SIZE_MIN) {
        let said = "it takes mails of less than 256 KiB only";
        findings.push(Finding::warning(CHECK, &about, said, "the relay's limit (SIZE)"));
    }
    match rcpt {
        Some(rcpt) => findings.push(asked(connection, mailer, rcpt, &about).await),
        None => connection.quit().await,
    }
    findings
}

fn encryption(relay: &RelayUrl, about: &str) -> Vec<Finding> {
    let (said, mend) = match relay.encryption {
        Encryption::Implicit | Encryption::Required => return Vec::new(),
        Encryption::Opportunistic => ("encrypted only where the relay offers it", "tls=required"),
        Encryption::None if is_local(&relay.host) => return Vec::new(),
        Encryption::None => ("codes and addresses go there in clear", "tls=required, and the relay's certificate"),
    };
    vec![Finding::warning("relay.tls", about, said, mend)]
}

fn told(features: Features) -> String {
    let Features { encrypted, pipelining, eight_bit, utf8, size } = features;
    let mut said = String::from(if encrypted { "TLS with a certificate that holds" } else { "it answers, in clear" });
    for (known, name) in [(pipelining, "PIPELINING"), (eight_bit, "8BITMIME"), (utf8, "SMTPUTF8")] {
        said.push_str(if known { ", " } else { ", no " });
        said.push_str(name);
    }
    said + &size.map_or(", no SIZE".to_owned(), |size| format!(", SIZE {size}"))
}

fn refused(fault: &Fault, about: &str) -> Finding {
    let (check, mend) = match fault.kind {
        FaultKind::Unreachable => (CHECK, "host and port in OTP_SMTP_URL, and firewalls: many networks block port 25"),
        FaultKind::TimedOut | FaultKind::Lost => {
            (CHECK, "the port: smtps:// is TLS from the first byte (465), smtp:// is not")
        }
        FaultKind::Tls => {
            ("relay.tls", "the relay's certificate and the name it is for; ca=PATH for an authority of your own")
        }
        FaultKind::Authentication => ("relay.login", "user and password in OTP_SMTP_URL, percent-encoded, and auth="),
        FaultKind::Busy => (CHECK, "the relay's limits for you"),
        FaultKind::Unwelcome => (CHECK, "ask the relay's operator to let this machine in; OTP_SMTP_HELLO"),
    };
    Finding::fault(check, about, &fault.to_string(), mend)
}

async fn asked(connection: Connection, mailer: &MailerSettings, rcpt: &Address, about: &str) -> Finding {
    let check = "relay.rcpt";
    match connection.would_take(mailer.sender.0.email.clone(), rcpt.clone()).await {
        Ok(None) => Finding::ok(check, about, "it would take a mail to the address of --rcpt"),
        Ok(Some(reply)) => {
            let said = otp_nats::mask::scrub_reply(&reply.to_string(), rcpt.as_ref(), "", 200);
            Finding::fault(
                check,
                about,
                &said,
                "whether the relay lets this login send as OTP_MAIL_FROM, and to others",
            )
        }
        Err(fault) => Finding::fault(check, about, &fault.to_string(), "the relay broke off; ask again"),
    }
}
