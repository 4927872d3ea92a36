use std::collections::BTreeSet;
use std::time::Duration;

use data_encoding::BASE64;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use otp_nats::settings::Setting as _;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use super::canonical::relaxed_field;
use super::command::{CommandFault, fresh_keys};
use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_678);
/// The key and the mail of RFC 8463, appendix A.
const RFC_SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const RFC_MAIL: &str = "From: Joe SixPack <joe@football.example.com>\r\n\
    To: Suzie Q <suzie@shopping.example.net>\r\n\
    Subject: Is dinner ready?\r\n\
    Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
    Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\
    \r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
const MAIL: &str = "From: Shop <codes@shop.example.com>\r\nTo: alice@example.org\r\nSubject: Your\r\n code\r\n\
    Date: Fri, 02 Jan 2026 03:04:05 +0000\r\nMessage-ID: <a@shop.example.com>\r\nAuto-Submitted: auto-generated\r\n\
    X-Other: 1\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n.\r\n..dots  and \t spaces \r\n\r\n012345\r\n\r\n";

fn keys(domain: &str) -> DkimKeys {
    DkimKeys::parse(&fresh_keys(&["--domain", domain, "--selector", "s1"], NOW).unwrap()).unwrap()
}

async fn signed(keys: &DkimKeys, mail: &str) -> (String, Registry) {
    let mut registry = Registry::default();
    let signer = Signer::new(keys.clone(), &mut registry);
    let from = mail.lines().next().unwrap().rsplit(['<', ' ']).next().unwrap().trim_end_matches('>').to_owned();
    let mail = Outgoing::new(from.parse().unwrap(), "alice@example.org".parse().unwrap(), mail.as_bytes());
    let mail = signer.signed(mail, NOW).await;
    (String::from_utf8(mail.text().to_vec()).unwrap(), registry)
}

fn counted(registry: &Registry) -> String {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text.lines().filter(|line| line.starts_with("otp_dkim_mails_total") && !line.ends_with(" 0")).collect()
}

fn one_spaced(text: &str) -> String {
    let ends = |edge: Option<char>| edge.is_some_and(char::is_whitespace);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if ends(text.chars().next()) { format!(" {words}") } else { words }
}

/// The signatures' algorithms that hold, checked as RFC 6376 §6.1 has it, with a hand of its own.
fn held(mail: &str, keys: &DkimKeys) -> BTreeSet<&'static str> {
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let unfolded = head.replace("\r\n\t", "\t").replace("\r\n ", " ");
    let mut body: Vec<String> = body.split("\r\n").map(|line| one_spaced(line).trim_end().to_owned()).collect();
    while body.last().is_some_and(String::is_empty) {
        body.pop();
    }
    let body: String = body.iter().flat_map(|line| [line, "\r\n"]).collect();
    let fields: Vec<(String, String)> = unfolded
        .split("\r\n")
        .map(|field| field.split_once(':').unwrap())
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), one_spaced(value).trim().to_owned()))
        .collect();
    let mut held = BTreeSet::new();
    for (_, value) in fields.iter().filter(|(name, _)| name == "dkim-signature") {
        let tag = |name: &str| {
            let value = value.split(';').find_map(|tag| tag.trim().strip_prefix(name)?.strip_prefix('=')).unwrap();
            value.replace(' ', "")
        };
        assert_eq!((tag("v").as_str(), tag("c").as_str()), ("1", "relaxed/relaxed"));
        let name = format!("{}._domainkey.{}", tag("s"), tag("d"));
        let key = keys.iter().find(|key| key.record_name() == name).unwrap();
        let mut left: Vec<&(String, String)> = fields.iter().collect();
        let mut text = String::new();
        for name in tag("h").split(':') {
            if let Some(at) = left.iter().rposition(|(field, _)| *field == name.to_ascii_lowercase()) {
                let (name, value) = left.remove(at);
                text.extend([name, ":", value, "\r\n"]);
            }
        }
        let unsigned = value.split_once(" b=").unwrap().0;
        text.extend(["dkim-signature:", unsigned, " b="]);
        let signature = BASE64.decode(tag("b").as_bytes()).unwrap();
        let good = BASE64.encode(&Sha256::digest(&body)) == tag("bh")
            && match key.algorithm() {
                Algorithm::Rsa => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public())
                    .verify(text.as_bytes(), &signature)
                    .is_ok(),
                Algorithm::Ed25519 => VerifyingKey::from_bytes(&key.public().try_into().unwrap())
                    .unwrap()
                    .verify(&Sha256::digest(&text), &Signature::from_slice(&signature).unwrap())
                    .is_ok(),
            };
        if good {
            held.insert(key.algorithm().as_str());
        }
    }
    held
}

