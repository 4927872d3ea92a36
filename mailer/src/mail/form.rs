//! Forms: mails whose parts are written and encoded once, with gaps where each has its own code and link.
//!
//! All mails of an application in one language say the same but for these two, so that rendering and encoding each of
//! them anew is most of a mail's cost. A form is made with stand-ins for both, as long as what they stand for, so that
//! no line breaks elsewhere; filled with other stand-ins it has to be, octet for octet, what the template makes of them.
//! Where it is not (a template that cuts a code in two), mails are rendered one by one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lettre::message::Body;
use lettre::message::header::ContentTransferEncoding;

use super::foreign;
use super::templates::{Facts, Language, Rendered};

/// Forms that are kept, of some 10 KB each: a busy application has one for each of its languages and each minute that
/// its codes still live. Beyond it all are forgotten and made again as they are asked for.
const MAX_FORMS: usize = 256;
/// Digits that stand in for a code: no text of a mail has them.
const STAND_INS: [&str; 2] = ["7294618305", "4810593627"];
const LINK_START: &str = "https://";
const LINE_END: &str = "\n";

/// What all mails of one form have in common. The places of the gaps depend on the lengths of what fills them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    /// The template, by the address of its language.
    template: usize,
    app: String,
    place: String,
    minutes: u64,
    code_length: usize,
    link_length: usize,
}

impl Kind {
    pub(super) fn new(language: &Language, facts: &Facts<'_>) -> Self {
        let Facts { app, code, minutes, place, report_url } = *facts;
        let template = std::ptr::from_ref(language).addr();
        let (app, place) = (app.to_owned(), place.to_owned());
        Self { template, app, place, minutes, code_length: code.len(), link_length: report_url.len() }
    }
}

/// A mail's parts, encoded.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) subject: String,
    pub(super) text: Body,
    pub(super) html: Body,
}

/// All forms, by what their mails have in common.
#[derive(Debug, Default)]
pub(super) struct Forms {
    known: Mutex<HashMap<Kind, Known>>,
}

#[derive(Debug, Clone)]
enum Known {
    /// One mail was asked for. A form costs three of them, so that the second one pays for it.
    Once,
    /// It cannot be filled.
    Unfit,
    Made(Arc<Form>),
}

impl Forms {
    /// A mail's parts: the form of its kind filled, or what `render` makes.
    pub(super) fn parts<E>(
        &self,
        kind: Kind,
        facts: &Facts<'_>,
        render: impl Fn(&Facts<'_>) -> Result<Rendered, E>,
    ) -> Result<Parts, E> {
        let known = self.with(|known| known.get(&kind).cloned());
        let filled = match &known {
            Some(Known::Made(form)) => form.filled(facts),
            Some(Known::Once) => {
                let form = Form::make(facts, &render)?.map(Arc::new);
                let filled = form.as_ref().and_then(|form| form.filled(facts));
                self.keep(kind, form.map_or(Known::Unfit, Known::Made));
                filled
            }
            Some(Known::Unfit) => None,
            None => {
                self.keep(kind, Known::Once);
                None
            }
        };
        filled.map_or_else(|| render(facts).map(encoded), Ok)
    }

    fn keep(&self, kind: Kind, what: Known) {
        self.with(|known| {
            if known.len() >= MAX_FORMS && !known.contains_key(&kind) {
                known.clear();
            }
            known.insert(kind, what);
        });
    }

    /// Whoever panicked while it held the lock left a whole map behind: each change is a single one.
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<Kind, Known>) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The parts of a mail with gaps.
#[derive(Debug)]
struct Form {
    /// In clear: it is encoded as a header.
    subject: Vec<Piece>,
    text: Part,
    html: Part,
}

#[derive(Debug)]
struct Part {
    encoding: ContentTransferEncoding,
    /// One after the other they are the part. An open one begins and ends where an encoder begins anew.
    stretches: Vec<Stretch>,
}

#[derive(Debug)]
enum Stretch {
    Encoded(Vec<u8>),
    /// To be filled and then encoded.
    Open(Vec<Piece>),
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Code,
    Link,
}

/// What goes into the gaps.
#[derive(Debug, Clone, Copy)]
struct Fill<'f> {
    code: &'f str,
    link: &'f str,
}

