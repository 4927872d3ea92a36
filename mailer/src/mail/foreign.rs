//! Text from elsewhere, fit for a mail: names, places, links.

use unic_langid::{CharacterDirection, LanguageIdentifier};
use url::Url;

/// Longest link in characters: what mail programs of any age follow.
const MAX_LINK: usize = 2000;
/// Marks around a text whose direction is not the one of the sentence: what follows keeps its place (Unicode's
/// bidirectional algorithm, isolates).
const LEFT_TO_RIGHT: char = '\u{2066}';
const RIGHT_TO_LEFT: char = '\u{2067}';
const END: char = '\u{2069}';

/// A name as one line of at most `limit` characters. What turns the order of letters around is left out: a name must not
/// make what stands beside it read as something else.
pub(super) fn name(text: &str, limit: usize) -> String {
    let visible: String = text.chars().filter(|character| !is_invisible(*character)).collect();
    one_line(&visible, limit)
}

/// One line without control characters, of at most `limit` characters.
pub(super) fn one_line(text: &str, limit: usize) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words.join(" ").chars().take(limit).collect::<String>().trim_end().to_owned()
}

/// Marks of direction, and what takes no width though words are written without it. Joiners stay: Persian and Hindi are
/// written with them.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// The link as it stands in a mail: `http` or `https`, ASCII, without a space; nothing when it is none.
pub(super) fn link(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "https" | "http") && url.username().is_empty() && url.password().is_none();
    let written = String::from(url);
    let fits = written.len() <= MAX_LINK && written.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && fits).then_some(written)
}

/// Whether a language is written from right to left.
pub(super) fn is_right_to_left(language: &LanguageIdentifier) -> bool {
    language.character_direction() == CharacterDirection::RTL
}

/// A text for a sentence of that direction: in marks if it holds letters of the other one, else as it is.
pub(super) fn isolated(text: &str, right_to_left: bool) -> String {
    let mut letters = text.chars().filter(|character| character.is_alphabetic()).map(is_right_to_left_letter);
    let Some(first) = letters.next() else { return text.to_owned() };
    if first == right_to_left && letters.all(|letter| letter == right_to_left) {
        return text.to_owned();
    }
    let start = if first { RIGHT_TO_LEFT } else { LEFT_TO_RIGHT };
    format!("{start}{text}{END}")
}

/// A sentence with marks as HTML: escaped, elements in the marks' place, because mail programs know these for longer.
pub(super) fn html(sentence: &str) -> String {
    let mut html = String::with_capacity(sentence.len() + 32);
    for character in sentence.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            LEFT_TO_RIGHT => html.push_str("<bdi dir=\"ltr\">"),
            RIGHT_TO_LEFT => html.push_str("<bdi dir=\"rtl\">"),
            END => html.push_str("</bdi>"),
            other => html.push(other),
        }
    }
    html
}

/// Letters of scripts that run from right to left, by their blocks: Hebrew, Arabic and their neighbours, presentation
/// forms, and the blocks that Unicode has set aside for more of them.
fn is_right_to_left_letter(letter: char) -> bool {
    matches!(letter, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_that_hides_nothing() {
        for (text, line) in [
            ("Tea & Co", "Tea & Co"),
            (" a\r\nBcc: b\0c\u{85}d\u{2028}e ", "a Bcc: b c d e"),
            ("\u{202e}moc.elpmaxe\u{202c}", "moc.elpmaxe"),
            ("a\u{200b}b\u{2066}c\u{2069}d\u{200f}e\u{feff}f\u{ad}g", "abcdefg"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("Bäckerei 🥐", "Bäckerei 🥐"),
            ("\u{202e}\r\n", ""),
        ] {
            assert_eq!(name(text, 64), line, "{text:?}");
        }
        assert_eq!(name(&"ä ".repeat(100), 64).chars().count(), 63);
    }

    #[test]
    fn a_link_leads_to_the_web_and_is_one_word() {
        for text in ["https://shop.example.com/report#abc", "http://127.0.0.1:5000/report?x=%20"] {
            assert_eq!(link(text).as_deref(), Some(text));
        }
        assert_eq!(link("https://a.example/\r\nBcc: x").as_deref(), Some("https://a.example/Bcc:%20x"));
        assert_eq!(
            link("https://a.example/\u{202e}\"><b>").as_deref(),
            Some("https://a.example/%E2%80%AE%22%3E%3Cb%3E")
        );
        let long = format!("https://a.example/{}", "x".repeat(MAX_LINK));
        for text in [
            "",
            "report",
            "javascript:alert(1)",
            "data:text/html,x",
            "mailto:a@b.example",
            "https://bank@a.example/",
            &long,
        ] {
            assert_eq!(link(text), None, "{text}");
        }
    }

    #[test]
    fn marks_stand_around_the_other_direction_alone() {
        assert_eq!(isolated("Tea & Co", false), "Tea & Co");
        assert_eq!(isolated("Tea!", true), "\u{2066}Tea!\u{2069}");
        assert_eq!(isolated("שלום", true), "שלום");
        assert_eq!(isolated("שלום", false), "\u{2067}שלום\u{2069}");
        assert_eq!(isolated("שלום Tea", true), "\u{2067}שלום Tea\u{2069}");
        assert_eq!(isolated("24/7", true), "24/7");
        assert_eq!(html(&isolated("<b>'Tea'", true)), "<bdi dir=\"ltr\">&lt;b&gt;&#39;Tea&#39;</bdi>");
    }
}
