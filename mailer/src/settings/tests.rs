use std::collections::HashMap;

use otp_nats::settings::{Environment, Faults};
use zeroize::Zeroizing;

use super::*;

struct Fixed(HashMap<&'static str, &'static str>);

impl Environment for Fixed {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|&value| value.to_owned())
    }

    fn file(&self, path: &str) -> std::io::Result<Zeroizing<String>> {
        Ok(format!("smtp://user:{}@host\n", path.trim_start_matches('/')).into())
    }
}

fn read(variables: &[(&'static str, &'static str)]) -> Result<MailerSettings, Faults> {
    let environment = Fixed(variables.iter().copied().collect());
    let mut settings = Settings::new(&environment);
    let read = MailerSettings::read(&mut settings);
    settings.finish(read)
}

const KEYS: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[test]
fn reads_with_defaults() {
    let settings = read(&[
        ("OTP_SMTP_URL", "smtp://one.example.com, smtps://two.example.com"),
        ("OTP_MAIL_FROM", "Codes <codes@example.com>"),
        ("OTP_SEAL_KEYS", KEYS),
    ])
    .unwrap();
    assert_eq!(
        settings.relays.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["one.example.com:587", "two.example.com:465"]
    );
    assert_eq!(settings.sender.0.to_string(), "Codes <codes@example.com>");
    assert_eq!((settings.concurrency, settings.code_in_subject), (64, false));
    assert_eq!(settings.admin.port(), 9501);
}

#[test]
fn reports_every_fault_by_name_and_never_by_value() {
    let Faults(faults) = read(&[
        ("OTP_SMTP_URL", "smtp://user:hunter2@host?tls=maybe"),
        ("OTP_MAIL_FROM", "hunter2"),
        ("OTP_MAIL_CONCURRENCY", "0"),
    ])
    .unwrap_err();
    for name in ["OTP_SMTP_URL", "OTP_MAIL_FROM", "OTP_SEAL_KEYS", "OTP_MAIL_CONCURRENCY"] {
        assert!(faults.iter().any(|fault| fault.contains(name)), "{name}: {faults:?}");
    }
    assert!(!faults.concat().contains("hunter2"), "{faults:?}");
}

#[test]
fn reads_the_relays_from_a_file_and_shows_no_password() {
    let settings =
        read(&[("OTP_SMTP_URL_FILE", "/hunter2"), ("OTP_MAIL_FROM", "codes@example.com"), ("OTP_SEAL_KEYS", KEYS)])
            .unwrap();
    assert!(settings.relays[0].login.is_some());
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn names_and_senders_hold_no_line_ends() {
    for bad in ["", "a b", "a\r\nb", "a>b"] {
        assert!(HelloName::parse(bad).is_err() || bad.is_empty(), "{bad:?}");
    }
    for bad in ["codes@exämple.com", "cödes@example.com", "Codes\r\nBcc: x@example.com <codes@example.com>", "Codes"]
    {
        assert!(Sender::parse(bad).is_err(), "{bad:?}");
    }
}