impl Form {
    /// A form for mails like this one; `None` when the template does more with a code or a link than to show it.
    fn make<E>(facts: &Facts<'_>, render: impl Fn(&Facts<'_>) -> Result<Rendered, E>) -> Result<Option<Self>, E> {
        let [first, other] = STAND_INS.map(|digits| stand_ins(digits, facts));
        let (Some(first), Some(other)) = (first, other) else { return Ok(None) };
        let with = |(code, link): &(String, String)| render(&Facts { code, report_url: link, ..*facts });
        let gaps = Fill { code: &first.0, link: &first.1 };
        let Rendered { subject, text, html } = with(&first)?;
        let form = Self { subject: pieces(&subject, gaps), text: Part::new(&text, gaps), html: Part::new(&html, gaps) };
        let rendered = encoded(with(&other)?);
        let is_same = form.filled(&Facts { code: &other.0, report_url: &other.1, ..*facts }).is_some_and(|filled| {
            let (text, html) = (filled.text.as_ref(), filled.html.as_ref());
            filled.subject == rendered.subject && text == rendered.text.as_ref() && html == rendered.html.as_ref()
        });
        Ok(is_same.then_some(form))
    }

    /// The parts with these facts' code and link; `None` when one cannot be encoded as the stand-ins were.
    fn filled(&self, facts: &Facts<'_>) -> Option<Parts> {
        let Facts { code, report_url, .. } = *facts;
        let fill = Fill { code, link: report_url };
        Some(Parts {
            subject: joined(&self.subject, fill),
            text: self.text.filled(fill)?,
            html: self.html.filled(Fill { code, link: &foreign::html(report_url) })?,
        })
    }
}

impl Part {
    fn new(text: &str, gaps: Fill<'_>) -> Self {
        let encoding = Body::new(text.to_owned()).encoding();
        // Ended as the encoder takes them, which makes them CRLF.
        let text = text.replace("\r\n", LINE_END);
        // Base64 knows no lines: what stands behind a gap depends on what is in it.
        if encoding == ContentTransferEncoding::Base64 {
            return Self { encoding, stretches: vec![Stretch::Open(pieces(&text, gaps))] };
        }
        let mut stretches = Vec::new();
        let mut closed = String::new();
        for line in text.split_inclusive(LINE_END) {
            let content = line.strip_suffix(LINE_END).unwrap_or(line);
            let pieces = pieces(content, gaps);
            if pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) {
                closed.push_str(line);
                continue;
            }
            stretches.extend(Stretch::encoded(std::mem::take(&mut closed), encoding));
            stretches.push(Stretch::Open(pieces));
            closed.push_str(line.strip_prefix(content).unwrap_or_default());
        }
        stretches.extend(Stretch::encoded(closed, encoding));
        Self { encoding, stretches }
    }

    fn filled(&self, fill: Fill<'_>) -> Option<Body> {
        let ready = self.stretches.iter().map(|stretch| match stretch {
            Stretch::Encoded(octets) => octets.len(),
            Stretch::Open(_) => 0,
        });
        // Room for what is open, encoded: a wrapped link is the longest.
        let mut body = Vec::with_capacity(ready.sum::<usize>() + 4 * fill.link.len() + 1024);
        for stretch in &self.stretches {
            match stretch {
                Stretch::Encoded(octets) => body.extend_from_slice(octets),
                Stretch::Open(pieces) => {
                    let encoded = Body::new_with_encoding(joined(pieces, fill), self.encoding).ok()?;
                    body.extend_from_slice(encoded.as_ref());
                }
            }
        }
        Some(Body::dangerous_pre_encoded(body, self.encoding))
    }
}

impl Stretch {
    /// Whole lines; nothing of nothing. What cannot be encoded so is found out when the form is tried.
    fn encoded(text: String, encoding: ContentTransferEncoding) -> Option<Self> {
        (!text.is_empty()).then(|| {
            Self::Encoded(Body::new_with_encoding(text, encoding).map_or_else(|refused| refused, Body::into_vec))
        })
    }
}

fn encoded(rendered: Rendered) -> Parts {
    Parts { subject: rendered.subject, text: Body::new(rendered.text), html: Body::new(rendered.html) }
}

/// A code and a link of these digits, as long as the real ones; `None` when one of these is too short or too long.
fn stand_ins(digits: &str, facts: &Facts<'_>) -> Option<(String, String)> {
    let code = digits.get(..facts.code.len())?.to_owned();
    if facts.report_url.is_empty() {
        return Some((code, String::new()));
    }
    let rest = facts.report_url.len().checked_sub(LINK_START.len() + digits.len())?;
    // Letters first and last, so that a code is no part of it.
    let letters = digits.bytes().map(|digit| char::from(b'a' + (digit - b'0'))).collect::<String>();
    Some((code, format!("{LINK_START}{letters}{}", "x".repeat(rest))))
}

/// A text in pieces, with gaps where it has what stands in for a code or a link.
fn pieces(text: &str, gaps: Fill<'_>) -> Vec<Piece> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    let find = |text: &str, what: &str| if what.is_empty() { None } else { text.find(what) };
    loop {
        let code = find(rest, gaps.code).map(|at| (at, gaps.code.len(), Piece::Code));
        let link = find(rest, gaps.link).map(|at| (at, gaps.link.len(), Piece::Link));
        let Some((at, length, piece)) = code.into_iter().chain(link).min_by_key(|(at, ..)| *at) else { break };
        let (before, after) = rest.split_at(at);
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(piece);
        rest = after.split_at(length).1;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    pieces
}

fn joined(pieces: &[Piece], fill: Fill<'_>) -> String {
    let mut text = String::new();
    for piece in pieces {
        text.push_str(match piece {
            Piece::Text(text) => text,
            Piece::Code => fill.code,
            Piece::Link => fill.link,
        });
    }
    text
}

#[cfg(test)]
mod tests;
