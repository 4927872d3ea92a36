//! The relay that the stack's inbox plays: what goes wrong with it, and what it has kept.

use super::Stack;
use crate::inbox::{Inbox, Script, Tally};

/// The handles of the inbox, which itself runs in the background.
#[derive(Debug)]
pub(super) struct Relay {
    script: Script,
    tally: Tally,
}

impl Relay {
    pub(super) fn of(inbox: &Inbox) -> Self {
        Self { script: inbox.script(), tally: inbox.tally() }
    }
}

impl Stack {
    /// What goes wrong with the relay; at first nothing does.
    pub const fn inbox_script(&self) -> &Script {
        &self.relay.script
    }

    /// What the relay has kept and acknowledged, from [`Tally::start`] on.
    pub const fn inbox_tally(&self) -> &Tally {
        &self.relay.tally
    }
}
