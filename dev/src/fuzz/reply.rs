//! What a relay says.

use otp_mailer::smtp::Reply;
use otp_nats::mask::scrub_reply;

use super::bytes::number;

/// Bytes of one line and lines of one reply that are read at most.
const LINE_MAX: usize = 4096;
const LINES_MAX: usize = 128;
/// Characters of a reply that go into an event.
const SHOWN_MAX: usize = 200;

pub(super) fn reply(input: &[u8]) {
    let read = Reply::read(input);
    if let Ok(Some((reply, taken))) = &read {
        assert!((1..=input.len()).contains(taken), "took {taken} of {}", input.len());
        let (own, _rest) = input.split_at(*taken);
        assert_eq!(Reply::read(own), read, "what follows a reply is no part of it");
        assert!(own.ends_with(b"\n") && (200..600).contains(&reply.code));
        assert!(reply.lines.len() <= LINES_MAX && reply.lines.iter().all(|line| line.len() <= 3 * LINE_MAX));
        // Whatever of it has come so far is waited on, and never read as something else.
        let (cut, _) = number(input);
        let cut = usize::try_from(cut % (*taken as u64)).unwrap_or(0);
        let (part, _) = own.split_at(cut);
        assert_eq!(Reply::read(part), Ok(None), "a reply cut at {cut}");
        shown(&reply.to_string());
    }
    if read == Ok(None) {
        assert!(input.len() <= LINE_MAX * (LINES_MAX + 1), "waits for ever");
    }
    shown(&String::from_utf8_lossy(input));
}

/// What events show of a reply: one line, no address, no code.
fn shown(text: &str) {
    for (address, code) in [("alice@example.com", "012345"), ("", ""), ("x@y.example", "ab")] {
        let shown = scrub_reply(text, address, code, SHOWN_MAX);
        assert!(shown.chars().count() <= SHOWN_MAX && !shown.contains('@'), "{shown:?}");
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert!(!shown.to_ascii_lowercase().contains("alice") || address.len() < 12, "{shown:?}");
        assert!(!shown.contains("012345") || code.len() < 6, "{shown:?}");
    }
}