#[test]
fn the_example_of_rfc_8463_comes_out_to_the_byte() {
    let key = &DkimKeys::parse(&format!("brisbane:football.example.com:ed25519:{RFC_SEED}")).unwrap();
    let key = key.iter().next().unwrap();
    assert_eq!(key.record(), "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    let message = Message::read(RFC_MAIL.as_bytes());
    assert_eq!(BASE64.encode(&message.body_hash()), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    let mut text = Vec::new();
    for name in ["from", "to", "subject", "date", "message-id"] {
        message.relaxed(name, &mut text);
    }
    let field = " v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n \
        q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n \
        bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=";
    relaxed_field(b"DKIM-Signature", field.as_bytes(), &mut text);
    let expected = "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==";
    assert_eq!(BASE64.encode(&key.sign(&text).unwrap()), expected);
}

fn relaxed(message: &Message<'_>, name: &str) -> String {
    let mut text = Vec::new();
    message.relaxed(name, &mut text);
    String::from_utf8(text).unwrap()
}

#[test]
fn header_and_body_are_relaxed_as_the_standard_shows() {
    let message = Message::read(b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n");
    assert_eq!(relaxed(&message, "A"), "a:X\r\n");
    assert_eq!(relaxed(&message, "b"), "b:Y Z\r\n");
    assert_eq!(relaxed(&message, "c"), "");
    assert_eq!(message.body_hash(), <[u8; 32]>::from(Sha256::digest(" C\r\nD E\r\n")));
    for (body, relaxed) in
        [("", ""), ("\r\n\r\n", ""), (" \t\r\n", ""), ("a", "a\r\n"), ("\r\n\r\na\r\n \r\nb", "\r\n\r\na\r\n\r\nb\r\n")]
    {
        let mail = format!("A: X\r\n\r\n{body}");
        let expected: [u8; 32] = Sha256::digest(relaxed).into();
        assert_eq!(Message::read(mail.as_bytes()).body_hash(), expected, "{body:?}");
    }
    assert_eq!(relaxed(&Message::read(b"A: 1\r\na: 2"), "A"), "a:2\r\n", "the last one");
}

proptest::proptest! {
    #[test]
    fn a_body_is_hashed_as_the_standard_says(pieces in proptest::collection::vec(
        proptest::sample::select(vec![" ", "\t", "\r\n", ".", "a", "bc"]), 0..60,
    )) {
        let body = pieces.concat();
        let mail = Outgoing::new("a@b.test".parse().unwrap(), "c@d.test".parse().unwrap(), format!("A: X\r\n\r\n{body}").as_bytes());
        let lines = body.split("\r\n").map(|line| {
            let words = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
            if line.starts_with([' ', '\t']) { format!(" {words}").trim_end().to_owned() } else { words }
        });
        let mut lines: Vec<String> = lines.collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        let relaxed: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
        let expected: [u8; 32] = Sha256::digest(relaxed).into();
        proptest::prop_assert_eq!(Message::read(mail.wire()).body_hash(), expected);
    }
}

#[tokio::test]
async fn a_mail_has_a_signature_of_each_algorithm_and_holds_what_relays_do() {
    let keys = keys("example.com");
    let (mail, registry) = signed(&keys, MAIL).await;
    let both = BTreeSet::from(["ed25519", "rsa"]);
    assert_eq!(held(&mail, &keys), both, "{mail}");
    assert!(mail.ends_with(MAIL) && mail.lines().all(|line| line.len() <= 78), "{mail}");
    assert!(!mail.contains("l=") && mail.contains("t=1767323045;"), "{mail}");
    assert_eq!(counted(&registry), "otp_dkim_mails_total{result=\"signed\"} 1");
    for (from, to) in [
        ("Subject: Your\r\n code", "SUBJECT:  Your  code"),
        ("X-Other: 1", "X-Other: 2\r\nReceived: from a"),
        ("spaces \r\n", "spaces\r\n"),
        ("012345\r\n\r\n", "012345\r\n\r\n\r\n"),
    ] {
        assert_eq!(held(&mail.replace(from, to), &keys), both, "{from:?}");
    }
}

#[tokio::test]
async fn what_was_changed_or_added_breaks_every_signature() {
    let keys = keys("example.com");
    let (mail, _) = signed(&keys, MAIL).await;
    for (from, to) in [
        ("012345", "012346"),
        ("From: Shop", "From: Eve"),
        ("\r\n\r\n.\r\n", "\r\n\r\n..\r\n"),
        ("X-Other: 1", "X-Other: 1\r\nFrom: eve@example.net"),
        ("From: Shop", "From: eve@example.net\r\nFrom: Shop"),
        ("X-Other: 1", "X-Other: 1\r\nSubject: Win"),
        ("X-Other: 1", "X-Other: 1\r\nReply-To: eve@example.net"),
        ("X-Other: 1", "X-Other: 1\r\nContent-Type: text/html"),
        ("auto-generated", "no"),
        ("t=1767323045", "t=1767323046"),
    ] {
        let changed = mail.replace(from, to);
        assert_ne!(changed, mail, "{from:?}");
        assert_eq!(held(&changed, &keys), BTreeSet::new(), "{from:?} {to:?}");
    }
}

#[tokio::test]
async fn the_senders_domain_decides_which_keys_sign() {
    let own = "a:Shop.Example.com:ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let all = DkimKeys::parse(&format!(
        "{own}\n# announced, not yet in use\nb:shop.example.com:ed25519:AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=, \
         c:example.com:ed25519:AgECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    ))
    .unwrap();
    for (from, selector) in
        [("x@shop.example.com", "a"), ("x@SHOP.example.com", "a"), ("x@tea.example.com", "c"), ("x@example.com", "c")]
    {
        let (mail, _) = signed(&all, &format!("From: {from}\r\n\r\nx\r\n")).await;
        assert!(mail.contains(&format!("s={selector};")) && mail.matches("DKIM-Signature").count() == 1, "{mail}");
    }
    assert_eq!(all.iter().map(|key| all.signs(key)).collect::<Vec<_>>(), [true, false, true]);
    for (keys, from) in [(&all, "x@example.net"), (&all, "x@notexample.com"), (&DkimKeys::default(), "x@example.com")] {
        let mail = format!("From: {from}\r\n\r\nx\r\n");
        let (sent, registry) = signed(keys, &mail).await;
        assert_eq!((sent, counted(&registry).as_str()), (mail, "otp_dkim_mails_total{result=\"unsigned\"} 1"));
    }
}

#[test]
fn faulty_keys_are_named_by_their_place_and_never_shown() {
    let small = std::process::Command::new("openssl").args(["genrsa", "1024"]).output().expect("openssl").stdout;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.pem");
    std::fs::write(&path, &small).unwrap();
    let said = fresh_keys(&["--domain", "example.com", "--rsa", path.to_str().unwrap()], NOW).unwrap_err();
    assert_eq!(said.to_string(), "the RSA key has fewer than 2048 bits");
    let good = format!("s:example.com:ed25519:{RFC_SEED}");
    for (bad, why) in [
        ("s:example.com:ed25519", "not selector"),
        ("s:example.com:dsa:c2VjcmV0", "neither rsa nor ed25519"),
        ("s:example.com:rsa:c2VjcmV0", "no RSA key"),
        ("s:example.com:ed25519:c2VjcmV0", "no Ed25519 seed"),
        ("s:example.com:ed25519:secret!", "not base64"),
        ("s:example.com:ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "a constant"),
        ("s s:example.com:ed25519:c2VjcmV0", "the selector"),
        ("s:example com:ed25519:c2VjcmV0", "the domain"),
        ("s:localhost:ed25519:c2VjcmV0", "the domain"),
        ("S:Example.com:ed25519:nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=", "another entry"),
    ] {
        let said = DkimKeys::parse(&format!("{good}\n{bad}")).unwrap_err();
        assert!(said.starts_with("entry 2: ") && said.contains(why) && !said.contains("secret"), "{bad}: {said}");
    }
    let keys = DkimKeys::parse(&good).unwrap();
    assert_eq!(format!("{keys:?}"), "DkimKeys([DkimKey { name: \"s._domainkey.example.com\", .. }])");
}

#[test]
fn fresh_keys_are_a_setting_with_records_that_fit() {
    let text = fresh_keys(&["--domain", "example.com"], NOW).unwrap();
    let keys = DkimKeys::parse(&text).unwrap();
    let names: Vec<String> = keys.iter().map(DkimKey::record_name).collect();
    assert_eq!(names, ["otp20260102-rsa._domainkey.example.com", "otp20260102-ed25519._domainkey.example.com"]);
    for key in &keys {
        assert!(text.contains(&format!("#   {}\n", key.zone_line())), "{text:?}");
        let strings: Vec<String> = key
            .zone_line()
            .split('"')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .inspect(|s| assert!(s.len() <= 255))
            .collect();
        assert_eq!(strings.concat(), key.record());
        assert_eq!(key.check_record(&key.record()), Ok(()));
    }
    assert_ne!(*fresh_keys(&["--domain", "example.com"], NOW).unwrap(), *text);
    for wrong in [&[][..], &["--domain"], &["--selector", "a"], &["--domain", "a.b", "--odd", "1"]] {
        assert!(matches!(fresh_keys(wrong, NOW), Err(CommandFault::Usage)), "{wrong:?}");
    }
    assert!(matches!(fresh_keys(&["--domain", "nodot"], NOW), Err(CommandFault::Key(_))));
}

#[test]
fn a_key_from_a_file_is_taken_in_either_form() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = BTreeSet::new();
    let path = folder.path().join("rsa.pem");
    let openssl = |arguments: &[&str]| {
        let made = std::process::Command::new("openssl").args(arguments).output().expect("openssl");
        assert!(made.status.success(), "{made:?}");
        made.stdout
    };
    std::fs::write(&path, openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])).unwrap();
    let path = path.to_str().unwrap();
    let old = folder.path().join("old.pem");
    std::fs::write(&old, openssl(&["rsa", "-in", path, "-traditional"])).unwrap();
    for path in [path, old.to_str().unwrap()] {
        let text = fresh_keys(&["--domain", "example.com", "--rsa", path], NOW).unwrap();
        records.insert(DkimKeys::parse(&text).unwrap().iter().next().unwrap().record());
    }
    let public = openssl(&["pkey", "-in", path, "-pubout", "-outform", "DER"]);
    assert_eq!(records, BTreeSet::from([format!("v=DKIM1; k=rsa; p={}", BASE64.encode(&public))]));
    let missing = fresh_keys(&["--domain", "example.com", "--rsa", "/missing"], NOW);
    assert!(matches!(missing, Err(CommandFault::File(_))));
}

#[test]
fn records_are_compared_as_receivers_read_them() {
    let keys = keys("example.com");
    for key in &keys {
        let (own, other) =
            (key.record(), keys.iter().find(|other| other.selector() != key.selector()).unwrap().record());
        let p = own.split_once("p=").unwrap().1.to_owned();
        let with = |rest: &str| key.check_record(&format!("v=DKIM1; k={}; {rest}", key.algorithm().as_str()));
        assert_eq!(with(&format!("t=s; h=sha1:sha256; s=email ; p={}", p.replace('A', "A "))), Ok(()));
        assert_eq!(key.check_record(&other), Err(RecordFault::Algorithm));
        assert_eq!(with("p="), Err(RecordFault::Revoked));
        assert_eq!(with("p=c2VjcmV0"), Err(RecordFault::OtherKey));
        assert_eq!(with(&format!("h=sha1; p={p}")), Err(RecordFault::Hash));
        assert_eq!(with(&format!("s=tlsrpt; p={p}")), Err(RecordFault::Service));
        assert_eq!(key.check_record("v=spf1 -all"), Err(RecordFault::NoRecord));
        assert_eq!(key.check_record("hello"), Err(RecordFault::NoRecord));
    }
    let rsa = keys.iter().find(|key| key.algorithm() == Algorithm::Rsa).unwrap();
    assert_eq!(rsa.check_record(&format!("p={}", BASE64.encode(&rsa.public()))), Ok(()), "k=rsa is the default");
}

#[tokio::test]
async fn many_mails_at_once_are_all_signed() {
    let keys = keys("example.com");
    let mut registry = Registry::default();
    let signer = Signer::new(keys.clone(), &mut registry);
    let mails = (0..64).map(|_| {
        let mail = Outgoing::new(
            "codes@example.com".parse().unwrap(),
            "alice@example.org".parse().unwrap(),
            b"From: codes@example.com\r\n\r\nx\r\n",
        );
        signer.signed(mail, NOW)
    });
    let all = tokio::time::timeout(Duration::from_secs(60), futures_util::future::join_all(mails)).await.unwrap();
    assert!(all.iter().all(|mail| mail.text().windows(14).filter(|w| w == b"DKIM-Signature").count() == 2));
    assert_eq!(counted(&registry), "otp_dkim_mails_total{result=\"signed\"} 64");
}
