use std::fs;

use super::*;

const WORDS: Words<'static> = Words { app: "Tea & <b>Co</b>", code: "012345", minutes: 5 };

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, source) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, source).unwrap();
    }
    folder
}

#[test]
fn takes_the_nearest_language() {
    let templates = Templates::load(None).unwrap();
    for (asked, given) in [
        ("de", "de"),
        ("de-AT", "de"),
        ("DE_at", "de"),
        ("de-Latn-AT-1996", "de"),
        ("fr-CA", "fr"),
        ("es-419", "es"),
        ("en-GB", "en"),
        ("nl", "en"),
        ("", "en"),
        ("-", "en"),
        ("../../etc", "en"),
    ] {
        assert_eq!(templates.render("", asked, &WORDS, false).unwrap().language, given, "{asked}");
    }
}

#[test]
fn escapes_html_and_only_html() {
    let templates = Templates::load(None).unwrap();
    let mail = templates.render("", "en", &WORDS, false).unwrap();
    assert!(mail.html.contains("Tea &amp; &lt;b&gt;Co&lt;") && !mail.html.contains("<b>"));
    assert!(mail.text.contains("Tea & <b>Co</b>"));
    assert!(!mail.subject.contains("012345"));
    assert!(templates.render("", "en", &WORDS, true).unwrap().subject.contains("012345"));
}

#[test]
fn a_folder_replaces_single_files_and_adds_languages() {
    let folder = folder(&[
        ("en/subject.txt", "Hello from {{ app }}"),
        ("pt-BR/subject.txt", "Código"),
        ("pt-BR/mail.txt", "{{ code }}"),
        ("pt-BR/mail.html", "<p>{{ code }}</p>"),
        ("README.md", "not a language"),
        ("images", "a file"),
    ]);
    let templates = Templates::load(Some(folder.path())).unwrap();
    assert_eq!(templates.render("", "en", &WORDS, false).unwrap().subject, "Hello from Tea & <b>Co</b>");
    assert!(templates.render("", "en", &WORDS, false).unwrap().text.contains("minutes"));
    let mail = templates.render("", "pt-br", &WORDS, false).unwrap();
    assert_eq!((mail.language, mail.text.as_str()), ("pt-BR", "012345"));
    assert_eq!(templates.languages().collect::<Vec<_>>(), ["de", "en", "es", "fr", "pt-BR"]);
}

#[test]
fn a_faulty_folder_is_refused_at_the_start() {
    let large = "x".repeat(usize::try_from(MAX_TEMPLATE).unwrap() + 1);
    for (files, expected) in [
        (vec![("it/subject.txt", "Codice")], "lack mail.txt"),
        (vec![("en/mail.txt", "{{ code ")], "en/mail.txt"),
        (vec![("en/mail.txt", "{{ cod }}")], "undefined"),
        (vec![("en/mail.txt", large.as_str())], "too large"),
    ] {
        let folder = folder(&files);
        let fault = Templates::load(Some(folder.path())).unwrap_err().to_string();
        assert!(fault.contains(expected), "{fault}");
    }
    assert!(Templates::load(Some(Path::new("/nonexistent"))).is_err());
}

#[test]
fn an_application_has_its_own_where_it_has_any() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("en")).unwrap();
    fs::write(folder.path().join("en/mail.txt"), "common {{ code }}").unwrap();
    fs::create_dir_all(folder.path().join("apps/shop/en")).unwrap();
    fs::write(folder.path().join("apps/shop/en/subject.txt"), "The shop's").unwrap();
    let templates = Templates::load(Some(folder.path())).unwrap();
    assert_eq!(templates.apps().collect::<Vec<_>>(), ["shop"]);
    let shop = templates.render("shop", "en", &WORDS, false).unwrap();
    assert_eq!((shop.subject.as_str(), shop.text.as_str()), ("The shop's", "common 012345"));
    let other = templates.render("forum", "en", &WORDS, false).unwrap();
    assert_ne!(other.subject, "The shop's");
    assert_eq!(other.text, "common 012345");
    assert_ne!(templates.render("shop", "de", &WORDS, false).unwrap().subject, "The shop's");
    fs::write(folder.path().join("apps/shop/en/mail.html"), "{{ nonsense }}").unwrap();
    assert!(Templates::load(Some(folder.path())).is_err());
}
