use std::fs;

use super::*;

const FACTS: Facts<'static> = Facts { app: "Tea & <b>Co</b>", code: "012345", minutes: 5, place: "", report_url: "" };

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, source) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, source).unwrap();
    }
    folder
}

fn loaded(files: &[(&str, &str)]) -> Templates {
    Templates::load(Some(folder(files).path())).unwrap()
}

fn mail(templates: &Templates, app: &str, asked: &str) -> Rendered {
    written(templates, app, asked, &FACTS, false)
}

fn written(templates: &Templates, app: &str, asked: &str, facts: &Facts<'_>, code_in_subject: bool) -> Rendered {
    templates.render(templates.language(app, asked).unwrap(), facts, code_in_subject).unwrap()
}

fn tag<'t>(templates: &'t Templates, asked: &str) -> &'t str {
    templates.language("", asked).unwrap().tag()
}

#[test]
fn takes_the_nearest_language() {
    let templates = Templates::load(None).unwrap();
    for (asked, given) in [
        ("de-AT", "de"),
        ("es-419", "es"),
        ("iw", "he"),
        ("pt", "pt-BR"),
        ("zh-Hant-HK", "zh-TW"),
        ("tlh,fr-CA,de", "fr"),
        ("tlh", "en"),
        ("", "en"),
        ("../../etc", "en"),
    ] {
        assert_eq!(tag(&templates, asked), given, "{asked}");
    }
    assert_eq!(templates.languages().count(), 18);
}

#[test]
fn escapes_html_and_only_html() {
    let templates = Templates::load(None).unwrap();
    let rendered = mail(&templates, "", "en");
    assert!(rendered.html.contains("Tea &amp; &lt;b&gt;Co&lt;") && !rendered.html.contains("<b>"));
    assert!(rendered.text.contains("Tea & <b>Co</b>"));
    assert!(!rendered.subject.contains("012345"));
    assert!(written(&templates, "", "en", &FACTS, true).subject.contains("012345"));
}

#[test]
fn what_is_not_there_is_not_spoken_of() {
    let templates = Templates::load(None).unwrap();
    let bare = mail(&templates, "", "en");
    assert!(!bare.html.contains("href") && !bare.html.contains("location") && bare.text.contains("ignore this email"));
    let facts = Facts { place: "Berlin, DE", report_url: "https://shop.example/r?a=1&b=2#<x>", ..FACTS };
    let full = written(&templates, "", "en", &facts, false);
    assert!(full.html.contains("location of the request: Berlin, DE") && !full.html.contains("ignore this email"));
    assert!(full.html.contains("href=\"https://shop.example/r?a=1&amp;b=2#&lt;x&gt;\""), "{}", full.html);
    assert!(full.text.contains("\nhttps://shop.example/r?a=1&b=2#<x>\n"), "{}", full.text);
}

#[test]
fn a_folder_of_the_form_before_words_replaces_single_files_and_adds_languages() {
    let templates = loaded(&[
        ("en/subject.txt", "Hello from {{ app }}"),
        ("el/subject.txt", "Κωδικός"),
        ("el/mail.txt", "{{ code }}"),
        ("el/mail.html", "<p>{{ code }} {{ minutes }}</p>"),
        ("README.md", "not a language"),
        ("images", "a file"),
    ]);
    assert_eq!(mail(&templates, "", "en").subject, "Hello from Tea & <b>Co</b>");
    assert!(mail(&templates, "", "en").text.contains("minutes"));
    let greek = mail(&templates, "", "el-GR");
    assert_eq!(
        (tag(&templates, "el-GR"), greek.text.as_str(), greek.html.as_str()),
        ("el", "012345", "<p>012345 5</p>")
    );
    assert_eq!(templates.languages().count(), 19);
}

#[test]
fn words_are_replaced_one_by_one_and_the_layout_for_all() {
    let templates = loaded(&[
        ("de/mail.ftl", "subject = Code für dich von { $app }\nvalidity = { $minutes } Min.\n"),
        ("de-AT/mail.ftl", "subject = Servus von { $app }\n"),
        ("mail.txt", "{{ words.subject }} {{ code }} {{ words.validity }} {{ words.intro }}"),
        ("fr/mail.txt", "{{ code }}"),
    ]);
    let intro = "Geben Sie diesen Code dort ein, wo Sie ihn angefordert haben.";
    let german = mail(&templates, "", "de");
    assert_eq!(german.text, format!("Code für dich von Tea & <b>Co</b> 012345 5 Min. {intro}"));
    let austrian = mail(&templates, "", "de-AT");
    assert_eq!(tag(&templates, "de-AT"), "de-AT");
    assert_eq!(austrian.text, format!("Servus von Tea & <b>Co</b> 012345 5 Min. {intro}"));
    assert_eq!(mail(&templates, "", "fr").text, "012345");
    assert!(
        mail(&templates, "", "pl")
            .text
            .ends_with("5 minut i można go użyć tylko raz. Wpisz ten kod tam, gdzie o niego poproszono.")
    );
    assert!(german.html.contains("<html lang=\"de\" dir=\"ltr\">"));
}

