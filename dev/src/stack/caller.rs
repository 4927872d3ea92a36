//! Whose value a service's setting has: the caller's or the stack's own.

use std::collections::{BTreeMap, BTreeSet};

use super::part::Part;

/// Settings that the stack owns: it hands out the ports.
const OWNED: [&str; 2] = ["OTP_LISTEN", "OTP_ADMIN_LISTEN"];
/// Settings that only some services may have, whoever sets them: keys by purpose, and Redis.
const CONFINED: [(&str, &[Part]); 7] = [
    ("OTP_SEAL_KEYS", &[Part::Gateway, Part::Mailer]),
    ("OTP_TICKET_KEYS", &[Part::Gateway, Part::Notifier]),
    ("OTP_HASH_KEYS", &[Part::Gateway]),
    ("OTP_SIGNING_KEYS", &[Part::Gateway]),
    ("OTP_DKIM_KEYS", &[Part::Mailer]),
    ("OTP_REDIS_URL", &[Part::Gateway]),
    ("OTP_REDIS_PASSWORD", &[Part::Gateway]),
];

/// The `OTP_` variables, and OpenTelemetry's, that whoever starts the stack has set, without those of the tool itself.
#[derive(Debug, Clone, Default)]
pub struct CallerVariables(BTreeMap<String, String>);

impl CallerVariables {
    /// Keeps what concerns the services. An empty variable counts as unset, as it does for them.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let concerns = |name: &str, value: &str| {
            // A service's name in traces is its own: one for all three would make one of them.
            (name.starts_with("OTP_") || (name.starts_with("OTEL_") && name != "OTEL_SERVICE_NAME"))
                && !name.starts_with("OTP_DEV_")
                && !OWNED.contains(&name)
                && !value.trim().is_empty()
        };
        Self(variables.into_iter().filter(|(name, value)| concerns(name, value)).collect())
    }

    /// Sets one more, or another value.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What a service gets: the stack's values but where the caller has set the same (or its `_FILE`), and all else
    /// that the caller has set.
    pub(super) fn merged(&self, part: Part, own: Vec<(String, String)>) -> BTreeMap<String, String> {
        let set: BTreeSet<&str> = self.names().map(plain).collect();
        let mut merged: BTreeMap<String, String> =
            own.into_iter().filter(|(name, _)| !set.contains(name.as_str())).collect();
        merged.extend(self.0.iter().map(|(name, value)| (name.clone(), value.clone())));
        merged.retain(|name, _| may_have(part, plain(name)));
        merged
    }
}

fn plain(name: &str) -> &str {
    name.strip_suffix("_FILE").unwrap_or(name)
}

fn may_have(part: Part, name: &str) -> bool {
    CONFINED.iter().find(|(confined, _)| *confined == name).is_none_or(|(_, parts)| parts.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_caller_wins_but_for_the_listening_addresses() {
        let set = [
            ("OTP_CODE_TTL", "5s"),
            ("OTP_LISTEN", "0.0.0.0:1"),
            ("OTP_DEV_SMTP_PORT", "1"),
            ("HOME", "/"),
            ("OTP_MAIL_FROM", " "),
        ];
        let caller = CallerVariables::new(pairs(&set));
        let own = pairs(&[("OTP_CODE_TTL", "300s"), ("OTP_LISTEN", "127.0.0.1:5000"), ("OTP_MAIL_FROM", "a@b.test")]);
        let merged = caller.merged(Part::Gateway, own);
        let expected = [("OTP_CODE_TTL", "5s"), ("OTP_LISTEN", "127.0.0.1:5000"), ("OTP_MAIL_FROM", "a@b.test")];
        assert_eq!(merged, pairs(&expected).into_iter().collect());
    }

    #[test]
    fn a_file_replaces_the_value() {
        let caller = CallerVariables::new(pairs(&[("OTP_SEAL_KEYS_FILE", "/keys")]));
        let merged = caller.merged(Part::Mailer, pairs(&[("OTP_SEAL_KEYS", "dev:x")]));
        assert_eq!(merged, pairs(&[("OTP_SEAL_KEYS_FILE", "/keys")]).into_iter().collect());
    }

    #[test]
    fn keys_and_redis_reach_only_who_needs_them() {
        let names = ["OTP_SEAL_KEYS", "OTP_TICKET_KEYS", "OTP_HASH_KEYS_FILE", "OTP_SIGNING_KEYS", "OTP_REDIS_URL"];
        let caller = CallerVariables::new(names.iter().map(|name| ((*name).to_owned(), "x".to_owned())));
        let has = |part| caller.merged(part, Vec::new()).into_keys().collect::<Vec<_>>();
        assert_eq!(has(Part::Gateway).len(), names.len());
        assert_eq!(has(Part::Mailer), ["OTP_SEAL_KEYS"]);
        assert_eq!(has(Part::Notifier), ["OTP_TICKET_KEYS"]);
    }
}
