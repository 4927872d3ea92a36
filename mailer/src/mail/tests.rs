use mail_parser::MessageParser;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_767_323_045_678);

fn composer(sender: &str, app_name: Option<&str>, code_in_subject: bool) -> Composer {
    let templates = Templates::load(None).unwrap();
    Composer::new(templates, sender.parse().unwrap(), app_name.map(str::to_owned), code_in_subject)
}

fn request(email: &str, locale: &str, app: &str) -> MailRequest {
    MailRequest {
        email: email.into(),
        code: "012345".into(),
        locale: locale.to_owned(),
        app: app.to_owned(),
        sender: String::new(),
        templates: String::new(),
        blocked: false,
        report_url: String::new().into(),
        place: String::new(),
    }
}

fn occasion() -> Occasion {
    Occasion {
        id: "abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse().unwrap(),
        generation: 1,
        now: NOW,
        expires_at: NOW + Duration::from_millis(299_900),
    }
}

fn written(composer: &Composer, request: &MailRequest) -> String {
    let to = recipient(request.email.expose_secret()).unwrap();
    let message = composer.message(request, &occasion(), &composer.sender(&request.sender), &to).unwrap();
    String::from_utf8(message.to_vec()).unwrap()
}

#[test]
fn the_mail_in_every_language() {
    let composer = composer("Example Codes <codes@example.com>", None, false);
    for language in ["en", "de", "fr", "es"] {
        let mail = written(&composer, &request("alice@example.org", language, "Tea & Co"));
        insta::assert_snapshot!(format!("mail_{language}"), mail.replace("\r\n", "\n"));
        let parsed = MessageParser::default().parse(mail.as_bytes()).unwrap();
        insta::assert_snapshot!(format!("text_{language}"), parsed.body_text(0).unwrap().replace("\r\n", "\n"));
        insta::assert_snapshot!(format!("html_{language}"), parsed.body_html(0).unwrap().replace("\r\n", "\n"));
    }
}

#[test]
fn every_line_ends_and_is_ascii() {
    let composer = composer("Prüfstelle <codes@example.com>", None, true);
    for language in ["en", "de", "fr", "es"] {
        let mail = written(&composer, &request("alice@example.org", language, "Bäckerei Müller"));
        assert!(mail.is_ascii());
        assert_eq!(mail.matches('\n').count(), mail.matches("\r\n").count());
        assert_eq!(mail.matches('\r').count(), mail.matches("\r\n").count());
        assert!(mail.lines().all(|line| line.len() <= 998));
        let parsed = MessageParser::default().parse(mail.as_bytes()).unwrap();
        assert!(parsed.subject().unwrap().contains("Bäckerei Müller"));
        assert!(parsed.subject().unwrap().contains("012345"));
        assert_eq!(parsed.from().unwrap().first().unwrap().name(), Some("Prüfstelle"));
    }
}

#[test]
fn the_message_id_depends_on_id_and_generation_alone() {
    let composer = composer("codes@example.com", None, false);
    let id = |mail: &str| MessageParser::default().parse(mail.as_bytes()).unwrap().message_id().unwrap().to_owned();
    let first = id(&written(&composer, &request("alice@example.org", "en", "")));
    assert_eq!(first, id(&written(&composer, &request("bob@example.org", "de", "Tea"))));
    assert!(first.ends_with("@example.com") && !first.contains("abcdefgh"));
    let mut later = occasion();
    later.generation = 2;
    assert_ne!(message_token(&later.id, 2), message_token(&later.id, 1));
}

#[test]
fn nothing_in_a_request_becomes_a_header() {
    let composer = composer("codes@example.com", Some("Shop\r\nBcc: eve@example.net"), false);
    for app in ["", "Tea\r\nBcc: eve@example.net\r\n\r\n<html>", "Tea\nBcc: eve@example.net", "Tea\rX: y\0"] {
        let mail = written(&composer, &request("alice@example.org", "en\r\nX: y", app));
        let headers = mail.split("\r\n\r\n").next().unwrap();
        assert!(!headers.lines().any(|line| line.starts_with("Bcc") || line.starts_with("X:")), "{headers}");
        let parsed = MessageParser::default().parse(mail.as_bytes()).unwrap();
        assert!(parsed.bcc().is_none());
        assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some("alice@example.org"));
    }
    for address in [
        "alice@example.org\r\nRCPT TO:<eve@example.net>",
        "\"a\r\nb\"@example.org",
        "\"a\0b\"@example.org",
        "alice@example.org>",
        "alice@exa mple.org",
        "alice",
        "",
    ] {
        assert_eq!(recipient(address), Err(ComposeFault::Address), "{address:?}");
    }
}

#[test]
fn the_app_is_named_by_request_settings_or_sender() {
    for (sender, setting, app, named) in [
        ("Codes <codes@example.com>", Some("Shop"), "Tea", "Your code for Tea"),
        ("Codes <codes@example.com>", Some("Shop"), "", "Your code for Shop"),
        ("Codes <codes@example.com>", None, " ", "Your code for Codes"),
        ("codes@example.com", None, "", "Your code for example.com"),
    ] {
        let mail = written(&composer(sender, setting, false), &request("alice@example.org", "", app));
        let parsed = MessageParser::default().parse(mail.as_bytes()).unwrap();
        assert_eq!(parsed.subject(), Some(named));
    }
}

#[test]
fn an_address_beyond_ascii_is_kept() {
    let composer = composer("codes@example.com", None, false);
    let mail = written(&composer, &request("älice@xn--exmple-cua.org", "en", ""));
    assert!(mail.contains("To: älice@xn--exmple-cua.org\r\n"));
}

#[test]
fn a_quoted_local_part_is_kept() {
    let composer = composer("codes@example.com", None, false);
    for address in ["\"a b\"@example.org", "\"a@b\"@example.org", "\"a\\\"b\"@example.org", "\"plain\"@example.org"] {
        let mail = written(&composer, &request(address, "en", ""));
        assert!(mail.contains(&format!("To: {address}\r\n")), "{mail}");
    }
}

#[test]
fn minutes_are_rounded() {
    for (secs, said) in [(0, 1), (20, 1), (89, 1), (90, 2), (299, 5), (300, 5), (600, 10)] {
        assert_eq!(minutes(Duration::from_secs(secs)), said, "{secs} s");
    }
}
