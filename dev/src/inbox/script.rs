//! A script of faults for the relay that the inbox plays: what goes wrong where, in which share of cases, how often.
//!
//! The program that runs the inbox sets it ([`Script::set`]); nothing of it is reached from outside. Which cases are hit
//! is decided by a seed and by what the case is (the rule, the recipient and how often that recipient came there), not
//! by the order in which connections come, so that a run with the same seed and the same recipients is the same again
//! as far as concurrency lets it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// Recipients whose visits are counted, for each rule; at the bound all counts start anew. A long run has some 100,000.
const VISITS_MAX: usize = 500_000;

/// Where in a conversation something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// The connection is open and the relay speaks first.
    Greeting,
    /// EHLO or HELO.
    Ehlo,
    /// STARTTLS. It is offered while the script has a rule for it; without one that applies it is answered 454.
    StartTls,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The first line of a message has come.
    Body,
    /// The final dot has come and the message is not kept yet.
    Dot,
    /// The message is kept, and its 250 is not said yet: whoever breaks off here makes a second mail.
    Kept,
    /// RSET.
    Rset,
    /// QUIT.
    Quit,
}

/// What goes wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// These octets are said instead of the usual reply, and the command is not obeyed.
    Say(Cow<'static, str>),
    /// These octets are said, and the connection is closed.
    Goodbye(Cow<'static, str>),
    /// Nothing is said any more; the connection stays open for a minute.
    Silence,
    /// The connection is closed in order (FIN).
    Drop,
    /// The connection is reset (RST).
    Reset,
    /// The command is obeyed and its reply never said: from then on there is one reply too few.
    Omit,
    /// The command is obeyed and answered, and these octets are said as well: one reply too many.
    Extra(Cow<'static, str>),
    /// The reply comes after the next one.
    Late,
    /// From here on the replies of the connection come an octet at a time, each after this pause.
    Drip(Duration),
    /// A reply of many lines that has no last one.
    Endless,
    /// `220`, and then octets that are no TLS as the answer to the client's handshake.
    Garble,
    /// EHLO is answered as HELO is: no extension is offered.
    Bare,
}

/// One entry of a script.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Where.
    pub at: Verb,
    /// What.
    pub what: Fault,
    /// In which share of the cases, from 0 to 1.
    pub chance: f64,
    /// How often at most.
    pub times: Option<u32>,
    /// Only for recipients that hold this text; before RCPT there is none, and such a rule does not apply.
    pub to: Option<String>,
}

impl Rule {
    /// Always, for everyone.
    pub const fn new(at: Verb, what: Fault) -> Self {
        Self { at, what, chance: 1.0, times: None, to: None }
    }

    /// In this share of the cases.
    #[must_use]
    pub const fn chance(mut self, chance: f64) -> Self {
        self.chance = chance;
        self
    }

    /// So often at most.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// For recipients that hold this text.
    #[must_use]
    pub fn to(mut self, text: &str) -> Self {
        self.to = Some(text.to_owned());
        self
    }
}

#[derive(Debug, Default)]
struct State {
    seed: u64,
    rules: Vec<Rule>,
    /// How often each rule has applied.
    applied: Vec<u32>,
    /// How often a recipient came to a rule that hits by chance.
    visits: HashMap<(usize, u64), u32>,
}

/// The script of an inbox. Clones share it; an empty one is a relay without faults.
#[derive(Debug, Clone)]
pub struct Script {
    /// Spares the lock while there is no script.
    is_set: Arc<AtomicBool>,
    state: Arc<Mutex<State>>,
    hang_ups: watch::Sender<u64>,
}

impl Default for Script {
    fn default() -> Self {
        Self { is_set: Arc::default(), state: Arc::default(), hang_ups: watch::Sender::new(0) }
    }
}

impl Script {
    /// Replaces the script. The first rule that applies to a case counts.
    pub fn set(&self, seed: u64, rules: Vec<Rule>) {
        let is_set = !rules.is_empty();
        let applied = vec![0; rules.len()];
        *self.lock() = State { seed, rules, applied, visits: HashMap::new() };
        self.is_set.store(is_set, Ordering::Release);
    }

    /// Ends all faults. What was said wrongly on a connection before stays said.
    pub fn clear(&self) {
        self.set(0, Vec::new());
    }

    /// How often each rule has applied, in the order in which they were set.
    pub fn applied(&self) -> Vec<u32> {
        self.lock().applied.clone()
    }

    /// Closes all connections that are open now, as a relay that is started again does.
    pub fn hang_up(&self) {
        self.hang_ups.send_modify(|count| *count += 1);
    }

    /// Tells a connection when to close.
    pub(super) fn hang_ups(&self) -> watch::Receiver<u64> {
        self.hang_ups.subscribe()
    }

    /// Whether STARTTLS is offered.
    pub(super) fn offers_tls(&self) -> bool {
        self.is_set.load(Ordering::Acquire) && self.lock().rules.iter().any(|rule| rule.at == Verb::StartTls)
    }

    /// What goes wrong in this case; counts it.
    pub(super) fn fault(&self, at: Verb, to: Option<&str>) -> Option<Fault> {
        if !self.is_set.load(Ordering::Acquire) {
            return None;
        }
        let mut state = self.lock();
        let found = (0..state.rules.len()).find(|&number| state.applies(number, at, to))?;
        if let Some(applied) = state.applied.get_mut(found) {
            *applied = applied.saturating_add(1);
        }
        state.rules.get(found).map(|rule| rule.what.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn applies(&mut self, number: usize, at: Verb, to: Option<&str>) -> bool {
        let (Some(rule), Some(applied)) = (self.rules.get(number), self.applied.get(number)) else { return false };
        let concerned = rule.to.as_deref().is_none_or(|text| to.is_some_and(|to| to.contains(text)));
        if rule.at != at || !concerned || rule.times.is_some_and(|times| *applied >= times) {
            return false;
        }
        rule.chance >= 1.0 || rule.chance > self.draw(number, to)
    }

    /// A number from 0 to 1 that depends on the seed and the case alone.
    fn draw(&mut self, number: usize, to: Option<&str>) -> f64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, number, to).hash(&mut hasher);
        let case = hasher.finish();
        if self.visits.len() >= VISITS_MAX {
            self.visits.clear();
        }
        let visits = self.visits.entry((number, case)).or_default();
        *visits = visits.saturating_add(1);
        (case, *visits).hash(&mut hasher);
        let drawn = u32::try_from(hasher.finish() >> 32).unwrap_or(u32::MAX);
        f64::from(drawn) / f64::from(u32::MAX)
    }
}
