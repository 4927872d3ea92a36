//! The faults that a recipient's local part asks for; the table stands in the inbox's documentation. Beside them there
//! is the script of the program that runs the inbox: [`super::Script`].

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Addresses whose deferrals are counted. Tests use some hundred; at the bound all counts start anew.
const COUNTED_ADDRESSES_MAX: usize = 10_000;

/// What goes wrong for a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskedFault {
    /// A permanent refusal at RCPT.
    Refuse,
    /// A temporary refusal at every RCPT.
    Defer,
    /// A temporary refusal at the first RCPTs for that address.
    DeferFirst(u32),
    /// No reply at RCPT.
    Hang,
    /// The connection closes within the message.
    DropInData,
    /// The message is stored and the connection closes without a reply.
    DropAfterData,
    /// A permanent refusal after the final dot.
    RejectData,
}

impl AskedFault {
    /// The fault that an address asks for, if any.
    pub(super) fn of(address: &str) -> Option<Self> {
        let (local, _domain) = address.rsplit_once('@')?;
        let name = local.split_once('+').map_or(local, |(name, _tag)| name);
        Some(match name.to_ascii_lowercase().as_str() {
            "fail550" => Self::Refuse,
            "defer451" => Self::Defer,
            "defer-once" => Self::DeferFirst(1),
            "defer-twice" => Self::DeferFirst(2),
            "hang" => Self::Hang,
            "drop" => Self::DropInData,
            "drop-after" => Self::DropAfterData,
            "reject-data" => Self::RejectData,
            _ => return None,
        })
    }
}

/// How often each address was deferred already.
#[derive(Debug, Default)]
pub(super) struct Deferrals {
    by_address: Mutex<HashMap<String, u32>>,
}

impl Deferrals {
    /// Whether this attempt is among the first `times` for the address; counts it.
    pub(super) fn defer(&self, address: &str, times: u32) -> bool {
        let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= COUNTED_ADDRESSES_MAX {
            counts.clear();
        }
        let count = counts.entry(address.to_ascii_lowercase()).or_default();
        *count = count.saturating_add(1);
        *count <= times
    }
}
