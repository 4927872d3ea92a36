//! The subscriptions of one connection.

use std::sync::Arc;
use std::time::Duration;

use otp_nats::telemetry::Step;
use otp_nats::ticket::{Ticket, TicketError};
use otp_nats::{Timestamp, VerificationId};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::Shared;
use crate::hub::{Delivery, History, Outbox};
use crate::message::{ClientMessage, Closing, ErrorCode};
use crate::notice::{self, Notice};
use crate::timeline::{End, Timeline};

/// On one connection.
const MOST_SUBSCRIPTIONS: usize = 16;
/// No code lives longer, so no ticket does.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// An end that could not be handed on to be told is tried again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// So long after the end of the time, a subscription for which no end came is given up.
const PATIENCE: Duration = Duration::from_secs(75);

/// What a client's message was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// In order, or wrong in a way that costs nobody anything.
    Fine,
    /// A bad message or ticket.
    Fault,
}

/// All subscriptions of a connection.
#[derive(Debug)]
pub(super) struct Subscriptions {
    outbox: Outbox,
    list: Vec<Subscription>,
    /// Steps of traces that end when the frames are written.
    steps: Vec<Step>,
    /// Counts the subscriptions, so that a late history finds the one that asked.
    next: u32,
}

#[derive(Debug)]
struct Subscription {
    id: VerificationId,
    number: u32,
    timeline: Timeline,
    /// When something is to be done about the end of its time.
    due: Instant,
    /// After this nothing is waited for.
    until: Instant,
}

impl Subscriptions {
    pub(super) const fn new(outbox: Outbox) -> Self {
        Self { outbox, list: Vec::new(), steps: Vec::new(), next: 0 }
    }

    /// The frames that were given out are written.
    pub(super) fn written(&mut self) {
        self.steps = Vec::new();
    }

    /// Whether one is open whose verification goes on.
    pub(super) fn any_open(&self) -> bool {
        self.list.iter().any(Subscription::is_open)
    }

    /// Whether there was ever one.
    pub(super) const fn had_any(&self) -> bool {
        self.next > 0
    }

