use std::fs;
use std::time::Instant;

use otp_nats::keys::Key;

use super::*;

fn domains(text: &str) -> DomainList {
    DomainList::parse(text.as_bytes()).unwrap()
}

fn keys(id: &str) -> KeyList {
    KeyList::single(Key::new(id, std::array::from_fn(|index| u8::try_from(index).unwrap())).unwrap())
}

fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

#[test]
fn a_domain_stands_for_itself_and_all_below_it() {
    let list = domains("mailinator.test\nother.example");
    for (domain, expected) in [
        ("mailinator.test", true),
        ("x.mailinator.test", true),
        ("a.b.mailinator.test", true),
        ("notmailinator.test", false),
        ("mailinator.test.example", false),
        ("test", false),
        ("other.example", true),
        ("example", false),
        ("", false),
    ] {
        assert_eq!(list.has(domain), expected, "{domain}");
    }
}

#[test]
fn all_spellings_of_a_domain_are_one() {
    for line in [
        "bücher.test",
        "BÜCHER.test",
        "Bu\u{308}cher.TEST",
        "xn--bcher-kva.test",
        "XN--BCHER-KVA.TEST.",
        "@bücher.test",
        "*.bücher.test",
        ".bücher.test",
        "  bücher.test\t",
        "bücher.test # a comment",
        "bücher.test\r",
        "bücher。test",
    ] {
        let list = domains(&format!("\u{feff}# first\n\n{line}\n"));
        for address in ["a@bücher.test", "a@XN--bcher-KVA.test", "a@x.BÜCHER.test"] {
            assert!(list.has(email(address).domain()), "{line} {address}");
        }
        assert!(!list.has("bucher.test"), "{line}");
    }
}

#[test]
fn one_bad_line_makes_the_file_bad_and_is_named_without_its_text() {
    for (text, line) in [
        ("good.test\nno domain", 2),
        ("good.test\n\n# x\nsingle", 4),
        ("-bad.test", 1),
        ("a@good.test", 1),
        ("192.0.2.1", 1),
        ("good.test..", 1),
        (&format!("good.test\n{}.test", "a".repeat(64)), 2),
    ] {
        let fault = DomainList::parse(text.as_bytes()).unwrap_err();
        assert_eq!(fault.to_string(), format!("line {line} is no domain"), "{text}");
    }
    let fault = DomainList::parse(b"good.test\n\xff\xfe.test").unwrap_err();
    assert_eq!(fault.to_string(), "line 2 is no UTF-8");
    assert!(!domains("").has("good.test"));
}

#[test]
fn recipients_are_blocked_in_all_spellings_however_they_stand_in_the_list() {
    let keys = keys("h1");
    let blocked = email("jo.hn+news@GMAIL.com");
    let lines = [
        "j.o.h.n@googlemail.com".to_owned(),
        blocked::entry(&blocked, None),
        blocked::entry(&blocked, Some(keys.first())),
        blocked::entry(&blocked, None).to_uppercase().replace("SHA256", "sha256"),
    ];
    for line in lines {
        let list = BlockedList::parse(format!("# complaint\n{line} # on Monday\n").as_bytes(), &keys).unwrap();
        for (address, expected) in [
            ("john@gmail.com", true),
            ("John+x@googlemail.com", true),
            ("johnny@gmail.com", false),
            ("john@x.test", false),
        ] {
            assert_eq!(list.has(&email(address)), expected, "{line} {address}");
        }
        assert!(!list.domains().has("gmail.com"));
    }
    let domain = BlockedList::parse(b"@Blocked.test\nother.test", &keys).unwrap();
    assert!(domain.domains().has("x.blocked.test") && domain.domains().has("other.test"));
}

#[test]
fn the_plain_hash_is_what_a_shell_computes() {
    // printf %s john@gmail.com | sha256sum
    let line = "sha256:142d78e466cacab37c3751a6ba0d288ce40db609ce9c49617ea6b24665f1aa9c";
    assert_eq!(blocked::entry(&email("j.ohn+a@gmail.com"), None), line);
}

#[test]
fn a_hash_that_cannot_be_looked_up_is_a_fault() {
    let keys = keys("h1");
    let other = blocked::entry(&email("a@x.test"), Some(self::keys("h0").first()));
    for (line, fault) in [
        (other.as_str(), "was hashed with a key that is not among OTP_HASH_KEYS"),
        ("sha256:abc", "is no sha256:HEX"),
        ("hmac:abc", "is no hmac:KEY:HEX"),
        ("hmac:h1:00", "is no hmac:KEY:HEX"),
        ("md5:0cc175b9c0f1b6a831c399e269772661", "is no domain"),
        ("a b@x.test", "is no address"),
        ("a@single", "is no address"),
    ] {
        let refused = BlockedList::parse(format!("x.test\n{line}").as_bytes(), &keys).unwrap_err();
        assert_eq!(refused, LineFault { line: 2, fault }, "{line}");
    }
}

