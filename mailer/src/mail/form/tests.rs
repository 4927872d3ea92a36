use std::cell::Cell;
use std::fs;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::templates::Templates;
use super::*;

const LINK: &str = "https://otp.example.com/report?x=1&y=2#k3y-k3y-k3y-k3y-k3y-k3y-k3y-k3y-k3y-k3y-k3y-k3y";

fn facts<'f>(app: &'f str, code: &'f str, report_url: &'f str) -> Facts<'f> {
    Facts { app, code, minutes: 5, place: "Berlin, DE", report_url }
}

/// The parts by way of the forms, and how often the template was rendered for them.
fn parts(forms: &Forms, templates: &Templates, language: &str, facts: &Facts<'_>) -> (Parts, u32) {
    let language = templates.language("", language).unwrap();
    let rendered = Cell::new(0);
    let render = |facts: &Facts<'_>| {
        rendered.set(rendered.get() + 1);
        templates.render(language, facts, true)
    };
    let parts = forms.parts(Kind::new(language, facts), facts, render).unwrap();
    (parts, rendered.get())
}

fn assert_same(templates: &Templates, language: &str, facts: &Facts<'_>, parts: &Parts) {
    let plain = encoded(templates.render(templates.language("", language).unwrap(), facts, true).unwrap());
    assert_eq!(parts.subject, plain.subject);
    for (one, other) in [(&parts.text, &plain.text), (&parts.html, &plain.html)] {
        assert_eq!(one.encoding(), other.encoding(), "{language}");
        assert_eq!(String::from_utf8_lossy(one.as_ref()), String::from_utf8_lossy(other.as_ref()), "{language}");
    }
}

#[test]
fn a_filled_form_is_what_the_template_makes_of_it() {
    let templates = Templates::load(None).unwrap();
    for language in templates.languages() {
        for app in ["Tea & Co", "Bäckerei Müller", "テスト株式会社", "7294618305"] {
            for (link, other_link) in [("", ""), (LINK, &LINK.replace('&', "="))] {
                let forms = Forms::default();
                let counted = ["012345", "729461", "481059", "999999"].map(|code| {
                    let facts = facts(app, code, if code == "999999" { other_link } else { link });
                    let (parts, rendered) = parts(&forms, &templates, language, &facts);
                    assert_same(&templates, language, &facts, &parts);
                    rendered
                });
                // A name with a stand-in in it is no form's.
                assert_eq!(counted, if app == "7294618305" { [1, 3, 1, 1] } else { [1, 2, 0, 0] }, "{language} {app}");
            }
        }
    }
}

#[test]
fn a_template_that_does_more_with_a_code_than_show_it_is_rendered_each_time() {
    for source in ["{{ code[:3] }} {{ code[3:] }}", "{{ report_url|upper }}", "{{ code|wrap }}{{ report_url|length }}x"]
    {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mail.txt"), source).unwrap();
        let templates = Templates::load(Some(folder.path())).unwrap();
        let forms = Forms::default();
        for code in ["012345", "543210", "111111"] {
            let facts = facts("Tea", code, LINK);
            let (parts, _) = parts(&forms, &templates, "en", &facts);
            assert_same(&templates, "en", &facts, &parts);
        }
    }
}

#[test]
fn what_differs_in_more_than_code_and_link_has_another_form() {
    let (templates, forms) = (Templates::load(None).unwrap(), Forms::default());
    let first = facts("Tea", "012345", LINK);
    let others = [
        Facts { app: "Coffee", ..first },
        Facts { minutes: 4, ..first },
        Facts { place: "", ..first },
        Facts { code: "01234567", ..first },
        Facts { report_url: "", ..first },
        Facts { report_url: "https://a.example/", ..first },
    ];
    for _ in 0..3 {
        for facts in std::iter::once(&first).chain(&others) {
            for language in ["en", "de", "ja"] {
                let (parts, _) = parts(&forms, &templates, language, facts);
                assert_same(&templates, language, facts, &parts);
            }
        }
    }
    assert_eq!(forms.with(|known| known.len()), 3 * 7);
}

#[test]
fn forms_are_bounded_and_one_mail_makes_none() {
    let (templates, forms) = (Templates::load(None).unwrap(), Forms::default());
    let language = templates.language("", "en").unwrap();
    for number in 0..=MAX_FORMS {
        let app = number.to_string();
        forms.keep(Kind::new(language, &facts(&app, "012345", "")), Known::Once);
        assert!(forms.with(|known| known.len()) <= MAX_FORMS);
    }
    assert_eq!(forms.with(|known| known.len()), 1);
}

proptest! {
    #[test]
    fn any_code_and_link_fill_it(code in "[0-9]{4,10}", tail in "[!-~]{20,200}", language in "(en|de|ru|ar|ja)") {
        static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::load(None).unwrap());
        let (templates, forms) = (&*TEMPLATES, Forms::default());
        let link = format!("https://{tail}");
        let zeros = "0".repeat(code.len());
        let stand = format!("https://{}", "y".repeat(tail.len()));
        for _ in 0..2 {
            parts(&forms, templates, &language, &facts("Tea & Co", &zeros, &stand));
        }
        let facts = facts("Tea & Co", &code, &link);
        let (parts, _) = parts(&forms, templates, &language, &facts);
        assert_same(templates, &language, &facts, &parts);
    }
}
