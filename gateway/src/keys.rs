//! `otp-gateway keys`: a fresh set of keys.

use otp_nats::keys::{KEY_LENGTH, Key};
use zeroize::Zeroizing;

/// The settings that hold keys, and who is given them.
const PURPOSES: [(&str, &str); 4] = [
    ("OTP_SEAL_KEYS", "gateway and mailer"),
    ("OTP_TICKET_KEYS", "gateway and notifier"),
    ("OTP_HASH_KEYS", "gateway alone"),
    ("OTP_SIGNING_KEYS", "gateway alone"),
];

/// A fresh key for each purpose, as lines for an environment file. Each id begins with a different random part, so
/// that keys of two sets can stand in one list.
///
/// # Errors
/// The system gave no random bytes.
pub fn fresh_set() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut lines = Zeroizing::new(String::new());
    for (name, holders) in PURPOSES {
        let mut name_bytes = [0; 4];
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        getrandom::fill(&mut name_bytes)?;
        getrandom::fill(bytes.as_mut_slice())?;
        let id = data_encoding::HEXLOWER.encode(&name_bytes);
        if let Some(key) = Key::new(&id, *bytes) {
            lines.push_str("# ");
            lines.push_str(holders);
            lines.push('\n');
            lines.push_str(name);
            lines.push('=');
            lines.push_str(&key.to_setting());
            lines.push('\n');
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use otp_nats::keys::KeyList;

    use super::*;

    #[test]
    fn every_line_is_a_key_list_of_its_own() {
        let (first, second) = (fresh_set().unwrap(), fresh_set().unwrap());
        assert_ne!(first.as_str(), second.as_str());
        for (name, _holders) in PURPOSES {
            let line = first.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
            line.parse::<KeyList>().unwrap();
        }
    }
}