#[test]
fn the_allow_list_wins_over_the_disposable_and_not_over_the_blocked() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        Some(path)
    };
    let files = ListFiles {
        disposable: file("disposable", "mailinator.test\nforward.test\nblocked.test"),
        allowed: file("allowed", "ours.mailinator.test\nforward.test\nblocked.test"),
        blocked: file("blocked", "blocked.test\na@mailinator.test"),
    };
    let lists = Lists::open(files.clone(), &keys("h1")).unwrap();
    for (domain, standing) in [
        ("mailinator.test", DomainStanding::Disposable),
        ("x.mailinator.test", DomainStanding::Disposable),
        ("ours.mailinator.test", DomainStanding::Good),
        ("x.ours.mailinator.test", DomainStanding::Good),
        ("forward.test", DomainStanding::Good),
        ("blocked.test", DomainStanding::Blocked),
        ("good.test", DomainStanding::Good),
    ] {
        assert_eq!(lists.domain(domain), standing, "{domain}");
    }
    assert!(lists.blocks(&email("A+b@mailinator.test")) && !lists.blocks(&email("b@mailinator.test")));
    let none = Lists::open(ListFiles::default(), &keys("h1")).unwrap();
    assert_eq!(none.domain("mailinator.test"), DomainStanding::Good);
    assert!(!none.blocks(&email("a@mailinator.test")));
    fs::write(files.allowed.as_ref().unwrap(), "?").unwrap();
    fs::remove_file(files.blocked.as_ref().unwrap()).unwrap();
    let faults = Lists::open(files, &keys("h1")).unwrap_err();
    let faults: Vec<String> = faults.iter().map(|(name, fault)| format!("{name}: {fault}")).collect();
    assert_eq!(
        faults,
        ["OTP_ALLOWED_DOMAINS_FILE: line 1 is no domain", "OTP_BLOCKED_FILE: it cannot be read: entity not found"]
    );
}

#[test]
fn two_hundred_thousand_lines() {
    const LINES: usize = 200_000;
    let lines: Vec<String> = (0..LINES).map(|number| format!("{}-{number:x}.example", number * 7919)).collect();
    let text = lines.join("\n");
    let started = Instant::now();
    let list = domains(&text);
    println!(
        "read {LINES} domains of {} bytes in {:?}, {} bytes in memory",
        text.len(),
        started.elapsed(),
        list.size()
    );
    let asked: Vec<String> = (0..LINES).step_by(20).map(|n| format!("mail.{}-{n:x}.example", n * 7919)).collect();
    let started = Instant::now();
    assert!(asked.iter().all(|domain| list.has(domain)));
    let found = started.elapsed();
    let started = Instant::now();
    assert!(!asked.iter().any(|domain| list.has(domain.trim_end_matches('e'))));
    let count = u32::try_from(asked.len()).unwrap();
    println!("{:?} for one that is there, {:?} for one that is not", found / count, started.elapsed() / count);
    let keys = keys("h1");
    let hashes: String = (0..LINES)
        .map(|number| blocked::entry(&email(&format!("a{number}@x.test")), Some(keys.first())) + "\n")
        .collect();
    let started = Instant::now();
    let list = BlockedList::parse(hashes.as_bytes(), &keys).unwrap();
    println!("read {LINES} recipients of {} bytes in {:?}", hashes.len(), started.elapsed());
    let address = email("a777@x.test");
    let started = Instant::now();
    assert!((0..1000).all(|_| list.has(&address)));
    println!("{:?} for a recipient", started.elapsed() / 1000);
    // Less than as many strings would take, 24 bytes each before their text.
    assert!(domains(&text).size() < text.len() + LINES * 24);
}

#[test]
fn the_command_hashes_with_the_key_that_there_is() {
    let variables: std::collections::HashMap<&str, String> =
        [("OTP_HASH_KEYS", keys("h1").first().to_setting().to_string())].into();
    let none = std::collections::HashMap::<&str, String>::new();
    let address = email("j.ohn@gmail.com");
    let input = "# after a complaint\nJohn+a@googlemail.com\n\nb@x.test\n";
    let lines = command::hash_lines(&variables, input.as_bytes()).unwrap();
    assert_eq!(lines.lines().next(), Some(blocked::entry(&address, Some(keys("h1").first())).as_str()));
    assert_eq!(lines.lines().count(), 2);
    assert!(BlockedList::parse(lines.as_bytes(), &keys("h1")).unwrap().has(&address));
    let lines = command::hash_lines(&none, input.as_bytes()).unwrap();
    assert!(lines.starts_with(&blocked::entry(&address, None)));
    let fault = command::hash_lines(&none, "a@x.test\nnobody".as_bytes()).unwrap_err();
    assert_eq!(fault.to_string(), "line 2 is no address");
    let bad: std::collections::HashMap<&str, String> = [("OTP_HASH_KEYS", "secret".to_owned())].into();
    assert!(!command::hash_lines(&bad, input.as_bytes()).unwrap_err().to_string().contains("secret"));
}