    /// When [`Subscriptions::due`] has something to do.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.list.iter().map(|subscription| subscription.due).min()
    }

    /// Takes a client's message; the answers go to `frames`.
    pub(super) fn asked(
        &mut self,
        shared: &Arc<Shared>,
        text: &str,
        now: Instant,
        frames: &mut Vec<Utf8Bytes>,
    ) -> Heard {
        let mut wrong = |code: ErrorCode, id: Option<&VerificationId>| {
            shared.metrics.error(code.as_str());
            frames.push(code.frame(id));
        };
        match ClientMessage::parse(text) {
            None => {
                wrong(ErrorCode::BadMessage, None);
                Heard::Fault
            }
            Some(ClientMessage::Unsubscribe { id }) => {
                self.drop_where(shared, |subscription| subscription.id == id);
                Heard::Fine
            }
            Some(ClientMessage::Subscribe { id, ticket, after }) => {
                let wall = Timestamp::now();
                let ticket = match Ticket::check(&shared.ticket_keys, &id, &ticket, wall) {
                    Ok(ticket) => ticket,
                    Err(TicketError::Invalid) => {
                        wrong(ErrorCode::BadTicket, Some(&id));
                        return Heard::Fault;
                    }
                    Err(TicketError::Expired) => {
                        wrong(ErrorCode::TicketExpired, Some(&id));
                        return Heard::Fault;
                    }
                };
                if self.list.iter().any(|subscription| subscription.id == id && subscription.is_open()) {
                    wrong(ErrorCode::AlreadySubscribed, Some(&id));
                    return Heard::Fine;
                }
                // What failed waits for a resend only as long as its place is not wanted.
                let is_full = self.list.iter().filter(|subscription| subscription.is_open()).count();
                if is_full >= MOST_SUBSCRIPTIONS {
                    wrong(ErrorCode::TooManySubscriptions, Some(&id));
                    return Heard::Fine;
                }
                let crowded = self.list.len() >= MOST_SUBSCRIPTIONS;
                self.drop_where(shared, |subscription| subscription.id == id || (crowded && !subscription.is_open()));
                let life = wall.until(ticket.expires_at).min(LONGEST_LIFE);
                self.open(shared, id, &ticket, after, now + life, frames);
                Heard::Fine
            }
        }
    }

    fn open(
        &mut self,
        shared: &Arc<Shared>,
        id: VerificationId,
        ticket: &Ticket,
        after: Option<u64>,
        expires: Instant,
        frames: &mut Vec<Utf8Bytes>,
    ) {
        if after.is_none() {
            frames.push(notice::requested(&id, ticket.requested_at, ticket.expires_at));
            shared.metrics.delivered.inc();
        }
        shared.metrics.begun(after);
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let due = expires + shared.times.expiry;
        let timeline = Timeline::new(after.unwrap_or(0));
        let mut subscription = Subscription { id, number, timeline, due, until: due + PATIENCE };
        shared.hub.listen(id, &self.outbox);
        let since = ticket.requested_at;
        if let Some((cut, events)) = shared.histories.at_once(&id, since) {
            say(shared, &subscription.timeline.history(cut, events), frames, &mut self.steps);
        } else {
            let (shared, outbox) = (Arc::clone(shared), self.outbox.clone());
            let tasks = shared.tasks.clone();
            tasks.spawn(async move {
                tokio::select! {
                    events = shared.histories.read(&id, since) => {
                        outbox.history(History { id, subscription: number, events }).await;
                    }
                    () = outbox.gone() => {}
                }
            });
        }
        self.list.push(subscription);
        self.drop_final(shared);
    }

    /// Takes what came from inside; the frames to send go to `frames`.
    ///
    /// # Errors
    /// The connection must be closed so, after the frames.
    pub(super) fn delivered(
        &mut self,
        shared: &Shared,
        delivery: Delivery,
        frames: &mut Vec<Utf8Bytes>,
    ) -> Result<(), Closing> {
        if self.outbox.is_overrun() {
            return Err(Closing::Slow);
        }
        match delivery {
            Delivery::Live(notice) => {
                let id = notice.id;
                let Some(subscription) = self.list.iter_mut().find(|subscription| subscription.id == id) else {
                    return Ok(());
                };
                let due = subscription.timeline.live(notice).map_err(|_| Closing::Slow)?;
                say(shared, due.as_slice(), frames, &mut self.steps);
            }
            Delivery::History(history) => {
                let History { id, subscription: number, events } = *history;
                let asked = |subscription: &&mut Subscription| subscription.id == id && subscription.number == number;
                let Some(subscription) = self.list.iter_mut().find(asked) else { return Ok(()) };
                let Some((cut, events)) = events else {
                    shared.metrics.error(ErrorCode::Unavailable.as_str());
                    frames.push(ErrorCode::Unavailable.frame(Some(&id)));
                    return Err(Closing::Unavailable);
                };
                say(shared, &subscription.timeline.history(cut, events), frames, &mut self.steps);
            }
            Delivery::Nudge => {}
        }
        self.drop_final(shared);
        Ok(())
    }

    /// Has the ends told of those whose time is over, and gives up those for which no end came.
    pub(super) fn due(&mut self, shared: &Shared, now: Instant, frames: &mut Vec<Utf8Bytes>) {
        for subscription in self.list.iter_mut().filter(|subscription| subscription.due <= now) {
            let outlook = subscription.timeline.outlook();
            let told = match outlook.end() {
                End::Open if subscription.timeline.is_loading() => false,
                End::Open => shared.expiries.tell(subscription.id, outlook.generation()),
                // It was told how this ended; no resend can come any more.
                End::Failed | End::Final => {
                    subscription.until = now;
                    true
                }
            };
            subscription.due = if told { subscription.until } else { now + ASK_AGAIN };
        }
        let over = |subscription: &Subscription| subscription.until <= now;
        for subscription in self.list.iter().filter(|subscription| over(subscription) && subscription.is_open()) {
            shared.metrics.error(ErrorCode::TicketExpired.as_str());
            frames.push(ErrorCode::TicketExpired.frame(Some(&subscription.id)));
        }
        self.drop_where(shared, over);
    }

    /// Nothing comes for any of them any more.
    pub(super) fn leave_all(&mut self, shared: &Shared) {
        self.drop_where(shared, |_| true);
    }

    fn drop_final(&mut self, shared: &Shared) {
        self.drop_where(shared, |subscription| subscription.timeline.outlook().end() == End::Final);
    }

    fn drop_where(&mut self, shared: &Shared, gone: impl Fn(&Subscription) -> bool) {
        let outbox = &self.outbox;
        self.list.retain(|subscription| {
            let gone = gone(subscription);
            if gone {
                shared.hub.leave(&subscription.id, outbox);
            }
            !gone
        });
        if self.list.is_empty() {
            self.list.shrink_to_fit();
        }
    }
}

fn say(shared: &Shared, notices: &[Arc<Notice>], frames: &mut Vec<Utf8Bytes>, steps: &mut Vec<Step>) {
    steps.extend(notices.iter().map(|notice| notice.told()).filter(|step| step.trace().is_some()));
    shared.metrics.delivered.inc_by(notices.len() as u64);
    frames.extend(notices.iter().map(|notice| notice.frame.clone()));
}

impl Subscription {
    fn is_open(&self) -> bool {
        self.timeline.outlook().end() == End::Open
    }
}
