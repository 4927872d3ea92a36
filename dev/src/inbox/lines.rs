//! Cuts a byte stream into SMTP lines.

/// Octets of a line without its end. RFC 5321 §4.5.3.1 asks for 512 in a command and 998 in a message; four times the
/// latter serves senders that don't fold, and no line needs more.
pub(super) const LINE_OCTETS_MAX: usize = 4096;

/// Room made for each read: several mails of the usual size, so that a pipelined batch is one read.
const READ_OCTETS: usize = 16 * 1024;

/// One line from a client, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Ended by CR LF.
    Whole(&'a [u8]),
    /// Ended by a line feed alone, which RFC 5321 §2.3.8 forbids.
    BareLineFeed,
    /// Longer than [`LINE_OCTETS_MAX`]; what it held is gone.
    TooLong,
}

/// What was read and is not yet taken as lines.
#[derive(Debug, Default)]
pub(super) struct LineBuffer {
    octets: Vec<u8>,
    /// Where the next line starts.
    taken: usize,
    /// How far the next line was searched for its end.
    searched: usize,
    /// Inside a line that is too long.
    skipping: bool,
}

impl LineBuffer {
    /// Where to append what is read next. It never grows beyond a read and a line.
    pub(super) fn room(&mut self) -> &mut Vec<u8> {
        self.octets.drain(..self.taken);
        self.searched -= self.taken;
        self.taken = 0;
        self.octets.reserve(READ_OCTETS);
        &mut self.octets
    }

    /// The next line that is there whole.
    pub(super) fn next_line(&mut self) -> Option<Line<'_>> {
        let rest = self.octets.get(self.searched..)?;
        let Some(offset) = rest.iter().position(|&octet| octet == b'\n') else {
            self.searched = self.octets.len();
            // The one octet more is a carriage return that may belong to the line's end.
            if self.searched - self.taken > LINE_OCTETS_MAX + 1 {
                self.skipping = true;
                self.taken = self.searched;
            }
            return None;
        };
        let start = self.taken;
        let end = self.searched + offset;
        self.taken = end + 1;
        self.searched = self.taken;
        let line = self.octets.get(start..end)?;
        if std::mem::take(&mut self.skipping) || line.len() > LINE_OCTETS_MAX + 1 {
            return Some(Line::TooLong);
        }
        Some(line.strip_suffix(b"\r").map_or(Line::BareLineFeed, Line::Whole))
    }
}
