//! Replies of an SMTP server (RFC 5321 §4.2).

use std::fmt;

/// Longest line that is read; the standard allows 512 bytes, servers write more.
const MAX_LINE: usize = 4096;
/// Most lines of one reply; the longest seen are EHLO replies of some twenty.
const MAX_LINES: usize = 128;

/// A complete reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// The text of each line, without code and line end.
    pub lines: Vec<String>,
}

/// The bytes are no SMTP reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an SMTP reply")]
pub struct NoReply;

impl Reply {
    /// Reads one reply from the start of `input` and says how many bytes it took; `None` while it is not complete.
    ///
    /// # Errors
    /// [`NoReply`] for bytes that can never become one, and for lines too long or too many.
    pub fn read(input: &[u8]) -> Result<Option<(Self, usize)>, NoReply> {
        let (mut code, mut lines, mut taken) = (None, Vec::new(), 0);
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            let Some(end) = rest.iter().take(MAX_LINE).position(|byte| *byte == b'\n') else {
                return if rest.len() < MAX_LINE { Ok(None) } else { Err(NoReply) };
            };
            taken += end + 1;
            let line = rest.get(..end).unwrap_or_default();
            let (line_code, last, text) = read_line(line.strip_suffix(b"\r").unwrap_or(line))?;
            if *code.get_or_insert(line_code) != line_code || lines.len() == MAX_LINES {
                return Err(NoReply);
            }
            lines.push(text);
            if last {
                return Ok(Some((Self { code: line_code, lines }, taken)));
            }
        }
    }

    /// 2xx.
    pub const fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// Whether it is a 4xx that says less of this mail than of how much the server is given. Enhanced status codes tell
    /// (RFC 3463: 4.1 and 4.2 are about the recipient); without one, 450 is about the recipient as well (RFC 5321 §4.2.3).
    pub fn is_about_load(&self) -> bool {
        let text = self.lines.first().map_or("", String::as_str);
        let of_recipient = match text.strip_prefix("4.").and_then(|rest| rest.split_once('.')) {
            Some((subject, _)) => matches!(subject, "1" | "2"),
            None => self.code == 450,
        };
        self.code / 100 == 4 && !of_recipient
    }

    /// 5xx.
    pub const fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }
}

/// Code, whether it is the last line, and text.
fn read_line(line: &[u8]) -> Result<(u16, bool, String), NoReply> {
    let (digits, rest) = line.split_first_chunk::<3>().ok_or(NoReply)?;
    if !matches!(digits[0], b'2'..=b'5') || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NoReply);
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let (last, text) = match rest.split_first() {
        None => (true, rest),
        Some((b' ', text)) => (true, text),
        Some((b'-', text)) => (false, text),
        Some(_) => return Err(NoReply),
    };
    Ok((code, last, String::from_utf8_lossy(text).into_owned()))
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        self.lines.iter().try_for_each(|line| write!(f, " {line}"))
    }
}

#[cfg(test)]
mod tests;
