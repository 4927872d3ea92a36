//! Messages as the API shows them, in Mailpit's field names.

use std::borrow::Cow;
use std::collections::BTreeMap;

use mail_parser::{Address, Message, MessageParser, MimeHeaders, PartType};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::mailbox::Mail;

/// Characters of a snippet, as Mailpit has it.
const SNIPPET_CHARS_MAX: usize = 250;

/// A name and an address.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Person {
    name: String,
    address: String,
}

/// What both a list and a whole message say.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Envelope {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "MessageID")]
    message_id: String,
    from: Person,
    to: Vec<Person>,
    cc: Vec<Person>,
    /// Recipients of the envelope that the headers don't name.
    bcc: Vec<Person>,
    reply_to: Vec<Person>,
    subject: String,
    size: usize,
    tags: Vec<String>,
    username: String,
}

/// A message in a list, but for whether it was read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Summary {
    #[serde(flatten)]
    envelope: Envelope,
    created: String,
    attachments: usize,
    snippet: String,
}

/// A whole message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Details {
    #[serde(flatten)]
    envelope: Envelope,
    return_path: String,
    date: String,
    /// The text part, else the HTML part as text.
    pub(super) text: String,
    /// The HTML part, else empty.
    #[serde(rename = "HTML")]
    pub(super) html: String,
    inline: Vec<Attachment>,
    attachments: Vec<Attachment>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attachment {
    #[serde(rename = "PartID")]
    part_id: String,
    file_name: String,
    content_type: String,
    #[serde(rename = "ContentID")]
    content_id: String,
    size: usize,
}

/// Reads what a list shows.
pub(super) fn summary(mail: &Mail) -> Summary {
    let message = parse(mail);
    Summary {
        envelope: envelope(mail, message.as_ref()),
        created: rfc3339(mail.received),
        attachments: message.as_ref().map_or(0, Message::attachment_count),
        snippet: snippet(&text(mail, message.as_ref())),
    }
}

/// Reads a whole message.
pub(super) fn details(mail: &Mail) -> Details {
    let message = parse(mail);
    let message = message.as_ref();
    let html = match message.and_then(|message| message.html_part(0)).map(|part| &part.body) {
        Some(PartType::Html(html)) => html.clone().into_owned(),
        _ => String::new(),
    };
    let date = message.and_then(Message::date);
    Details {
        envelope: envelope(mail, message),
        return_path: mail.from.clone(),
        date: date.map_or_else(|| rfc3339(mail.received), mail_parser::DateTime::to_rfc3339),
        text: text(mail, message).into_owned(),
        html,
        inline: Vec::new(),
        attachments: message.map(attachments).unwrap_or_default(),
    }
}

/// The headers of a message by name, in the capitalisation that Mailpit uses (`Message-Id`), values unfolded.
pub(super) fn headers(mail: &Mail) -> BTreeMap<String, Vec<String>> {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in parse(mail).iter().flat_map(Message::headers_raw) {
        let lines: Vec<&str> = value.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        headers.entry(capitalised(name)).or_default().push(lines.join(" "));
    }
    headers
}

/// `None` for what is no message at all, such as an empty one; that is shown by its envelope.
fn parse(mail: &Mail) -> Option<Message<'_>> {
    MessageParser::default().parse(&mail.raw[..])
}

fn text<'a>(mail: &'a Mail, message: Option<&'a Message<'_>>) -> Cow<'a, str> {
    match message {
        Some(message) => message.body_text(0).unwrap_or_default(),
        None => String::from_utf8_lossy(&mail.raw),
    }
}

fn envelope(mail: &Mail, message: Option<&Message<'_>>) -> Envelope {
    let to = people(message.and_then(Message::to));
    let cc = people(message.and_then(Message::cc));
    let named = |address: &str| to.iter().chain(&cc).any(|person| person.address.eq_ignore_ascii_case(address));
    let bcc = mail.to.iter().filter(|address| !named(address)).map(|address| nameless(address)).collect();
    Envelope {
        id: mail.id(),
        message_id: message.and_then(Message::message_id).unwrap_or_default().to_owned(),
        from: people(message.and_then(Message::from)).into_iter().next().unwrap_or_else(|| nameless(&mail.from)),
        to,
        cc,
        bcc,
        reply_to: people(message.and_then(Message::reply_to)),
        subject: message.and_then(Message::subject).unwrap_or_default().to_owned(),
        size: mail.raw.len(),
        tags: Vec::new(),
        username: String::new(),
    }
}

fn people(addresses: Option<&Address<'_>>) -> Vec<Person> {
    let person = |entry: &mail_parser::Addr<'_>| Person {
        name: entry.name().unwrap_or_default().to_owned(),
        address: entry.address().unwrap_or_default().to_owned(),
    };
    addresses.map(|addresses| addresses.iter().map(person).collect()).unwrap_or_default()
}

fn nameless(address: &str) -> Person {
    Person { name: String::new(), address: address.to_owned() }
}

fn attachments(message: &Message<'_>) -> Vec<Attachment> {
    let attachment = |(number, part): (usize, &mail_parser::MessagePart<'_>)| Attachment {
        part_id: (number + 1).to_string(),
        file_name: part.attachment_name().unwrap_or_default().to_owned(),
        content_type: part.content_type().map(content_type).unwrap_or_default(),
        content_id: part.content_id().unwrap_or_default().to_owned(),
        size: part.contents().len(),
    };
    message.attachments().enumerate().map(attachment).collect()
}

fn content_type(of: &mail_parser::ContentType<'_>) -> String {
    of.subtype().map_or_else(|| of.ctype().to_owned(), |subtype| format!("{}/{subtype}", of.ctype()))
}

fn snippet(text: &str) -> String {
    let mut snippet = String::new();
    let mut chars = 0;
    for word in text.split_whitespace() {
        let space = usize::from(chars > 0);
        snippet.extend(std::iter::repeat_n(' ', space).chain(word.chars()).take(SNIPPET_CHARS_MAX - chars));
        chars = (chars + space + word.chars().count()).min(SNIPPET_CHARS_MAX);
        if chars == SNIPPET_CHARS_MAX {
            break;
        }
    }
    snippet
}

fn capitalised(name: &str) -> String {
    let mut start = true;
    name.trim()
        .chars()
        .map(|c| {
            let shown = if start { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
            start = c == '-';
            shown
        })
        .collect()
}

fn rfc3339(at: OffsetDateTime) -> String {
    // Fails only for years beyond 9999.
    at.format(&Rfc3339).unwrap_or_default()
}
