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

    /// The SHA-256 of the relaxed body.
    pub(super) fn body_hash(&self) -> [u8; 32] {
        let body = without_blank_end(self.body);
        let mut hash = Sha256::new();
        if is_relaxed(body) {
            hash.update(body);
        } else {
            let mut at = 0;
            while at < body.len() {
                let end = line_end(body, at);
                let line = body.get(at..end).unwrap_or_default();
                let mut relaxed = Zeroizing::new(Vec::with_capacity(line.len()));
                relax(line.strip_prefix(b".").unwrap_or(line), |octet| relaxed.push(octet));
                hash.update(&relaxed);
                hash.update(body.get(end..body.len().min(end + LINE_END.len())).unwrap_or_default());
                at = end + LINE_END.len();
            }
        }
        if !(body.is_empty() || body.ends_with(LINE_END)) {
            hash.update(LINE_END);
        }
        hash.finalize().into()
    }

    /// Whether there is such a field.
    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Writes the last field of this name, relaxed, with its line end, if there is one: signatures count fields from below.
    pub(super) fn relaxed(&self, name: &str, text: &mut Vec<u8>) {
        if let Some(field) = self.find(name) {
            relaxed_field(field.name, field.value, text);
            text.extend_from_slice(LINE_END);
        }
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

/// Whether a body is hashed as it stands, as nearly all are: no tab, no two spaces together, none at the end of a line,
/// and no dot at the start of one, which may be doubled.
fn is_relaxed(body: &[u8]) -> bool {
    static OTHERWISE: LazyLock<[Finder<'static>; 3]> =
        LazyLock::new(|| [b"  ".as_slice(), b" \r\n", b"\r\n."].map(Finder::new));
    let starts_or_ends = body.starts_with(b".") || body.ends_with(b" ");
    !starts_or_ends && memchr::memchr(b'\t', body).is_none() && OTHERWISE.iter().all(|what| what.find(body).is_none())
}

/// Writes a field as it is hashed, without its line end.
pub(super) fn relaxed_field(name: &[u8], value: &[u8], text: &mut Vec<u8>) {
    text.extend(name.iter().map(u8::to_ascii_lowercase));
    text.push(b':');
    let start = text.len();
    relax(value, |octet| text.push(octet));
    if text.get(start) == Some(&b' ') {
        text.remove(start);
    }
}

/// A line, or a field's lines as one: runs of white space as one space, and none at the end.
fn relax(text: &[u8], mut put: impl FnMut(u8)) {
    let mut space = false;
    for octet in text {
        match octet {
            b'\r' | b'\n' => {}
            b' ' | b'\t' => space = true,
            other => {
                if std::mem::take(&mut space) {
                    put(b' ');
                }
                put(*other);
            }
        }
    }
}