#[test]
fn a_language_of_words_alone_has_the_common_layout() {
    let english = COMPILED_IN.iter().find(|(language, _)| *language == "en").unwrap().1;
    let templates = loaded(&[("fa/mail.ftl", &english.replace("Your code for", "کد شما برای"))]);
    let rendered = mail(&templates, "", "fa-IR");
    assert_eq!(rendered.subject, "کد شما برای \u{2066}Tea & <b>Co</b>\u{2069}");
    assert!(rendered.html.contains("<html lang=\"fa\" dir=\"rtl\">") && rendered.html.contains("text-align:right"));
}

#[test]
fn a_faulty_folder_is_refused_at_the_start_and_named() {
    let large = "x".repeat(usize::try_from(folder::MAX_FILE).unwrap() + 1);
    for (file, text, expected) in [
        ("el/subject.txt", "Κωδικός", "el is faulty"),
        ("el/mail.ftl", "subject = Κωδικός", "no message"),
        ("en/mail.txt", "{{ code ", "en/mail.txt"),
        ("en/mail.txt", "{{ cod }}", "en/mail.txt"),
        ("en/mail.txt", &large, "too large"),
        ("en/mail.ftl", &large, "too large"),
        ("mail.html", "{{ words.nonsense }}", "\"nonsense\""),
        ("en/mail.ftl", "subject = ", "en/mail.ftl"),
        ("en/mail.ftl", "subject = { $name }", "name"),
        ("pl/mail.ftl", "validity = { $minutes ->\n [many] { $minute }\n *[other] x\n }", "minute"),
        ("en/mail.ftl", "subject = Your code is { $code }", "code"),
        ("apps/shop/mail.html", "{{ nonsense }}", "apps/shop/mail.html"),
        ("apps/shop/de/mail.ftl", "intro = { $x }", "apps/shop/de/mail.ftl"),
        ("not-a-tag-at-all/mail.ftl", "intro = x", "not-a-tag-at-all"),
    ] {
        let folder = folder(&[(file, text)]);
        let fault = Templates::load(Some(folder.path())).map(drop).unwrap_err().to_string();
        assert!(fault.contains(expected), "{file}: {fault}");
    }
    assert!(Templates::load(Some(Path::new("/nonexistent"))).is_err());
}

#[test]
fn an_application_has_its_own_where_it_has_any() {
    let templates = loaded(&[
        ("en/mail.txt", "common {{ code }}"),
        ("apps/shop/en/subject.txt", "The shop's"),
        ("apps/club/mail.txt", "club {{ code }} {{ words.subject }}"),
        ("apps/club/de/mail.ftl", "subject = Der Klub"),
        ("apps/bare/README.md", ""),
    ]);
    assert_eq!(templates.apps().collect::<Vec<_>>(), ["bare", "club", "shop"]);
    let shop = mail(&templates, "shop", "en");
    assert_eq!((shop.subject.as_str(), shop.text.as_str()), ("The shop's", "common 012345"));
    for app in ["forum", "bare"] {
        let other = mail(&templates, app, "en");
        assert_eq!((other.subject.as_str(), other.text.as_str()), ("Your code for Tea & <b>Co</b>", "common 012345"));
    }
    assert_ne!(mail(&templates, "shop", "de").subject, "The shop's");
    assert_eq!(mail(&templates, "club", "de").text, "club 012345 Der Klub");
    assert_eq!(mail(&templates, "club", "en").text, "club 012345 Your code for Tea & <b>Co</b>");
    assert_eq!(mail(&templates, "", "en").text, "common 012345");
}

#[test]
fn what_an_application_has_not_of_its_own_is_shared() {
    let templates = loaded(&[
        ("de/mail.ftl", "intro = Hier."),
        ("apps/a/de/mail.ftl", "subject = Von a"),
        ("apps/b/mail.html", "{{ words.subject }} {{ code }}"),
    ]);
    let of = |app: &str, language: &str| Arc::clone(&templates.apps[app][language]);
    assert!(!Arc::ptr_eq(&of("a", "de"), &templates.own["de"]));
    assert!(Arc::ptr_eq(&of("a", "en"), &templates.own["en"]));
    assert!(!Arc::ptr_eq(&of("b", "de"), &templates.own["de"]));
    assert!(Arc::ptr_eq(&of("b", "de").words, &templates.own["de"].words));
}
