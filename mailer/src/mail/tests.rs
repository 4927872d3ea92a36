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

/// The languages that come with the mailer.
const LANGUAGES: [&str; 18] = [
    "ar", "de", "en", "es", "fr", "he", "hi", "it", "ja", "ko", "nl", "pl", "pt-BR", "ru", "tr", "uk", "zh-CN", "zh-TW",
];
/// Those whose whole mail is a snapshot: one for each kind of script.
const WHOLE: [&str; 3] = ["ar", "en", "ja"];

fn reported(locale: &str, app: &str) -> MailRequest {
    let mut request = request("alice@example.org", locale, app);
    request.place = "Berlin, DE".to_owned();
    request.report_url = "https://otp.example.com/report?x=1&y=2#k3y".into();
    request
}

/// The parts as a mail program reads them: subject, text, HTML.
fn read(mail: &str) -> (String, String, String) {
    let parsed = MessageParser::default().parse(mail.as_bytes()).unwrap();
    let lines = |text: &str| text.replace("\r\n", "\n");
    (parsed.subject().unwrap().to_owned(), lines(&parsed.body_text(0).unwrap()), lines(&parsed.body_html(0).unwrap()))
}

/// What stands between the tags of the body, a line each.
fn shown(html: &str) -> String {
    let body = html.split_once("<body").unwrap().1;
    let texts = body.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text.trim());
    texts.filter(|text| !text.is_empty()).map(|text| text.replace("&zwnj;&nbsp;", "")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_mail_in_every_language() {
    let (plain, telling) =
        (composer("Example Codes <codes@example.com>", None, false), composer("codes@example.com", None, true));
    let mut names = Vec::new();
    let mut keep = |name: String, text: &str| {
        insta::assert_snapshot!(name.clone(), text);
        names.push(format!("otp_mailer__mail__tests__{name}.snap"));
    };
    for language in LANGUAGES {
        let mail = written(&plain, &reported(language, "Tea & Co"));
        let (subject, text, html) = read(&mail);
        let (subject_with_code, ..) = read(&written(&telling, &reported(language, "Tea & Co")));
        let (_, bare, bare_html) = read(&written(&plain, &request("alice@example.org", language, "Tea & Co")));
        let parts = [&subject, &subject_with_code, "", &text, "", &bare, "", &shown(&html), "", &shown(&bare_html)];
        keep(format!("words_{language}"), &parts.join("\n"));
        if WHOLE.contains(&language) {
            keep(format!("mail_{language}"), &mail.replace("\r\n", "\n"));
            keep(format!("html_{language}"), &html);
        }
    }
    names.sort();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mail/snapshots");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // Beside them lie those that nobody has accepted yet, `.snap.new`.
    let mut there: Vec<String> = entries.filter(|name| !name.contains(".snap.")).collect();
    there.sort();
    assert_eq!(there, names, "a snapshot that no test looks at");
}

#[test]
fn every_line_ends_and_is_ascii_and_the_subject_comes_back() {
    let composer = composer("Prüfstelle <codes@example.com>", None, true);
    let long = "Ünverwechselbar lange Namen, 認証コード, رمز التحقق, und noch";
    for language in LANGUAGES {
        for app in ["Bäckerei Müller", "Δοκιμή", "テスト株式会社", "בית קפה", long] {
            let mail = written(&composer, &request("alice@example.org", language, app));
            assert!(mail.is_ascii());
            assert_eq!(mail.matches('\n').count(), mail.matches("\r\n").count());
            assert_eq!(mail.matches('\r').count(), mail.matches("\r\n").count());
            assert!(mail.lines().all(|line| line.len() <= 998));
            let headers = mail.split("\r\n\r\n").next().unwrap();
            // RFC 2047 §2 for each line with an encoded word.
            assert!(headers.lines().all(|line| line.len() <= 76), "{headers}");
            let parsed = MessageParser::default().parse(mail.as_bytes()).unwrap();
            let facts = Facts { app, code: "012345", minutes: 5, place: "", report_url: "" };
            let templates = &composer.templates;
            let rendered = templates.render(templates.language("", language).unwrap(), &facts, true).unwrap();
            assert_eq!(parsed.subject(), Some(rendered.subject.as_str()));
            assert!(rendered.subject.contains("012345") && rendered.subject.contains(app));
            assert_eq!(parsed.from().unwrap().first().unwrap().name(), Some("Prüfstelle"));
        }
    }
}

#[test]
fn both_parts_are_fit_for_any_mail_program() {
    for code_in_subject in [false, true] {
        let composer = composer("codes@example.com", None, code_in_subject);
        for language in LANGUAGES {
            let (subject, text, html) = read(&written(&composer, &reported(language, "Tea & Co")));
            assert_eq!(subject.contains("012345"), code_in_subject);
            assert!(html.len() < 8 * 1024, "{language}: {} bytes", html.len());
            assert!(text.lines().any(|line| line == "012345"), "{language}: {text}");
            assert!(text.lines().any(|line| line == "https://otp.example.com/report?x=1&y=2#k3y"));
            assert!(text.lines().all(|line| line.chars().count() <= 78), "{language}: {text}");
            assert!(!text.contains("\n\n\n") && !text.ends_with('\n') && !text.lines().any(|line| line.ends_with(' ')));
            // What an inbox shows beside the subject; a locked screen shows it as well.
            let (preheader, rest) = html.split_once("mso-hide:all\">").unwrap().1.split_once("</div>").unwrap();
            assert_eq!(preheader.contains("012345"), code_in_subject);
            assert!(preheader.contains('5') || language == "ar", "{preheader}");
            assert_eq!(rest.matches(">012345<").count(), 1, "the code is one run of text");
            let direction = if ["ar", "he"].contains(&language) { "rtl" } else { "ltr" };
            assert!(html.contains(&format!("<html lang=\"{language}\" dir=\"{direction}\">")), "{html}");
            assert!(
                rest.contains(&format!("lang=\"{language}\" dir=\"{direction}\"")),
                "for programs that cut off what is around"
            );
            assert!(rest.contains("class=\"digits\" dir=\"ltr\" translate=\"no\""));
            for remote in ["<img", "<link", "<script", "src=", "url(", "@import", "@font-face"] {
                assert!(!html.contains(remote), "{remote}");
            }
            assert_eq!(html.matches("http").count(), 1, "the link to report it, and nothing else that is elsewhere");
        }
    }
}

#[test]
fn what_is_foreign_says_what_it_is_and_no_more() {
    let composer = composer("codes@example.com", None, true);
    for hostile in [
        "<script>alert(1)</script>",
        "\"><a href='https://evil.example/'>here</a>",
        "{{ code }} {% for x in y %}",
        "{ $code } { -term }",
        "\u{202e}evil\u{2066}\u{200b}",
        "Tea\r\nBcc: eve@example.net\r\n\r\nhello",
        "&lt;b&gt;",
    ] {
        for language in ["en", "he", "ja"] {
            let mut request = reported(language, hostile);
            request.place = hostile.to_owned();
            request.report_url = format!("https://otp.example.com/{hostile}").into();
            let mail = written(&composer, &request);
            let (subject, text, html) = read(&mail);
            let one_line = name(hostile, MAX_APP_NAME);
            assert!(subject.contains(&one_line) && text.contains(&one_line), "{subject} {text}");
            let tags =
                |html: &str| html.matches('<').count() - html.matches("<bdi").count() - html.matches("</bdi").count();
            let (.., harmless) = read(&written(&composer, &reported(language, "Tea")));
            assert_eq!(tags(&html), tags(&harmless), "{html}");
            assert_eq!(html.matches(" href=\"").count(), 1, "{html}");
            assert!(MessageParser::default().parse(mail.as_bytes()).unwrap().bcc().is_none());
            for said in [&subject, &text, &html] {
                assert!(!said.chars().any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}')), "{said}");
            }
        }
    }
    for link in ["javascript:alert(1)", "https://user@otp.example.com/", "no link", "https://"] {
        let mut request = reported("en", "Tea");
        request.report_url = link.into();
        let (_, text, html) = read(&written(&composer, &request));
        assert!(!html.contains("href") && text.contains("ignore this email"), "{link}");
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
