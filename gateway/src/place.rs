//! Where roughly somebody asks from, as a proxy says it, for the mail to tell its reader.

use http::{HeaderMap, HeaderName};
use otp_nats::settings::Setting;

/// Longest place in characters: the longest names of towns have some fifty, with a country behind them.
const MAX_LENGTH: usize = 64;

/// The header in which a proxy or a CDN writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceHeader(HeaderName);

impl Setting for PlaceHeader {
    const FORM: &'static str = "the name of a header, as x-client-city";

    fn parse(text: &str) -> Result<Self, String> {
        HeaderName::try_from(text).map(Self).map_err(|_| String::new())
    }
}

impl PlaceHeader {
    /// The place in a request that came through a trusted proxy, or an empty text: for none, for more than one header,
    /// of which the client may have written one, and for whatever is no name of a place.
    pub fn place(&self, headers: &HeaderMap) -> String {
        let mut values = headers.get_all(&self.0).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return String::new() };
        clean(value.as_bytes()).unwrap_or_default()
    }
}

/// Letters, digits and what names of places have between them, of any script. Not cleaned but left out is what holds
/// anything else: it goes into mails, where a control character turns lines around and a colon makes an address.
fn clean(value: &[u8]) -> Option<String> {
    let decoded = percent_decoded(value)?;
    let text = std::str::from_utf8(&decoded).ok()?;
    let place = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let fits = place.chars().count() <= MAX_LENGTH && place.chars().all(is_of_a_name);
    fits.then_some(place)
}

fn is_of_a_name(c: char) -> bool {
    // Modifiers of Indic, Arabic and Latin letters that are no letters themselves: marks, and no controls.
    let mark = matches!(c, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{652}' | '\u{93c}' | '\u{94d}');
    c.is_alphanumeric() || mark || matches!(c, ' ' | ',' | '.' | '\'' | '’' | '-' | '(' | ')')
}

/// RFC 3986 §2.1. CDNs write names in UTF-8 as they are, or with escapes; `None` for an escape that is none.
fn percent_decoded(value: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            let (digits, after) = rest.split_first_chunk::<2>()?;
            let mut escaped = [0];
            data_encoding::HEXLOWER_PERMISSIVE.decode_mut(digits, &mut escaped).ok()?;
            decoded.extend(escaped);
            rest = after;
        } else {
            decoded.push(*byte);
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn place(values: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-client-city", HeaderValue::from_bytes(value).unwrap());
        }
        PlaceHeader::parse("X-Client-City").unwrap().place(&headers)
    }

    #[test]
    fn names_of_places_pass() {
        for (value, expected) in [
            ("Berlin, DE", "Berlin, DE"),
            ("  St. John's \t (NL)  ", "St. John's (NL)"),
            ("M%C3%BCnchen", "München"),
            ("München", "München"),
            ("%E6%9D%B1%E4%BA%AC", "東京"),
            ("दिल्ली", "दिल्ली"),
            ("القاهرة", "القاهرة"),
            ("", ""),
        ] {
            assert_eq!(place(&[value.as_bytes()]), expected, "{value}");
        }
        assert_eq!(place(&[]), "");
    }

    #[test]
    fn nothing_else_does() {
        let long = "a".repeat(65);
        let all: [&[u8]; 14] = [
            b"https://evil.test",
            b"<b>Berlin</b>",
            b"a%0d%0aBcc: x",
            b"a%00b",
            "a\u{202e}b".as_bytes(),
            b"a%E2%80%AEb",
            b"a%E2%81%A6b",
            b"a%E2%80%8Bb",
            b"%",
            b"%4",
            b"%zz",
            b"%FF",
            b"M\xfcnchen",
            long.as_bytes(),
        ];
        for value in all {
            assert_eq!(place(&[value]), "", "{}", String::from_utf8_lossy(value));
        }
        assert_eq!(place(&[b"Berlin", b"Paris"]), "", "one of them is the client's own");
    }
}
