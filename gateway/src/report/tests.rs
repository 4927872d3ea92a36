use secrecy::ExposeSecret as _;

use otp_nats::keys::Key;

use super::*;

const ID: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefgh";

fn key(id: &str, first: u8) -> Key {
    let mut bytes = [7; 32];
    bytes[0] = first;
    Key::new(id, bytes).unwrap()
}

fn links(keys: &[Key]) -> ReportLinks {
    let text: Vec<String> = keys.iter().map(|key| key.to_setting().to_string()).collect();
    ReportLinks::new(&text.join(",").parse().unwrap(), Some(PublicUrl::parse("https://otp.example.com/").unwrap()))
}

fn token(links: &ReportLinks, id: &str) -> String {
    let link = links.link(&id.parse().unwrap());
    link.expose_secret().strip_prefix("https://otp.example.com/report#").unwrap().to_owned()
}

#[test]
fn a_link_is_read_again_and_none_that_was_changed() {
    let links = links(&[key("k1", 1)]);
    let token = token(&links, ID);
    assert_eq!(links.read(&token).unwrap().as_str(), ID);
    let (kid, sealed) = token.split_once('.').unwrap();
    let forged = [
        String::new(),
        ".".to_owned(),
        kid.to_owned(),
        format!("{kid}."),
        format!("k2.{sealed}"),
        format!("{kid}.{}", sealed.get(..sealed.len() - 4).unwrap()),
        format!("{kid}.{}", sealed.get(..20).unwrap()),
        format!("{token}A"),
        format!("{token}="),
        format!("{token}.{sealed}"),
        format!(" {token}"),
        token.to_uppercase(),
        format!("{ID}.{sealed}"),
    ];
    for token in forged {
        assert!(links.read(&token).is_none(), "{token}");
    }
    for at in kid.len() + 1..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(links.read(std::str::from_utf8(&changed).unwrap()).is_none(), "{at}");
    }
}

#[test]
fn a_link_does_not_tell_its_verification() {
    let links = links(&[key("k1", 1)]);
    let (one, other) = (token(&links, ID), token(&links, &ID.replace('b', "c")));
    assert!(one != other && !one.contains(ID.get(..8).unwrap()));
    assert_eq!(one, token(&links, ID), "every mail of a verification has the same link");
}

#[test]
fn a_link_lives_as_long_as_its_key_is_listed() {
    let (old, new) = (key("old", 1), key("new", 2));
    let token = token(&links(std::slice::from_ref(&old)), ID);
    assert!(links(&[new.clone(), old.clone()]).read(&token).is_some());
    assert!(links(&[new]).read(&token).is_none());
    // Nor is it what another purpose has sealed, with the same keys.
    let keys = KeyList::single(old.clone()).derive(|key| keyed_hash(key, KEY_PURPOSE));
    let other = seal::seal_token(&keys, b"else", ID.as_bytes()).unwrap();
    assert!(links(&[old]).read(&other).is_none());
}

#[test]
fn without_a_public_url_there_is_no_link() {
    let links = ReportLinks::new(&KeyList::single(key("k1", 1)), None);
    assert_eq!(links.link(&ID.parse().unwrap()).expose_secret(), "");
}

#[test]
fn public_urls_are_safe_or_local() {
    for good in [
        "https://otp.example.com",
        "https://example.com:8443/otp/",
        "http://localhost:3000",
        "http://127.0.0.1:5000",
        "http://[::1]:5000",
    ] {
        assert_eq!(PublicUrl::parse(good).unwrap().as_str(), good.trim_end_matches('/'));
    }
    for bad in [
        "",
        "otp.example.com",
        "/report",
        "http://otp.example.com",
        "ftp://localhost",
        "https://",
        "https://a.test/#x",
        "https://a.test/?x",
        "https://me@a.test",
        "http://localhost.evil.test",
        "http://127.0.0.1.evil.test",
        "https://a b.test",
    ] {
        assert!(PublicUrl::parse(bad).is_err(), "{bad}");
    }
}
