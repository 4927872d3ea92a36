//! A relay that says everything again: address and code stand in its replies.

use crate::support::{Heard, TalkingRelay};

/// Takes, defers or refuses a mail by what its recipient begins with, and repeats recipient and code each time. Codes
/// have so many digits.
pub(super) async fn quoting(code_length: usize) -> TalkingRelay {
    TalkingRelay::serve(move |heard| match heard {
        Heard::Recipient(recipient) => format!("250 2.1.5 <{recipient}> ok\r\n"),
        Heard::Message { recipient, text } => {
            let is_code = |word: &&str| word.len() == code_length && word.bytes().all(|byte| byte.is_ascii_digit());
            let mut codes = text
                .lines()
                .filter_map(|line| line.split(|letter: char| !letter.is_ascii_alphanumeric()).find(is_code));
            let code = codes.next_back().unwrap_or_default();
            let status = match recipient.to_lowercase().split(['.', '@']).next() {
                Some("refused") => "550 5.7.1",
                Some("deferred") => "451 4.7.1",
                _ => "250 2.0.0",
            };
            format!("{status} <{recipient}> your code {code} looks like {} to {code}\r\n", recipient.to_uppercase())
        }
    })
    .await
}
