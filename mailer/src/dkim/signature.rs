//! The `DKIM-Signature` field (RFC 6376 §3.5). No I/O.

use data_encoding::BASE64;
use otp_nats::Timestamp;
use zeroize::Zeroizing;

use super::canonical::{Message, relaxed_field};
use super::keys::DkimKey;

const NAME: &str = "DKIM-Signature";
/// Columns of a line, below the 78 that RFC 5322 §2.1.1 asks for.
const COLUMNS: usize = 72;

/// Fields that a mail has once or not at all. Each is listed once more than it is there, so that a second one added on
/// the way breaks the signature: some programs show the first one, some the last (RFC 6376 §8.15).
const SEALED: [&str; 9] =
    ["From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"];
/// Fields that are signed where they are there. More of them change nothing that a person sees, and a relay may add one.
const SIGNED: [&str; 3] = ["Content-Transfer-Encoding", "Content-Language", "Auto-Submitted"];

/// A signature's field but for the signature, and what that is made over.
pub(super) struct Draft {
    field: String,
    text: Zeroizing<Vec<u8>>,
}

impl Draft {
    pub(super) fn new(key: &DkimKey, message: &Message<'_>, body_hash: &[u8; 32], now: Timestamp) -> Self {
        let names = signed_names(message);
        let (algorithm, domain, selector) = (key.algorithm().as_str(), key.domain(), key.selector());
        let (seconds, names_folded, hash) = (now.as_millis() / 1000, folded(&names), BASE64.encode(body_hash));
        let value = format!(
            "v=1; a={algorithm}-sha256; c=relaxed/relaxed;\r\n\td={domain};\r\n\ts={selector}; t={seconds};\r\n\t\
             h={names_folded};\r\n\tbh={hash};\r\n\tb="
        );
        // Twice what the fields of our own mails come to.
        let mut text = Zeroizing::new(Vec::with_capacity(2048));
        for (place, name) in names.iter().enumerate() {
            // Listed again, it stands for one that is not there.
            let again = names.iter().take(place).any(|earlier| earlier == name);
            if !again {
                message.relaxed(name, &mut text);
            }
        }
        relaxed_field(NAME.as_bytes(), value.as_bytes(), &mut text);
        Self { field: format!("{NAME}: {value}"), text }
    }

    /// What is signed.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The same, for another thread.
    pub(super) fn text_to_keep(&self) -> Zeroizing<Vec<u8>> {
        self.text.clone()
    }

    /// The whole field with its line end.
    pub(super) fn field(&self, signature: &[u8]) -> String {
        let signature = BASE64.encode(signature);
        // Base64 is ASCII, so every piece is text.
        let lines: Vec<String> = signature.as_bytes().chunks(COLUMNS).map(ascii).collect();
        format!("{}{}\r\n", self.field, lines.join("\r\n\t"))
    }
}

fn ascii(piece: &[u8]) -> String {
    String::from_utf8_lossy(piece).into_owned()
}

fn signed_names(message: &Message<'_>) -> Vec<&'static str> {
    let mut names = Vec::new();
    for name in SEALED {
        names.extend(std::iter::repeat_n(name, if message.has(name) { 2 } else { 1 }));
    }
    names.extend(SIGNED.into_iter().filter(|name| message.has(name)));
    names
}

/// The names with colons between them, in lines of some seventy columns.
fn folded(names: &[&str]) -> String {
    let (mut list, mut column) = (String::new(), 0);
    for name in names {
        if !list.is_empty() {
            list.push(':');
            column += 1;
        }
        if column + name.len() > COLUMNS - 2 {
            list.push_str("\r\n\t ");
            column = 0;
        }
        list.push_str(name);
        column += name.len();
    }
    list
}
