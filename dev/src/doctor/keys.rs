//! Keys: that they look random, that each has one purpose, and that who shares one has the same.

use otp_nats::keys::{Key, KeyList};

use super::{Deployment, Finding};

const CHECK: &str = "keys";
const MEND: &str = "take a fresh one from `otp-gateway keys`, before the old one";
/// Of 32 random bytes, some 30 are different; fewer than this many are seen once in 10^17 keys.
const DIFFERENT_MIN: usize = 20;
/// A rotation needs two; older ones only make more to steal.
const ROTATION: usize = 2;

pub(super) fn check(deployment: &Deployment) -> Vec<Finding> {
    let mut lists: Vec<(&str, &KeyList)> = Vec::new();
    if let Some(gateway) = &deployment.gateway {
        lists.extend([
            ("OTP_SEAL_KEYS", &gateway.seal_keys),
            ("OTP_TICKET_KEYS", &gateway.ticket_keys),
            ("OTP_HASH_KEYS", &gateway.hash_keys),
            ("OTP_SIGNING_KEYS", &gateway.signing_keys),
        ]);
    } else {
        lists.extend(deployment.mailer.iter().map(|mailer| ("OTP_SEAL_KEYS", &mailer.seal_keys)));
        lists.extend(deployment.notifier.iter().map(|notifier| ("OTP_TICKET_KEYS", &notifier.ticket_keys)));
    }
    let mut findings = Vec::new();
    for (name, list) in &lists {
        findings.extend(list.iter().filter_map(|key| weakness(name, key)));
        let others = lists.iter().filter(|(other, _)| other < name);
        let shared =
            others.filter(|(_, other)| list.iter().any(|key| other.iter().any(|its| its.bytes() == key.bytes())));
        findings.extend(shared.map(|(other, _)| {
            let said = format!("{name} and {other} share a key: whoever is given one has the other");
            Finding::fault(CHECK, name, &said, MEND)
        }));
        let count = list.iter().count();
        if count > ROTATION {
            let said = format!("{count} keys are accepted");
            findings.push(Finding::warning(CHECK, name, &said, "take those out that no token or code is left of"));
        }
    }
    findings.extend(shared_keys(deployment));
    if findings.is_empty() && !lists.is_empty() {
        let names: Vec<&str> = lists.iter().map(|(name, _)| *name).collect();
        findings.push(Finding::ok(CHECK, &names.join(", "), "32 bytes each that look random, none in two places"));
    }
    findings
}

fn weakness(name: &str, key: &Key) -> Option<Finding> {
    let bytes = key.bytes();
    let mut different = bytes.to_vec();
    different.sort_unstable();
    different.dedup();
    let step = |two: &[u8]| matches!(two, [one, next] if next.wrapping_sub(*one) == bytes[1].wrapping_sub(bytes[0]));
    let printable = bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    let why = if bytes.windows(2).all(step) {
        "counts up: it is an example's"
    } else if printable {
        "is text: it was typed, not drawn"
    } else if different.len() < DIFFERENT_MIN {
        "repeats itself too much to be random"
    } else {
        return None;
    };
    Some(Finding::fault(CHECK, name, &format!("the key {:?} {why}", key.id()), MEND))
}

/// The first key of who seals or signs has to be among those of who opens or checks.
fn shared_keys(deployment: &Deployment) -> Vec<Finding> {
    let Some(gateway) = &deployment.gateway else { return Vec::new() };
    let mailer = deployment.mailer.as_ref().map(|mailer| ("OTP_SEAL_KEYS", &gateway.seal_keys, &mailer.seal_keys));
    let notifier =
        deployment.notifier.as_ref().map(|notifier| ("OTP_TICKET_KEYS", &gateway.ticket_keys, &notifier.ticket_keys));
    let apart = [mailer, notifier].into_iter().flatten().filter(|(_, gives, takes)| {
        let first = gives.first();
        takes.find(first.id()).is_none_or(|key| key.bytes() != first.bytes())
    });
    let said = "the gateway's first key is not among those of the service that has to know it";
    apart.map(|(name, ..)| Finding::fault(CHECK, name, said, "give both the same list, the reader first")).collect()
}
