//! The order of one subscription: what was (history) and what comes (live) become one sequence in which each event
//! stands once. No I/O.
//!
//! The rule that makes it complete: live delivery is switched on first; then the feed's position is taken, the *cut*.
//! Everything up to the cut is history's, everything above it is live's. A read of the history that happens to see
//! more is cut off there: it reads kind by kind, so above the cut it may have seen a later event and missed an earlier.
//!
//! An event that stands twice in the stream counts once: a publish that is repeated while its stream changes its leader may
//! be stored again, although both have the same `Nats-Msg-Id` (seen with nats-server 2.9.10).

use std::sync::Arc;

use otp_nats::EventKind;

use crate::notice::Notice;

/// Live events that wait for the history of one subscription; more than any verification has in the time that a read
/// takes, and a bound on what a stuck read can cost.
const MOST_HELD: usize = 64;

/// More live events came than can wait for the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overrun;

/// One subscription's place in its verification's events.
#[derive(Debug)]
pub(crate) struct Timeline {
    /// Up to here the client has everything; 0 when it has nothing.
    after: u64,
    place: Place,
    outlook: Outlook,
    /// The fingerprints of the events so far; the stream keeps a bounded number of each kind.
    known: Vec<u64>,
}

#[derive(Debug)]
enum Place {
    /// The history is not here yet; live events wait.
    Loading(Vec<Arc<Notice>>),
    /// Everything up to this sequence is dealt with.
    Live(u64),
}

impl Timeline {
    /// A subscription whose client has everything up to `after`.
    pub(crate) const fn new(after: u64) -> Self {
        Self { after, place: Place::Loading(Vec::new()), outlook: Outlook::NEW, known: Vec::new() }
    }

    /// Takes the history up to `cut` and gives what is to be sent now, in order. The events may overlap, come in any
    /// order and reach beyond the cut.
    pub(crate) fn history(&mut self, cut: u64, mut events: Vec<Arc<Notice>>) -> Vec<Arc<Notice>> {
        let Place::Loading(held) = &mut self.place else { return Vec::new() };
        events.retain(|event| event.seq <= cut);
        events.extend(held.drain(..).filter(|event| event.seq > cut));
        events.sort_unstable_by_key(|event| event.seq);
        events.dedup_by_key(|event| event.seq);
        let cursor = events.last().map_or(cut, |event| event.seq.max(cut));
        events.retain(|event| is_new(&mut self.known, event));
        for event in &events {
            self.outlook.note(event);
        }
        self.place = Place::Live(cursor);
        events.retain(|event| event.seq > self.after);
        events
    }

    /// Takes a live event and gives it back when it is to be sent now.
    ///
    /// # Errors
    /// [`Overrun`]
    pub(crate) fn live(&mut self, event: Arc<Notice>) -> Result<Option<Arc<Notice>>, Overrun> {
        match &mut self.place {
            Place::Loading(held) if held.len() >= MOST_HELD => Err(Overrun),
            Place::Loading(held) => {
                held.push(event);
                Ok(None)
            }
            Place::Live(cursor) if event.seq <= *cursor => Ok(None),
            Place::Live(cursor) => {
                *cursor = event.seq;
                if !is_new(&mut self.known, &event) {
                    return Ok(None);
                }
                self.outlook.note(&event);
                Ok((event.seq > self.after).then_some(event))
            }
        }
    }

    /// Whether the history is still awaited.
    pub(crate) const fn is_loading(&self) -> bool {
        matches!(self.place, Place::Loading(_))
    }

    /// What is to be expected.
    pub(crate) const fn outlook(&self) -> Outlook {
        self.outlook
    }
}

/// Whether the event was not among those before; it is from now on.
fn is_new(known: &mut Vec<u64>, event: &Notice) -> bool {
    let new = !known.contains(&event.fingerprint);
    if new {
        known.push(event.fingerprint);
    }
    new
}

/// What the events so far let expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outlook {
    end: End,
    generation: u32,
}

/// Whether more is to be expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The verification goes on.
    Open,
    /// The mail was given up, and nothing came since: only a resend goes on from here.
    Failed,
    /// The verification is over for good.
    Final,
}

impl Outlook {
    /// Before the first event.
    pub(crate) const NEW: Self = Self { end: End::Open, generation: 1 };

    /// After these events.
    pub(crate) fn of(events: &[Arc<Notice>]) -> Self {
        let mut outlook = Self::NEW;
        for event in events {
            outlook.note(event);
        }
        outlook
    }

    /// Whether more is to be expected.
    pub(crate) const fn end(self) -> End {
        self.end
    }

    /// The newest generation seen.
    pub(crate) const fn generation(self) -> u32 {
        self.generation
    }

    fn note(&mut self, event: &Notice) {
        self.generation = self.generation.max(event.generation);
        // What is over for good stays so: a late `sent` after `canceled` opens nothing.
        if self.end != End::Final {
            self.end = match (event.kind == EventKind::Failed, event.kind.is_terminal()) {
                (true, _) => End::Failed,
                (false, true) => End::Final,
                (false, false) => End::Open,
            };
        }
    }
}

#[cfg(test)]
mod tests;
