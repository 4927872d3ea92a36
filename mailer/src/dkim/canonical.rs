//! The relaxed forms of header and body (RFC 6376 §3.4.2, §3.4.4): what relays may change without breaking a
//! signature. No I/O.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const LINE_END: &[u8] = b"\r\n";

/// A message taken apart; its lines end in CRLF.
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
        let mut hash = Sha256::new();
        // Empty lines count only when something follows them.
        let (mut empty_lines, mut rest) = (0_usize, self.body);
        while !rest.is_empty() {
            let end = line_end(rest, 0);
            let line = single_spaced(rest.get(..end).unwrap_or(rest));
            rest = rest.get(end + LINE_END.len()..).unwrap_or_default();
            let line = line.strip_suffix(b" ").unwrap_or(&line);
            if line.is_empty() {
                empty_lines += 1;
                continue;
            }
            (0..std::mem::take(&mut empty_lines)).for_each(|_| hash.update(LINE_END));
            hash.update(line);
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
    let rest = text.get(from..).unwrap_or_default();
    rest.windows(LINE_END.len()).position(|window| window == LINE_END).map_or(text.len(), |at| from + at)
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
