//! The languages of a mail: which ones are asked for, and in which order. The mailer knows which there are.

use std::cmp::Reverse;

/// Longest language tag in characters (RFC 5646 §4.4.1).
pub(super) const MAX_TAG: usize = 35;
/// Most languages that go to the mailer, and most entries of `Accept-Language` that are read for them: a browser names a
/// few, and all of them travel with the request.
const MAX_LANGUAGES: usize = 6;
const MAX_ENTRIES: usize = 32;

/// Whether a text is a language tag as far as its characters go (BCP 47).
pub(super) fn is_tag(text: &str) -> bool {
    text.len() <= MAX_TAG && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The languages wished for, comma-separated, the preferred one first: the request's, those of `Accept-Language`, the
/// application's. Empty when nothing names one.
pub(super) fn wished(request: Option<&str>, accepted: Option<&str>, app: &str) -> String {
    let mut wished: Vec<&str> = request.into_iter().collect();
    wished.extend(accepted.map(accepted_tags).unwrap_or_default());
    // The application's is the last resort, which the browser's many must not push out.
    wished.retain(|tag| !tag.is_empty());
    wished.truncate(MAX_LANGUAGES - 1);
    wished.extend(Some(app).filter(|tag| !tag.is_empty()));
    wished.join(",")
}

/// The tags of `Accept-Language` by their weights (RFC 9110 §12.5.4), of equal ones the first named first. What is
/// refused (`q=0`), stands for any (`*`) or is odd is left out.
pub(super) fn accepted_tags(header: &str) -> Vec<&str> {
    let mut entries: Vec<(u16, &str)> = header.split(',').take(MAX_ENTRIES).filter_map(entry).collect();
    entries.sort_by_key(|(weight, _)| Reverse(*weight));
    entries.truncate(MAX_LANGUAGES);
    entries.into_iter().map(|(_, tag)| tag).collect()
}

fn entry(entry: &str) -> Option<(u16, &str)> {
    let (tag, parameter) = entry.split_once(';').map_or((entry, None), |(tag, rest)| (tag, Some(rest)));
    let tag = tag.trim();
    let weight = parameter.map_or(Some(1000), thousandths)?;
    (weight > 0 && !tag.is_empty() && is_tag(tag)).then_some((weight, tag))
}

/// A weight in thousandths; it has three digits after the point at most.
fn thousandths(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    let weight: f32 = value.trim().parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    let thousandths = (weight * 1000.0).round() as u16;
    name.trim().eq_ignore_ascii_case("q").then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_decide_and_then_the_order() {
        for (header, tags) in [
            ("de-DE,de;q=0.9,en;q=0.5", vec!["de-DE", "de", "en"]),
            ("en;q=0.5, de", vec!["de", "en"]),
            ("fr;q=0.2 , it ; q = 0.8,de;Q=0.8", vec!["it", "de", "fr"]),
            ("*, en;q=0.1", vec!["en"]),
            ("en;q=0, de;q=0.001", vec!["de"]),
            ("de;q=2, fr;q=-1, it;q=x, nl;level=1, pl;q", vec![]),
            (";;;garbage,,", vec![]),
            ("d\u{e9}, en\r, ../..", vec!["en"]),
            ("", vec![]),
        ] {
            assert_eq!(accepted_tags(header), tags, "{header:?}");
        }
        assert_eq!(accepted_tags(&"x,".repeat(1000)).len(), MAX_LANGUAGES);
    }

    #[test]
    fn the_request_comes_first_and_the_application_last() {
        assert_eq!(wished(Some("tlh"), Some("de, en;q=0.5"), "fr"), "tlh,de,en,fr");
        assert_eq!(wished(None, Some("de"), ""), "de");
        assert_eq!(wished(None, None, "fr"), "fr");
        assert_eq!(wished(Some(""), None, ""), "");
        let many = wished(Some("tlh"), Some("a1,b2,c3,d4,e5,f6,g7"), "fr");
        assert_eq!(many, "tlh,a1,b2,c3,d4,fr");
    }
}
