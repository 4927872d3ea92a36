//! Which language serves a reader.

use std::collections::BTreeMap;

/// Most languages looked at of those that a request asks for: a browser names a few.
const MAX_ASKED: usize = 8;
/// Primary subtags that have been replaced (IANA's registry of subtags, "Deprecated"); browsers and systems still send them.
const RENAMED: [(&str, &str); 4] = [("iw", "he"), ("in", "id"), ("ji", "yi"), ("cmn", "zh")];
/// Who reads traditional characters: neither form of Chinese stands in for the other.
const TRADITIONAL: [&str; 4] = ["hant", "tw", "hk", "mo"];

/// The first of `asked` (language tags, comma-separated, the preferred one first) that one of the languages serves.
/// Their keys are tags in lower case.
pub(super) fn nearest<'l, T>(languages: &'l BTreeMap<String, T>, asked: &str) -> Option<&'l T> {
    asked.split(',').take(MAX_ASKED).find_map(|tag| serving(languages, tag))
}

/// The language itself, or what is left of its tag when it is cut off from the right (RFC 4647 §3.4), or another one of the
/// same language: `de-AT` is served by `de-AT`, `de`, or any other German.
fn serving<'l, T>(languages: &'l BTreeMap<String, T>, asked: &str) -> Option<&'l T> {
    let tag = current(asked);
    let (primary, rest) = tag.split_once('-').unwrap_or((&tag, ""));
    let is_traditional = primary == "zh"
        && rest.split('-').any(|subtag| TRADITIONAL.contains(&subtag))
        && !rest.split('-').any(|subtag| subtag == "hans");
    let usual = match primary {
        "zh" if is_traditional => "zh-tw",
        "zh" => "zh-cn",
        "pt" => "pt-br",
        _ => primary,
    };
    let prefix = format!("{primary}-");
    let sibling = || languages.range(prefix.clone()..).next().filter(|(other, _)| other.starts_with(&prefix));
    cut(&tag)
        // Chinese without a script is simplified where it means anything.
        .filter(|tag| !(is_traditional && *tag == primary))
        .chain([usual, primary])
        .find_map(|tag| languages.get(tag))
        .or_else(|| sibling().map(|(_, language)| language))
}

/// A tag and what is left of it, subtag by subtag.
pub(super) fn cut(tag: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(tag), |tag| tag.rsplit_once('-').map(|(left, _)| left))
}

/// The tag in lower case, with the primary subtag that is used today.
fn current(asked: &str) -> String {
    let tag = asked.trim().to_ascii_lowercase().replace('_', "-");
    let (primary, rest) = tag.split_once('-').map_or((tag.as_str(), None), |(primary, rest)| (primary, Some(rest)));
    let renamed = RENAMED.iter().find(|(old, _)| *old == primary).map_or(primary, |(_, new)| *new);
    rest.map_or_else(|| renamed.to_owned(), |rest| format!("{renamed}-{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(there: &[&str], asked: &str) -> Option<String> {
        let languages = there.iter().map(|tag| (tag.to_ascii_lowercase(), (*tag).to_owned())).collect();
        nearest(&languages, asked).cloned()
    }

    #[test]
    fn a_relative_serves_where_the_language_itself_is_not_there() {
        let there = ["de", "en", "he", "pt-BR", "zh-CN", "zh-TW"];
        for (asked, given) in [
            ("de", Some("de")),
            ("de-AT", Some("de")),
            ("DE_at", Some("de")),
            ("de-Latn-AT-1996", Some("de")),
            ("en-GB", Some("en")),
            ("iw", Some("he")),
            ("iw-IL", Some("he")),
            ("pt", Some("pt-BR")),
            ("pt-PT", Some("pt-BR")),
            ("pt-br", Some("pt-BR")),
            ("zh", Some("zh-CN")),
            ("zh-Hans", Some("zh-CN")),
            ("zh-SG", Some("zh-CN")),
            ("zh-Hans-HK", Some("zh-CN")),
            ("cmn-Hans-CN", Some("zh-CN")),
            ("zh-Hant", Some("zh-TW")),
            ("zh-Hant-HK", Some("zh-TW")),
            ("zh-HK", Some("zh-TW")),
            ("zh-MO", Some("zh-TW")),
            ("zh_TW", Some("zh-TW")),
            ("nl", None),
            ("d", None),
            ("", None),
            ("-", None),
            ("../../etc", None),
            ("pta", None),
        ] {
            assert_eq!(served(&there, asked).as_deref(), given, "{asked}");
        }
        assert_eq!(served(&["pt-BR", "pt-PT"], "pt-PT").as_deref(), Some("pt-PT"));
        assert_eq!(served(&["de-AT", "en"], "de-CH").as_deref(), Some("de-AT"));
        assert_eq!(served(&["pt", "pt-BR"], "pt-AO").as_deref(), Some("pt"));
        assert_eq!(served(&["zh", "zh-TW"], "zh-HK").as_deref(), Some("zh-TW"));
        assert_eq!(served(&["zh"], "zh-HK").as_deref(), Some("zh"));
    }

    #[test]
    fn the_first_that_is_there_is_taken_of_several() {
        let there = ["de", "en", "zh-CN"];
        assert_eq!(served(&there, "tlh,de-CH,en").as_deref(), Some("de"));
        assert_eq!(served(&there, "tlh, zh ,en").as_deref(), Some("zh-CN"));
        assert_eq!(served(&there, "tlh,,x").as_deref(), None);
        assert_eq!(served(&there, &format!("{}de", "tlh,".repeat(MAX_ASKED))), None);
    }
}
