//! The relaxed forms of header and body (RFC 6376 §3.4.2, §3.4.4): what relays may change without breaking a
//! signature. No I/O.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const LINE_END: &[u8] = b"\r\n";

/// A message taken apart, in the form that goes over the wire: its lines end in CRLF, and a dot that begins one is
/// doubled. No field begins with a dot.
#[derive(Debug)]
pub(super) struct Message<'m> {
    fields: Vec<Field<'m>>,
    body: &'m [u8],
}

/// A header field, unparsed.
#[derive(Debug)]
struct Field<'m> {
    name: &'m [u8],
    value: &'m [u8],
}

impl<'m> Message<'m> {
    /// Without the final dot.
    pub(super) fn read(text: &'m [u8]) -> Self {
        let (mut fields, mut rest) = (Vec::new(), text);
        while let Some((field, after)) = next_field(rest) {
            fields.push(field);
            rest = after;
        }
        Self { fields, body: rest.strip_prefix(LINE_END).unwrap_or_default() }
    }

    /// The SHA-256 of the relaxed body. What is relaxed already, as nearly all of a mail is, is hashed where it stands.
    pub(super) fn body_hash(&self) -> [u8; 32] {
        let body = without_blank_end(self.body);
        let mut hash = Sha256::new();
        let (mut hashed, mut at) = (0, 0);
        while at < body.len() {
            let end = line_end(body, at);
            let line = body.get(at..end).unwrap_or_default();
            if !is_relaxed(line) {
                hash.update(body.get(hashed..at).unwrap_or_default());
                let spaced = single_spaced(line.strip_prefix(b".").unwrap_or(line));
                hash.update(spaced.strip_suffix(b" ").unwrap_or(&spaced));
                hashed = end;
            }
            at = end + LINE_END.len();
        }
        hash.update(body.get(hashed..).unwrap_or_default());
        if !(body.is_empty() || body.ends_with(LINE_END)) {
            hash.update(LINE_END);
        }
        hash.finalize().into()
    }

    /// Whether there is such a field.
    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The last field of this name, relaxed, without its line end: signatures count fields from below.
    pub(super) fn relaxed(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.find(name).map(|field| relaxed_field(field.name, field.value))
    }

    fn find(&self, name: &str) -> Option<&Field<'m>> {
        self.fields.iter().rev().find(|field| field.name.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// The next field with the lines that continue it, and what follows; `None` where the header ends.
fn next_field(text: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let mut end = line_end(text, 0);
    if end == 0 {
        return None;
    }
    while matches!(text.get(end + LINE_END.len()), Some(b' ' | b'\t')) {
        end = line_end(text, end + LINE_END.len());
    }
    let (field, rest) = text.split_at(end);
    let colon = field.iter().position(|byte| *byte == b':').unwrap_or(end);
    let (name, value) = field.split_at(colon);
    let field = Field { name: name.trim_ascii_end(), value: value.strip_prefix(b":").unwrap_or_default() };
    Some((field, rest.strip_prefix(LINE_END).unwrap_or_default()))
}

/// Where the line that `from` is in ends.
fn line_end(text: &[u8], from: usize) -> usize {
    static LINE_ENDS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(LINE_END));
    let rest = text.get(from..).unwrap_or_default();
    LINE_ENDS.find(rest).map_or(text.len(), |at| from + at)
}

/// The body up to its last line that is not empty: what follows does not count (RFC 6376 §3.4.4).
fn without_blank_end(mut body: &[u8]) -> &[u8] {
    while let Some(rest) = body.strip_suffix(LINE_END) {
        let kept = rest.len() - rest.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let text = rest.get(..kept).unwrap_or_default();
        if !(text.is_empty() || text.ends_with(LINE_END)) {
            break;
        }
        body = text;
    }
    body
}

/// Whether a line is hashed as it stands.
fn is_relaxed(line: &[u8]) -> bool {
    let pairs = line.iter().zip(line.get(1..).unwrap_or_default());
    let two_spaces = pairs.fold(false, |found, (one, next)| found || (*one == b' ' && *next == b' '));
    !two_spaces && memchr::memchr(b'\t', line).is_none() && !line.ends_with(b" ") && !line.starts_with(b".")
}

/// A field as it is hashed, without its line end.
pub(super) fn relaxed_field(name: &[u8], value: &[u8]) -> Zeroizing<Vec<u8>> {
    let unfolded: Zeroizing<Vec<u8>> =
        Zeroizing::new(value.iter().copied().filter(|byte| !LINE_END.contains(byte)).collect());
    let mut relaxed = Zeroizing::new(Vec::with_capacity(name.len() + 1 + value.len()));
    relaxed.extend(name.iter().map(u8::to_ascii_lowercase));
    relaxed.push(b':');
    let value = single_spaced(&unfolded);
    let value = value.strip_prefix(b" ").unwrap_or(&value);
    relaxed.extend_from_slice(value.strip_suffix(b" ").unwrap_or(value));
    relaxed
}

/// Runs of white space as one space.
fn single_spaced(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut spaced: Zeroizing<Vec<u8>> = Zeroizing::new(Vec::with_capacity(text.len()));
    for byte in text {
        match byte {
            b' ' | b'\t' if spaced.last() == Some(&b' ') => {}
            b' ' | b'\t' => spaced.push(b' '),
            other => spaced.push(*other),
        }
    }
    spaced
}
