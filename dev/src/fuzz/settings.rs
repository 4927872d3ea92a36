//! Settings: text that an operator wrote, or whoever can write into the environment.

use std::net::SocketAddr;
use std::time::Duration;

use otp_gateway::client_ip::TrustedProxies;
use otp_gateway::limits::Limits;
use otp_gateway::store::RedisUrl;
use otp_mailer::relay_url::RelayUrl;
use otp_nats::keys::{Key, KeyList};
use otp_nats::settings::{List, Setting};
use otp_notifier::Origins;
use secrecy::ExposeSecret as _;

use super::text;

/// A password shorter than this may stand in another part of what is shown by accident.
const TELLING: usize = 12;
/// No fault says this of itself.
const SECRET: &str = "7f3Qz9kX";

/// Reads a setting; the fault of one that is faulty repeats nothing of what was written.
fn read<T: Setting>(text: &str) -> Option<T> {
    let value = T::parse(text).ok();
    if value.is_none() {
        for marked in [format!("{text}{SECRET}"), format!("{SECRET}{text}")] {
            let why = T::parse(&marked).err().unwrap_or_default();
            assert!(!why.contains(SECRET), "{why:?} repeats what is in {marked:?}");
        }
    }
    value
}

pub(super) fn settings(input: &[u8]) {
    // As the environment gives it: trimmed, and empty is unset.
    let Some(text) = text(input).map(str::trim).filter(|text| !text.is_empty()) else { return };
    if let Some(duration) = read::<Duration>(text) {
        let written = format!("{}ms", duration.as_millis());
        assert_eq!(Duration::parse(&written), Ok(duration));
    }
    if let Some(limits) = read::<Limits>(text) {
        assert!(limits.as_slice().len() <= 4 && (!limits.is_off() || text.eq_ignore_ascii_case("off")));
        let written: Vec<String> = limits
            .as_slice()
            .iter()
            .map(|limit| {
                assert!((1..=10_000).contains(&limit.count) && !limit.period.is_zero());
                format!("{}/{}ms", limit.count, limit.period.as_millis())
            })
            .collect();
        assert!(limits.is_off() || Limits::parse(&written.join(",")) == Ok(limits));
    }
    if let Some(list) = read::<List<String>>(text) {
        assert!(list.0.iter().all(|entry| !entry.is_empty() && entry.trim() == entry && !entry.contains(',')));
        assert_eq!(List::<String>::parse(&list.0.join(",")), Ok(list));
    }
    if let Some(list) = read::<List<SocketAddr>>(text) {
        let written: Vec<String> = list.0.iter().map(SocketAddr::to_string).collect();
        assert_eq!(List::<SocketAddr>::parse(&written.join(",")), Ok(list));
    }
    if let Some(number) = read::<i64>(text) {
        assert_eq!(i64::parse(&number.to_string()), Ok(number));
    }
    if let Some(flag) = read::<bool>(text) {
        assert_eq!(bool::parse(&flag.to_string()), Ok(flag));
    }
    if let Some(keys) = read::<KeyList>(text) {
        let written: Vec<String> = keys.iter().map(|key| key.to_setting().to_string()).collect();
        let again: KeyList = written.join(",").parse().expect("what was written is a list");
        assert!(again.iter().map(Key::bytes).eq(keys.iter().map(Key::bytes)));
        let shown = format!("{keys:?}");
        assert!(written.iter().all(|key| !shown.contains(key)), "{shown}");
    }
    let _proxies = read::<TrustedProxies>(text);
    let _origins = read::<Origins>(text);
}

pub(super) fn urls(input: &[u8]) {
    let Some(text) = text(input).map(str::trim).filter(|text| !text.is_empty()) else { return };
    if let Some(redis) = read::<RedisUrl>(text) {
        let shown = format!("{redis:?}");
        let forms = ["RedisUrl(single server)", "RedisUrl(Sentinel)", "RedisUrl(Cluster)"];
        assert!(forms.contains(&shown.as_str()), "{shown}");
    }
    for relay in read::<List<RelayUrl>>(text).into_iter().flat_map(|list| list.0) {
        let host = relay.host.as_str();
        let plain = !host.is_empty() && !host.chars().any(|c| c.is_control() || c.is_whitespace());
        assert!(plain, "{host:?} would go into events, metrics and name look-ups");
        assert!(relay.connections.is_none_or(|number| (1..=1000).contains(&number)));
        let shown = format!("{relay} {relay:?}");
        if let Some(login) = &relay.login {
            assert!(!login.user.chars().any(char::is_control));
            let password = login.password.expose_secret();
            let elsewhere = format!("{host} {:?}", relay.ca);
            assert!(password.len() < TELLING || elsewhere.contains(password) || !shown.contains(password), "{shown}");
        }
    }
}
