use secrecy::ExposeSecret as _;

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
    let other = token.replace("abcdefgh.", "abcdefga.");
    let (id, mac) = token.split_once('.').unwrap();
    let forged = [
        String::new(),
        ".".to_owned(),
        id.to_owned(),
        format!("{id}."),
        format!("{id}.{}", &mac[..mac.len() - 1]),
        format!("{id}.{}", &mac[..mac.len() - 4]),
        format!("{token}A"),
        format!("{token}="),
        format!("{token}.{mac}"),
        format!(" {token}"),
        token.to_uppercase(),
        other,
    ];
    for token in forged {
        assert!(links.read(&token).is_none(), "{token}");
    }
    for at in 0..mac.len() {
        let mut changed = token.clone().into_bytes();
        let at = id.len() + 1 + at;
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(links.read(std::str::from_utf8(&changed).unwrap()).is_none(), "{at}");
    }
}

#[test]
fn a_link_lives_as_long_as_its_key_is_listed() {
    let (old, new) = (key("old", 1), key("new", 2));
    let token = token(&links(&[old.clone()]), ID);
    assert!(links(&[new.clone(), old.clone()]).read(&token).is_some());
    assert!(links(&[new]).read(&token).is_none());
    // Neither is it the hash that something else would make with the same key.
    let ticket = data_encoding::BASE64URL_NOPAD.encode(&keyed_hash(&old, ID.as_bytes())[..MAC_LENGTH]);
    assert!(links(&[old]).read(&format!("{ID}.{ticket}")).is_none());
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
