//! A part's text as it travels: what lettre makes of it, to the byte, in one pass over the text.
//!
//! lettre moves the rest of the text for every line that it ends, and looks at it byte by byte. Here that is left to
//! what is not plain ASCII.

use lettre::message::Body;
use lettre::message::header::ContentTransferEncoding;

/// Columns of a line of quoted-printable (RFC 2045 §6.7), the `=` of a soft line end included.
const COLUMNS: usize = 76;
/// In front of what goes on on the next line.
const SOFT_END: &[u8] = b"=\r\n";

/// The body of a part with this text.
pub(super) fn encoded(text: String) -> Body {
    let plain = text.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~'));
    if plain && has_long_line(text.as_bytes()) {
        Body::dangerous_pre_encoded(quoted_printable(text.as_bytes()), ContentTransferEncoding::QuotedPrintable)
    } else {
        Body::new(text)
    }
}

/// Whether a line is too long to go as it is, by lettre's count: with the line end before it.
fn has_long_line(text: &[u8]) -> bool {
    let mut last = 0;
    let is_long = |end: usize| end - std::mem::replace(&mut last, end) >= COLUMNS;
    memchr::memchr_iter(b'\n', text).chain([text.len()]).any(is_long)
}

/// Printable ASCII and line ends as quoted-printable.
fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len() + text.len() / 16 + 128);
    let mut lines = text.split(|byte| *byte == b'\n');
    if let Some(line) = lines.next() {
        encode_line(line, &mut encoded);
    }
    for line in lines {
        encoded.extend_from_slice(b"\r\n");
        encode_line(line, &mut encoded);
    }
    encoded
}

/// Only a space at the end and `=` look otherwise than they are; a line that is full ends softly, unless it ends anyway.
fn encode_line(line: &[u8], encoded: &mut Vec<u8>) {
    let (text, end): (&[u8], &[u8]) = line.strip_suffix(b" ").map_or((line, b""), |text| (text, b"=20"));
    let mut start = encoded.len();
    let mut rest = text;
    while let Some(byte) = rest.first() {
        let column = encoded.len() - start;
        if *byte == b'=' {
            rest = rest.get(1..).unwrap_or_default();
            let room = if rest.is_empty() && end.is_empty() { COLUMNS } else { COLUMNS - 1 };
            if column + 3 > room {
                encoded.extend_from_slice(SOFT_END);
                start = encoded.len();
            }
            encoded.extend_from_slice(b"=3D");
            continue;
        }
        let run = memchr::memchr(b'=', rest).unwrap_or(rest.len());
        let is_last = run == rest.len() && end.is_empty() && column + run <= COLUMNS;
        let room = if is_last { COLUMNS } else { COLUMNS - 1 } - column;
        if room == 0 {
            encoded.extend_from_slice(SOFT_END);
            start = encoded.len();
            continue;
        }
        let (now, later) = rest.split_at(run.min(room));
        encoded.extend_from_slice(now);
        rest = later;
    }
    if !end.is_empty() && encoded.len() - start + end.len() > COLUMNS {
        encoded.extend_from_slice(SOFT_END);
    }
    encoded.extend_from_slice(end);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_as_lettre_has_it(text: &str) {
        let (here, there) = (encoded(text.to_owned()), Body::new(text.to_owned()));
        assert_eq!(String::from_utf8_lossy(here.as_ref()), String::from_utf8_lossy(there.as_ref()), "{text:?}");
        assert_eq!(here.encoding(), there.encoding(), "{text:?}");
    }

    #[test]
    fn lines_of_every_length_are_as_lettre_has_them() {
        let long = "y".repeat(100);
        for length in 70..160 {
            for end in ["", " ", "  ", "=", "==", "a=", "= ", "\n", "=\n", " \n", "\n\n \n"] {
                let line = format!("{}{end}", "x".repeat(length));
                assert_as_lettre_has_it(&line);
                assert_as_lettre_has_it(&format!("{line}\n{long}"));
            }
        }
        for text in ["", "\n", "short\nlines\n", "Grüße ", "\r\n", "\t"] {
            assert_as_lettre_has_it(text);
            assert_as_lettre_has_it(&format!("{text}{long}"));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_as_lettre_has_it(text in "([a-z]{0,40}|[ =\n]|[ -~]{0,90}){0,24}") {
            assert_as_lettre_has_it(&text);
        }

        #[test]
        fn so_is_what_is_not_ascii(text in "([a-zäé\r\t]{0,80}|[ =\n]){0,12}") {
            assert_as_lettre_has_it(&text);
        }
    }
}
