//! What is to be said on a connection, and the ways in which a script twists it.

use std::time::Duration;

use super::script::Fault;
use super::session::Then;
use super::tally::Receipt;

/// What is to be written next.
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// The replies.
    pub(super) octets: Vec<u8>,
    /// The mails whose 250 is among them.
    pub(super) receipts: Vec<Receipt>,
    /// Whether an octet is written at a time, each after this pause.
    pub(super) drip: Option<Duration>,
    /// A reply that is to come after the next one.
    held: Vec<u8>,
}

/// How far the replies were said.
#[derive(Debug, Clone, Copy)]
struct Mark {
    octets: usize,
    receipts: usize,
}

impl Replies {
    /// Appends text.
    pub(super) fn say(&mut self, text: &str) {
        self.octets.extend_from_slice(text.as_bytes());
    }

    /// Says what follows a line of the client, and after it what an earlier line held back.
    pub(super) fn after_a_line(&mut self, answer: impl FnOnce(&mut Self) -> Then) -> Then {
        let overdue = std::mem::take(&mut self.held);
        let mark = self.mark();
        let then = answer(self);
        if self.octets.len() > mark.octets {
            self.octets.extend_from_slice(&overdue);
        } else {
            self.held.splice(..0, overdue);
        }
        then
    }

    /// Answers as the fault has it; `usual` answers as usual.
    pub(super) fn go_wrong(&mut self, fault: &Fault, usual: impl FnOnce(&mut Self) -> Then) -> Then {
        match fault {
            Fault::Say(text) => {
                self.say(text);
                Then::Listen
            }
            Fault::Goodbye(text) => {
                self.say(text);
                Then::Close
            }
            Fault::Silence => Then::Hang,
            Fault::Drop => Then::Close,
            Fault::Reset => Then::Reset,
            Fault::Omit => {
                let mark = self.mark();
                let then = usual(self);
                drop(self.take_back(mark));
                then
            }
            Fault::Late => {
                let mark = self.mark();
                let then = usual(self);
                let taken = self.take_back(mark);
                self.held.extend(taken);
                then
            }
            Fault::Extra(text) => {
                let then = usual(self);
                // It comes on top of an answer; where another rule has broken off there is none.
                if then == Then::Listen {
                    self.say(text);
                }
                then
            }
            Fault::Drip(pause) => {
                self.drip = Some(*pause);
                usual(self)
            }
            Fault::Endless => Then::Flood,
            Fault::Garble => {
                self.say("220 2.0.0 go ahead\r\n");
                Then::Garble
            }
            // The session knows what its extensions are.
            Fault::Bare => usual(self),
        }
    }

    fn mark(&self) -> Mark {
        Mark { octets: self.octets.len(), receipts: self.receipts.len() }
    }

    /// Takes back what was said since. A mail whose 250 is not said, or not in its turn, is not acknowledged.
    fn take_back(&mut self, mark: Mark) -> Vec<u8> {
        self.receipts.truncate(mark.receipts);
        self.octets.split_off(mark.octets)
    }
}
