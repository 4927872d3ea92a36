use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::*;

fn asks(origin: &[&'static str]) -> HeaderMap {
    origin.iter().map(|value| (header::ORIGIN, HeaderValue::from_static(value))).collect()
}

#[test]
fn exact_origins_and_nothing_else() {
    let origins = Origins::parse("https://app.example.com, http://localhost:3000,https://[::1]:8443").unwrap();
    for (allowed, headers) in [
        (true, &[][..]),
        (true, &["https://app.example.com"]),
        (true, &["HTTPS://APP.EXAMPLE.COM:443"]),
        (true, &["http://localhost:3000"]),
        (true, &["https://[::1]:8443"]),
        (false, &["http://app.example.com"]),
        (false, &["https://app.example.com:8443"]),
        (false, &["https://app.example.com.evil.org"]),
        (false, &["https://evil.org/https://app.example.com"]),
        (false, &["http://localhost"]),
        (false, &["null"]),
        (false, &[""]),
        (false, &["https://app.example.com", "https://app.example.com"]),
    ] {
        assert_eq!(origins.allow(&asks(headers)), allowed, "{headers:?}");
    }
}

#[test]
fn unset_lets_no_page_in_and_a_star_every_one() {
    let none = Origins::default();
    assert!(none.allow(&asks(&[])) && !none.allow(&asks(&["https://app.example.com"])));
    let any = Origins::parse("*").unwrap();
    assert!(any.allow(&asks(&["https://app.example.com"])) && any.allow(&asks(&["null"])));
}

#[test]
fn what_is_no_origin_is_a_fault() {
    for bad in ["app.example.com", "https://", "https://a/", "https://a/path", "://a", "https://a b", "https://*.a"] {
        assert!(Origins::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn pages_of_applications_are_let_in_too() {
    let own = Origins::parse("https://app.example.com").unwrap();
    let file = b"[apps.shop]\nname = \"Shop\"\nsecret_keys = []\nallowed_origins = [\"https://shop.example.com\"]\n[apps.none]\n";
    let origins = own.with_apps(file).unwrap();
    for (allowed, origin) in
        [(true, "https://app.example.com"), (true, "https://shop.example.com"), (false, "https://forum.example.com")]
    {
        assert_eq!(origins.allow(&asks(&[origin])), allowed, "{origin}");
    }
    assert_eq!(own.with_apps(b"").unwrap(), own);
    for bad in
        [b"\xff".as_slice(), b"[[", b"[apps.shop]\nallowed_origins = [\"*\"]", b"[apps.shop]\nallowed_origins = 1"]
    {
        assert!(own.with_apps(bad).is_err());
    }
}
