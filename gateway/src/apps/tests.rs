use std::time::Duration;

use otp_nats::settings::Setting;

use super::*;

/// An application as the settings' defaults make it.
pub(crate) fn app(id: &str) -> App {
    let limits = |text| Limits::parse(text).unwrap();
    App {
        id: id.to_owned(),
        name: String::new(),
        allowed_origins: Origins::default(),
        frame_origins: Vec::new(),
        sender: String::new(),
        templates: String::new(),
        locale: String::new(),
        code_length: 6,
        policy: CodePolicy {
            ttl: Duration::from_secs(300),
            retention: Duration::from_secs(600),
            attempts: 5,
            cooldown: Duration::from_secs(60),
            longest_cooldown: Duration::from_secs(900),
            recipient: limits("5/1h,12/1d"),
            guesses: limits("15/1d"),
        },
        proof_of_work: Policy::Off,
        quotas: Quotas { ip: limits("10/1m"), ..Quotas::default() },
    }
}

#[test]
fn origins_are_compared_whole() {
    let origins = Origins::new(["https://shop.example.com".to_owned()]);
    assert!(origins.allow("https://shop.example.com"));
    for other in
        ["https://shop.example.com:8443", "http://shop.example.com", "https://shop.example.com.evil.test", "null", ""]
    {
        assert!(!origins.allow(other), "{other}");
    }
    assert!(Origins::new(["*".to_owned()]).allow("https://any.example.com"));
}
