use super::*;
use crate::apps::tests::app;

const HASH: &str = "sha256:70d1dc5c6b3d2cee56e746f9aca1d27cb6881af85e85f499f222a5c960b05c95";

fn read(text: &str) -> Result<Apps, FileFaults> {
    parse(text.as_bytes(), &app(""), None)
}

fn faults(members: &str) -> Vec<String> {
    read(&format!("[apps.shop]\n{members}")).map_or_else(|faults| faults.0, |_| Vec::new())
}

#[test]
fn what_is_left_out_is_as_in_the_settings() {
    let apps = read(&format!("[apps.shop]\nsecret_keys = [\"{HASH}\"]\n")).unwrap();
    let (kind, shop) = apps.with_key("otp_sk_test").unwrap();
    assert_eq!((kind, shop.id.as_str(), shop.code_length), (KeyKind::Secret, "shop", 6));
    assert_eq!(shop.policy.recipient, app("").policy.recipient);
    assert!(apps.with_key("otp_sk_other").is_none());
    assert!(apps.with_key("otp_pk_test").is_none());
    assert!(apps.open().is_none());
}

#[test]
fn everything_can_be_said() {
    let text = format!(
        r#"
        # comments are welcome
        [apps.shop]
        name = "Example Shop"
        publishable_keys = ["{HASH}"]
        allowed_origins = ["https://shop.example.com", "http://localhost:5173"]
        frame_origins = ["https://shop.example.com"]
        sender = "Example Shop <codes@shop.example.com>"
        templates = "shop"
        locale = "de"
        code_length = 8
        code_ttl = "2m"
        max_attempts = 3
        resend_cooldown = "30s"
        limit_recipient = "3/1h"
        limit_guesses = "9/1d"
        limit_ip = "off"
        limit_domain = "100/1m"
        limit_app = "1000/1m"
        daily_budget = 50000
        proof_of_work = "pressure"
        "#
    );
    let apps = read(&text).unwrap();
    let shop = apps.all().next().unwrap();
    assert_eq!((shop.code_length, shop.policy.attempts, shop.policy.ttl), (8, 3, Duration::from_secs(120)));
    assert_eq!((shop.policy.cooldown, shop.quotas.daily_budget), (Duration::from_secs(30), Some(50_000)));
    assert!(shop.quotas.ip.is_off() && !shop.quotas.domain.is_off() && !shop.quotas.app.is_off());
    assert_eq!(shop.proof_of_work, crate::altcha::Policy::Pressure);
    assert!(shop.allowed_origins.allow("http://localhost:5173"));
    assert_eq!((shop.sender.as_str(), shop.templates.as_str()), ("Example Shop <codes@shop.example.com>", "shop"));
}

#[test]
fn every_fault_is_told_at_once_and_no_value_is() {
    let members = r#"
        name = "secret-value\n"
        secret_keys = ["otp_sk_secret-value"]
        allowed_origins = ["https://secret-value/"]
        sender = "secret-value"
        templates = "../secret-value"
        locale = "secret value"
        code_length = 3
        code_ttl = "1d"
        max_attempts = 11
        resend_cooldown = "secret-value"
        limit_ip = "secret-value"
    "#;
    let faults = faults(members);
    for member in [
        "name",
        "secret_keys",
        "allowed_origins",
        "sender",
        "templates",
        "locale",
        "code_length",
        "code_ttl",
        "max_attempts",
        "resend_cooldown",
        "limit_ip",
    ] {
        let said = faults.iter().filter(|fault| fault.starts_with(&format!("apps.shop.{member}: "))).count();
        assert!(said >= 1, "{member} is not among {faults:?}");
    }
    assert!(!faults.concat().contains("secret-value"), "{faults:?}");
}

#[test]
fn what_is_no_such_file_is_placed_by_its_line() {
    for text in ["[apps.shop]\nnmae = \"x\"", "[apps.shop]\n[[", "[apps.shop]\ncode_length = \"secret-value\""] {
        let faults = read(text).unwrap_err().to_string();
        assert!(faults.contains("line ") && !faults.contains("secret-value"), "{faults}");
    }
    assert!(parse(&[0xff], &app(""), None).is_err());
}

#[test]
fn keys_are_one_applications_and_have_somewhere_to_work() {
    let twice = format!("[apps.a]\nsecret_keys = [\"{HASH}\"]\n[apps.b]\nsecret_keys = [\"{HASH}\"]");
    assert!(read(&twice).unwrap_err().to_string().contains("apps.a"));
    assert!(faults(&format!("publishable_keys = [\"{HASH}\"]"))[0].contains("allowed_origins"));
    assert!(faults("")[0].contains("secret_keys"));
    assert!(read("[apps.Shop]").unwrap_err().to_string().contains("id"));
}

#[test]
fn origins_are_serialised_ones() {
    for good in ["https://a.example", "http://localhost:3000", "https://a.example:8443"] {
        assert!(is_origin(good), "{good}");
    }
    for bad in [
        "",
        "*",
        "a.example",
        "https://",
        "https://A.example",
        "https://a.example/",
        "https://a.example:443",
        "http://a:80",
        "ftp://a.example",
        "https://a:b",
        "https://u@a.example",
        "null",
    ] {
        assert!(!is_origin(bad), "{bad}");
    }
}

#[test]
fn the_guides_example_is_a_good_file() {
    let guide = include_str!("../../../../docs/APPS.md");
    let example = guide.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let apps = read(example).unwrap();
    assert_eq!(apps.all().map(|app| app.id.as_str()).collect::<Vec<_>>(), ["shop"]);
}
