//! Types that hold secrets: printed with all that `Debug` gives, none of them shows any.

use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

use otp_gateway::code::Code;
use otp_gateway::email::EmailAddress;
use otp_gateway::record::{Record, RecordSealer};
use otp_gateway::token::{Proof, TokenSigner};
use otp_gateway::{Config, recipient::Ids};
use otp_mailer::settings::MailerSettings;
use otp_nats::keys::KeyList;
use otp_nats::request::MailRequest;
use otp_nats::settings::Settings;
use otp_nats::{Timestamp, VerificationId};
use otp_notifier::NotifierSettings;
use zeroize::ZeroizeOnDrop;

use super::search::Secrets;

const ADDRESS: &str = "Trillian.Astra@secrets.test";
const CODE: &str = "7294618035";
const PASSWORD: &str = "Heart-of-Gold";
const KEYS: &str = "k1:9f3hV2mYQ0sJ7cUe1xBzKp5LrT8wNdGaO4iSvXyZ6kM=,k2:0PqRsTuVwXyZaBcDeFgHiJkLmNoPqRsTuVwXyZaBcDc=";

fn secrets() -> Secrets {
    let mut secrets = Secrets::default();
    secrets.add_address(ADDRESS);
    secrets.add("a code", CODE);
    secrets.add("a password", PASSWORD);
    for (_, key) in KEYS.split(',').filter_map(|entry| entry.split_once(':')) {
        secrets.add("a key", key);
    }
    for key in &keys() {
        let list: Vec<String> = key.bytes().iter().take(8).map(u8::to_string).collect();
        secrets.add("a key's bytes", &list.join(", "));
    }
    secrets
}

fn keys() -> KeyList {
    KEYS.parse().expect("a list")
}

fn shows_none(what: &str, value: &impl Debug) {
    let shown = format!("{value:?} {value:#?}").replace(",\n", ", ");
    let folded: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in [&shown, &folded] {
        let found = secrets().found_in(text);
        assert!(found.is_empty(), "{what} shows {found:#?}");
    }
}

fn is_wiped<T: ZeroizeOnDrop>(_: &T) {}

#[test]
fn no_type_shows_the_secret_in_it() {
    let id: VerificationId = "abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().expect("an id");
    let email = EmailAddress::parse(ADDRESS).expect("an address");
    let code = Code::recorded(CODE);
    let metadata = serde_json::json!({"order": 1});
    shows_none("EmailAddress", &email);
    shows_none("Code", &code);
    shows_none("CodeHash", &code.hash(keys().first(), &id));
    shows_none("Key", keys().first());
    shows_none("KeyList", &keys());
    shows_none("Ids", &Ids::new(keys()));
    shows_none("RecordSealer", &RecordSealer::new(&keys()));
    let signer = TokenSigner::new(&keys(), "issuer".into(), "audience".into(), Duration::from_secs(600));
    shows_none("TokenSigner", &signer);
    let now = Timestamp::from_millis(0);
    let proof =
        Proof { id: &id, audience: None, email: ADDRESS, purpose: None, metadata: Some(&metadata), verified_at: now };
    shows_none("Proof", &proof);
    let record = Record {
        email: ADDRESS.into(),
        code: code.clone(),
        locale: String::new(),
        app: String::new(),
        purpose: None,
        metadata: None,
    };
    shows_none("Record", &record);
    let request = MailRequest {
        email: ADDRESS.into(),
        code: CODE.into(),
        locale: String::new(),
        app: String::new(),
        sender: String::new(),
        templates: String::new(),
        blocked: false,
        report_url: String::new().into(),
        place: String::new(),
    };
    shows_none("MailRequest", &request);
    is_wiped(keys().first());
    is_wiped(&record.email);
    is_wiped(code.secret());
    is_wiped(&request.code);
}

#[test]
fn no_configuration_shows_the_secret_in_it() {
    let text = |text: &str| text.to_owned();
    let mut variables: HashMap<&str, String> = HashMap::new();
    for name in ["OTP_SEAL_KEYS", "OTP_TICKET_KEYS", "OTP_HASH_KEYS", "OTP_SIGNING_KEYS"] {
        variables.insert(name, text(KEYS));
    }
    variables.insert("OTP_NATS_URL", format!("nats://user:{PASSWORD}@127.0.0.1:4222"));
    variables.insert("OTP_REDIS_URL", format!("redis://user:{PASSWORD}@127.0.0.1:6379/0"));
    variables.insert("OTP_SMTP_URL", format!("smtp://user:{PASSWORD}@127.0.0.1:587"));
    variables.insert("OTP_MAIL_FROM", text("otp@example.com"));
    variables.insert("OTP_EVENTS_URL", text("wss://example.com/v1/events"));
    variables.insert("OTP_OPEN_MODE", text("true"));

    let mut settings = Settings::new(&variables);
    let read = Config::read(&mut settings);
    shows_none("the gateway's settings being read", &settings);
    shows_none("the gateway's configuration", &settings.finish(read).expect("a configuration"));
    let mut settings = Settings::new(&variables);
    let read = MailerSettings::read(&mut settings);
    shows_none("the mailer's configuration", &settings.finish(read).expect("a configuration"));
    let mut settings = Settings::new(&variables);
    let read = NotifierSettings::read(&mut settings);
    shows_none("the notifier's configuration", &settings.finish(read).expect("a configuration"));
}

/// What a wrong setting says of itself; Redis' and NATS' URLs with Sentinels and several servers among them.
#[test]
fn no_fault_repeats_a_setting() {
    let faulty = [
        ("OTP_NATS_URL", format!("nats://user:{PASSWORD}@:bad, http://{PASSWORD}")),
        ("OTP_REDIS_URL", format!("redis-sentinel://user:{PASSWORD}@host:port/{PASSWORD}/x/y")),
        ("OTP_SMTP_URL", format!("smtp://user:{PASSWORD}@host:99999, {PASSWORD}")),
        ("OTP_SEAL_KEYS", format!("{KEYS}!")),
        ("OTP_HASH_KEYS", KEYS.replace('=', "").split_off(10)),
        ("OTP_MAIL_FROM", format!("{ADDRESS} <")),
    ];
    let variables: HashMap<&str, String> = faulty.into_iter().collect();
    let reads: [fn(&mut Settings<'_>); 3] = [
        |settings| drop(Config::read(settings)),
        |settings| drop(MailerSettings::read(settings)),
        |settings| drop(NotifierSettings::read(settings)),
    ];
    for read in reads {
        let mut settings = Settings::new(&variables);
        read(&mut settings);
        let faults = settings.finish::<()>(Some(())).expect_err("faulty");
        shows_none("the faults", &faults);
        let found = secrets().found_in(&faults.to_string());
        assert!(found.is_empty(), "{found:#?}");
    }
}
