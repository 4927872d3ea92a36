use std::collections::BTreeSet;

use super::*;

const FACTS: Facts<'static> = Facts { app: "Tea", code: "012345", minutes: 5, place: "Berlin, DE", report_url: "" };

/// The messages of a file with the variables that each names.
fn messages(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((id, _)) = line.split_once('=').filter(|_| line.starts_with(|c: char| c.is_ascii_alphabetic())) {
            current = id.trim().to_owned();
            assert!(messages.insert(current.clone(), BTreeSet::new()).is_none(), "{current} stands there twice");
        }
        for after in line.split('$').skip(1) {
            let variable = after.chars().take_while(char::is_ascii_alphabetic).collect();
            messages.get_mut(&current).unwrap().insert(variable);
        }
    }
    messages
}

fn words(language: &str) -> Arc<Words> {
    let source = Source::compiled_in().unwrap().remove(&language.to_ascii_lowercase()).unwrap();
    Arc::new(Words::new(language, &[source]).unwrap())
}

fn said(language: &str, id: &str, facts: &Facts<'_>) -> String {
    Speech::new(&words(language), facts, Some(facts.code), false).say(id).unwrap().to_string()
}

#[test]
fn every_language_has_the_same_messages_about_the_same_things() {
    let english = messages(COMPILED_IN.iter().find(|(language, _)| *language == "en").unwrap().1);
    assert_eq!(english.len(), 11, "{english:?}");
    for (language, text) in COMPILED_IN {
        assert_eq!(messages(text), english, "{language}");
        assert!(!text.contains('\r') && !text.contains('\t') && text.ends_with('\n'), "{language}");
    }
}

#[test]
fn the_layout_says_every_message_and_no_other() {
    let layout = super::super::LAYOUT.concat();
    let used: BTreeSet<String> = layout
        .split("words.")
        .skip(1)
        .map(|after| after.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '_').collect())
        .collect();
    let there: BTreeSet<String> = messages(COMPILED_IN[0].1).into_keys().collect();
    assert_eq!(used, there);
}

#[test]
fn every_language_of_the_folder_is_compiled_in() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let there: BTreeSet<String> =
        entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(there, COMPILED_IN.iter().map(|(language, _)| (*language).to_owned()).collect());
}

#[test]
fn nothing_stays_in_english_by_oversight() {
    for (language, _) in COMPILED_IN.into_iter().filter(|(language, _)| *language != "en") {
        for id in messages(COMPILED_IN[0].1).keys() {
            assert_ne!(said(language, id, &FACTS), said("en", id, &FACTS), "{language} {id}");
        }
    }
}

#[test]
fn minutes_are_counted_as_each_language_does() {
    let forms: [(&str, [&str; 7]); 9] = [
        ("en", ["1 minute ", "2 minutes", "3 minutes", "5 minutes", "11 minutes", "21 minutes", "22 minutes"]),
        (
            "fr",
            [
                "1\u{a0}minute ",
                "2\u{a0}minutes",
                "3\u{a0}minutes",
                "5\u{a0}minutes",
                "11\u{a0}minutes",
                "21\u{a0}minutes",
                "22\u{a0}minutes",
            ],
        ),
        ("pl", ["1 minutę ", "2 minuty ", "3 minuty ", "5 minut ", "11 minut ", "21 minut ", "22 minuty "]),
        ("ru", ["1 минуту,", "2 минуты,", "3 минуты,", "5 минут,", "11 минут,", "21 минуту,", "22 минуты,"]),
        ("uk", ["1 хвилину,", "2 хвилини,", "3 хвилини,", "5 хвилин,", "11 хвилин,", "21 хвилину,", "22 хвилини,"]),
        ("ar", [" دقيقة واحدة،", " دقيقتين،", "3 دقائق،", "5 دقائق،", "11 دقيقة،", "21 دقيقة،", "22 دقيقة،"]),
        ("he", [" לדקה אחת ", " לשתי דקות ", "ל-3 דקות ", "ל-5 דקות ", "ל-11 דקות ", "ל-21 דקות ", "ל-22 דקות "]),
        ("tr", ["1 dakika ", "2 dakika ", "3 dakika ", "5 dakika ", "11 dakika ", "21 dakika ", "22 dakika "]),
        ("ja", ["1 分", "2 分", "3 分", "5 分", "11 分", "21 分", "22 分"]),
    ];
    for (language, expected) in forms {
        for (minutes, form) in [1, 2, 3, 5, 11, 21, 22].into_iter().zip(expected) {
            let said = said(language, "validity", &Facts { minutes, ..FACTS });
            assert!(said.contains(form), "{language}: {minutes} minutes are not {form:?} in {said:?}");
        }
    }
    assert!(said("ar", "validity", &Facts { minutes: 100, ..FACTS }).contains("100 دقيقة،"));
}

#[test]
fn marks_of_direction_stand_around_names_and_never_around_the_code() {
    let marks = |text: &str| text.chars().filter(|c| matches!(c, '\u{2066}'..='\u{2069}')).count();
    for (language, _) in COMPILED_IN {
        let right_to_left = ["ar", "he"].contains(&language);
        assert_eq!(words(language).direction(), if right_to_left { "rtl" } else { "ltr" }, "{language}");
        let subject = said(language, "subject_with_code", &FACTS);
        assert_eq!(marks(&subject), if right_to_left { 2 } else { 0 }, "{language}");
        assert_eq!(subject.contains("\u{2066}Tea\u{2069}"), right_to_left, "{language}");
        for own in ["شاي", "תה"] {
            let subject = said(language, "subject", &Facts { app: own, ..FACTS });
            assert_eq!(marks(&subject), if right_to_left { 0 } else { 2 }, "{language}");
        }
    }
}

#[test]
fn html_is_escaped_and_marks_become_elements() {
    let facts = Facts { app: "<b>'Tea' & \"Co\"", ..FACTS };
    let speech = Arc::new(Speech::new(&words("he"), &facts, None, true));
    let said = speech.get_value(&Value::from("subject")).unwrap();
    assert!(said.is_safe());
    let name = "<bdi dir=\"ltr\">&lt;b&gt;&#39;Tea&#39; &amp; &quot;Co&quot;</bdi>";
    assert!(said.to_string().ends_with(name), "{said}");
}

#[test]
fn what_cannot_be_said_is_named() {
    let source = Source::parse("xx/mail.ftl", "subject = { $nobody }\ncode = { $code }\n".to_owned()).unwrap();
    let words = Arc::new(Words::new("xx", &[source]).unwrap());
    let speech = Speech::new(&words, &FACTS, None, false);
    for (id, what) in [("subject", "nobody"), ("code", "code"), ("intro", "no message \"intro\"")] {
        let fault = speech.say(id).unwrap_err().to_string();
        assert!(fault.contains(what) && fault.contains("xx/mail.ftl"), "{fault}");
    }
    assert!(!format!("{speech:?}").contains("012345"));
    let fault = Source::parse("xx/mail.ftl", "# words\n\nsubject = { $app\nintro = x\n".to_owned());
    let fault = fault.err().unwrap().to_string();
    assert!(fault.contains("xx/mail.ftl") && fault.contains("line "), "{fault}");
    assert!(Words::new("not a tag", &[]).is_err());
}
