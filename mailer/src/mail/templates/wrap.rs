//! Lines of the text part: as wide as a terminal, whatever the script.

/// Widest line in columns (RFC 5322 §2.1.1: 78 and no more).
const COLUMNS: usize = 78;
/// What no line begins with in Chinese and Japanese, and what none ends with.
const NOT_FIRST: &str = "、。，．：；？！）」』】〉》〕’”ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ";
const NOT_LAST: &str = "（「『【〈《〔‘“";

/// Breaks a text into lines: at spaces, and between the characters of scripts that are written without them. A word
/// that is wider than a line stays whole, so that what is to be copied is.
pub(super) fn wrap(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + 8);
    let mut column = 0;
    for piece in pieces(text) {
        let word = piece.trim_end_matches(' ');
        if column > 0 && column + width(word) > COLUMNS {
            lines.truncate(lines.trim_end_matches(' ').len());
            lines.push('\n');
            column = 0;
        }
        lines.push_str(piece);
        column += width(piece);
    }
    lines.truncate(lines.trim_end_matches(' ').len());
    lines
}

/// The text in pieces that are not broken, each with the spaces after it.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut characters = rest.char_indices();
        let (_, mut before) = characters.next()?;
        let end = characters.find_map(|(at, next)| {
            let breaks = breaks_between(before, next);
            before = next;
            breaks.then_some(at)
        });
        let (piece, left) = rest.split_at(end.unwrap_or(rest.len()));
        rest = left;
        Some(piece)
    })
}

fn breaks_between(before: char, next: char) -> bool {
    if before == ' ' {
        return next != ' ';
    }
    let unspaced = is_unspaced(before) || is_unspaced(next);
    unspaced && next != ' ' && !NOT_FIRST.contains(next) && !NOT_LAST.contains(before)
}

/// Chinese characters, kana and their punctuation: no spaces between words, so that a line may end anywhere. Hangul
/// has spaces.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{2e80}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff01}'..='\u{ff60}' | '\u{20000}'..='\u{3fffd}')
}

/// The columns of a text. Marks that take none are counted: a line is then a little shorter than it could be.
fn width(text: &str) -> usize {
    let is_hangul = |character| matches!(character, '\u{1100}'..='\u{115f}' | '\u{ac00}'..='\u{d7a3}');
    text.chars().map(|character| if is_unspaced(character) || is_hangul(character) { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_the_script_lets_them() {
        let words = "word ".repeat(40);
        assert!(wrap(&words).lines().all(|line| line.len() <= COLUMNS && !line.ends_with(' ')));
        assert_eq!(wrap(&words).split_whitespace().count(), 40);
        let chinese = wrap(&"验证码，".repeat(30));
        assert!(chinese.lines().all(|line| width(line) <= COLUMNS && !line.starts_with('，')), "{chinese}");
        assert_eq!(chinese.lines().count(), 4);
        let korean = wrap(&"코드를 요청한 ".repeat(10));
        assert!(korean.lines().all(|line| width(line) <= COLUMNS && !line.starts_with('를')), "{korean}");
    }

    #[test]
    fn nothing_is_lost_and_what_is_one_word_stays_one() {
        let url = format!("https://example.com/{}", "x".repeat(100));
        assert_eq!(wrap(&format!("before {url} after")), format!("before\n{url}\nafter"));
        let tight = format!("{} a\u{a0}:", "x".repeat(COLUMNS - 2));
        assert_eq!(wrap(&tight), format!("{}\na\u{a0}:", "x".repeat(COLUMNS - 2)));
        for text in ["", " ", "a", "  a  b ", "、", "a、b"] {
            let kept: String = wrap(text).chars().filter(|c| !c.is_whitespace()).collect();
            let given: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            assert_eq!(kept, given);
        }
    }
}
