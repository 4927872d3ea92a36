//! Which addresses are addresses, which domains take mail, and who counts as the same recipient.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{default_system, unlimited_system};
use crate::support::eventually;

/// A local part and a domain of these many octets.
fn sized(local: usize, whole: usize) -> String {
    let mut domain = String::new();
    let tail = ".test";
    let mut left = whole - local - 1 - tail.len();
    while left > 0 {
        let label = left.min(60);
        if !domain.is_empty() {
            domain.push('.');
            left -= 1;
        }
        // No label of nothing: the last one takes what is left.
        let label = if left - label.min(left) == 1 { label - 1 } else { label.min(left) };
        domain.push_str(&"d".repeat(label));
        left -= label;
    }
    format!("{}@{domain}{tail}", "l".repeat(local))
}

#[tokio::test]
async fn addresses_are_parsed_and_not_guessed_at() {
    let system = unlimited_system().await;
    let api = system.api();
    assert_eq!((sized(64, 254).len(), sized(64, 255).len()), (254, 255));
    let good = [
        "plain@good.test",
        "with.dots@good.test",
        "tag+more@good.test",
        "o'brien@good.test",
        "!#$%&'*+-/=?^_`{|}~@good.test",
        "\"quoted part\"@good.test",
        "\"an@sign\"@good.test",
        "\"esc\\\"aped\"@good.test",
        "jürgen@good.test",
        "用户@good.test",
        "u@münchen.test",
        "u@xn--mnchen-3ya.test",
        "u@123.test",
        "u@a.b.c.d.test",
        &sized(64, 100),
        &sized(64, 254),
    ];
    for address in good {
        let answer = api.ask(&json!({"email": address})).await;
        assert_eq!(answer.status, 202, "{address}: {}", answer.text);
    }
    let bad = [
        "",
        " ",
        "plain",
        "@bad.test",
        "u@",
        "u@@bad.test",
        "u@v@bad.test",
        ".u@bad.test",
        "u.@bad.test",
        "u..v@bad.test",
        "u v@bad.test",
        "u@bad..test",
        "u@-bad.test",
        "u@bad-.test",
        "u@under_score.test",
        "u@ba d.test",
        "u@192.0.2.1",
        "<u@bad.test>",
        "Ada <u@bad.test>",
        "u@bad.test, v@bad.test",
        "u@bad.test;v@bad.test",
        "u(comment)@bad.test",
        "u\\v@bad.test",
        "\"open@bad.test",
        "u@bad.test\r\nBcc: v@bad.test",
        "u\r\n@bad.test",
        "\"u\r\nBcc: v\"@bad.test",
        "u\nv@bad.test",
        "u@bad.test\0",
        "u\u{202e}@bad.test",
        "u@xn--a.test",
        &format!("u@{}.test", "d".repeat(64)),
        &sized(65, 100),
        &sized(64, 255),
        &"u@".repeat(5_000),
    ];
    for address in bad {
        let answer = api.ask(&json!({"email": address})).await;
        answer.problem(422, "invalid-email");
        assert!(answer.body["detail"].as_str().is_some_and(|why| !why.is_empty()), "{address}");
        assert!(!answer.text.contains("bad.test"), "an answer repeats nothing: {}", answer.text);
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn mail_goes_to_the_address_as_typed_and_to_no_other() {
    let system = unlimited_system().await;
    for typed in ["Ada.Lovelace+Tag@typed.test", "\"a b\"@typed.test", "o'brien@typed.test"] {
        let before = system.inbox().count().await;
        system.api().accepted(typed).await;
        eventually(typed, async || (system.inbox().count().await > before).then_some(())).await;
        assert_eq!(system.inbox().headers("latest").await["To"], json!([typed]));
        // Who is in the envelope and not in the header as the inbox reads it, which leaves quotes out.
        let mail = system.inbox().message("latest").await;
        for person in mail["Bcc"].as_array().expect("a list") {
            assert_eq!((person["Address"].as_str(), typed.starts_with('"')), (Some(typed), true), "{mail}");
        }
        assert_eq!(mail["Cc"], json!([]));
    }
    system.api().accepted("Jürgen@MÜNCHEN.test").await;
    system.inbox().wait_for("Jürgen@xn--mnchen-3ya.test").await;
    system.stack.stop().await;
}

#[tokio::test]
async fn one_recipient_is_one_however_the_address_is_written() {
    let system = default_system().await;
    let api = system.api().from("198.51.100.2");
    let same = [
        ["ada@same.test", "Ada@Same.TEST"],
        ["grace@münchen.test", "grace@xn--mnchen-3ya.test"],
        ["joan+one@same.test", "joan+two@same.test"],
    ];
    for [first, second] in same {
        api.accepted(first).await;
        let answer = api.ask(&json!({"email": second, "purpose": "another"})).await;
        assert_eq!(answer.problem(429, "rate-limited").policies(), ["cooldown"], "{second}");
    }
    api.accepted("adb@same.test").await;
    system.stack.stop().await;
}

#[tokio::test]
async fn the_dns_says_who_takes_mail() {
    let system = default_system().await;
    let api = system.api().from("198.51.100.3");
    for domain in ["nxdomain.test", "nullmx.test", "noaddress.test"] {
        api.ask(&json!({"email": format!("a@{domain}")})).await.problem(422, "undeliverable-domain");
    }
    // What was refused has spent nothing; an address record is enough, and what the DNS can't say counts as good.
    for domain in ["nomx.test", "servfail.test", "any.other.example"] {
        api.accepted(&format!("a@{domain}")).await;
    }
    // The budget is 300 ms. A busy machine makes one answer late, not three.
    let mut fastest = Duration::MAX;
    for host in ["one", "two", "three"] {
        let start = Instant::now();
        api.accepted(&format!("a@{host}.timeout.test")).await;
        fastest = fastest.min(start.elapsed());
    }
    assert!(fastest >= Duration::from_millis(200), "the DNS was waited for: {fastest:?}");
    assert!(fastest < Duration::from_millis(450), "the DNS was waited for too long: {fastest:?}");
    system.stack.stop().await;
}
