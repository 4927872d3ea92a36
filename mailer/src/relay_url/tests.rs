use secrecy::ExposeSecret;

use super::*;

#[test]
fn reads_every_form() {
    for (text, shown, encryption) in [
        ("smtp://relay.example.com", "relay.example.com:587", Encryption::Required),
        ("smtp://relay.example.com:2525/?tls=required", "relay.example.com:2525", Encryption::Required),
        ("smtp://relay.example.com?tls=opportunistic", "relay.example.com:587", Encryption::Opportunistic),
        ("smtp://127.0.0.1:1025?tls=none", "127.0.0.1:1025", Encryption::None),
        ("smtps://relay.example.com", "relay.example.com:465", Encryption::Implicit),
        ("smtps://[2001:db8::1]:4650", "[2001:db8::1]:4650", Encryption::Implicit),
    ] {
        let relay = RelayUrl::parse(text).unwrap();
        assert_eq!((relay.to_string().as_str(), relay.encryption), (shown, encryption), "{text}");
        assert!(
            relay.login.is_none() && relay.connections.is_none() && relay.rate.is_none() && relay.ca.is_none(),
            "{text}"
        );
    }
    let relay =
        RelayUrl::parse("smtp://us%40er:p%2Cw%3A%25@host?auth=xoauth2&connections=4&ca=/etc/ssl/my%20ca.pem").unwrap();
    let login = relay.login.unwrap();
    assert_eq!((login.user.as_str(), login.password.expose_secret()), ("us@er", "p,w:%"));
    assert_eq!(login.mechanism, Some(Mechanism::Xoauth2));
    assert_eq!((relay.connections, relay.ca), (Some(4), Some(PathBuf::from("/etc/ssl/my ca.pem"))));
}

#[test]
fn reads_rates() {
    for (text, interval_ms) in [("14/s", 1000.0 / 14.0), ("600/m", 100.0), ("9000/h", 400.0), ("100000/s", 0.01)] {
        let rate = RelayUrl::parse(&format!("smtp://host?rate={text}")).unwrap().rate.unwrap();
        assert!((rate.interval().as_secs_f64() * 1000.0 - interval_ms).abs() < 0.001, "{text}: {rate:?}");
    }
}

#[test]
fn refuses_the_rest_without_repeating_it() {
    for bad in [
        "",
        "relay.example.com",
        "http://relay.example.com",
        "smtp://",
        "smtp://user@host",
        "smtp://:secret@host",
        "smtp://us%00er:secret@host",
        "smtp://host/path",
        "smtp://host#fragment",
        "smtp://host?tls=maybe",
        "smtps://host?tls=none",
        "smtp://host?auth=plain",
        "smtp://user:secret@host?auth=cram-md5",
        "smtp://host?connections=0",
        "smtp://host?connections=1001",
        "smtp://host?connection=1",
        "smtp://host?rate=14",
        "smtp://host?rate=0/s",
        "smtp://host?rate=100001/s",
        "smtp://host?rate=1.5/s",
        "smtp://host?rate=1/d",
        "smtp://host?rate=/s",
        "smtp://user:%ff@host",
        "smtp://ho%0d%0ast",
        "smtp://ho%20st",
        "smtp://%00",
    ] {
        let why = RelayUrl::parse(bad).unwrap_err();
        assert!(!why.contains("secret") && !why.contains("host?"), "{bad}: {why}");
    }
}

#[test]
fn shows_no_secret() {
    let relay = RelayUrl::parse("smtp://user:hunter2@host").unwrap();
    let shown = format!("{relay:?} {relay}");
    assert!(!shown.contains("hunter2") && !shown.contains("user:"), "{shown}");
}
