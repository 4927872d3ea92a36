//! Verifications that nobody asked for, and their events: what the notifier sees of the rest of the system.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream;
use async_nats::jetstream::context::PublishAckFuture;
use futures_util::future::try_join_all;
use otp_nats::event::Body;
use otp_nats::keys::KeyList;
use otp_nats::ticket::Ticket;
use otp_nats::trace::{self, TraceParent};
use otp_nats::{Event, Timestamp, VerificationId};
use serde_json::json;

use super::requests;
use super::watchers::message;
use crate::stack::Stack;

/// Tickets are good for longer than any round.
const LIFE: Duration = Duration::from_secs(600);
/// Events that wait for their acknowledgement: NATS drops what is more than some thousands ahead.
const AT_ONCE: usize = 1000;

/// Verifications by number, others in each run.
#[derive(Debug, Clone)]
pub(super) struct Verifications {
    run: u64,
    keys: Arc<KeyList>,
}

impl Verifications {
    /// Fresh ones, with tickets that the notifier of this stack believes.
    pub(super) fn of(stack: &Stack) -> Result<Self> {
        Ok(Self {
            run: rand::random(),
            keys: Arc::new(stack.keys("OTP_TICKET_KEYS")?.parse().ok().context("the stack's keys")?),
        })
    }

    pub(super) fn id(&self, number: usize) -> VerificationId {
        requests::id(self.run, u64::try_from(number).unwrap_or(u64::MAX))
    }

    /// The message that asks for the events of one, or for those after a sequence.
    pub(super) fn subscribe(&self, number: usize, after: Option<u64>) -> Result<Vec<u8>> {
        let (id, now) = (self.id(number), Timestamp::now());
        let ticket = Ticket { requested_at: now, expires_at: now + LIFE }.sign(&self.keys, &id);
        let mut subscribe = json!({"type": "subscribe", "id": id, "ticket": ticket});
        if let Some(after) = after {
            subscribe["after"] = json!(after);
        }
        message(&subscribe.to_string())
    }

    /// That the mail of one was sent; another event for each generation.
    pub(super) fn sent(&self, number: usize, generation: u32) -> Event {
        let body = Body::Sent {
            relay: "smtp.example.com:587".to_owned(),
            reply: "250 2.0.0 Ok: queued as 4c7QyW2xGzz".to_owned(),
            to: "a***e@example.com".to_owned(),
            elapsed_ms: 84,
        };
        Event { id: self.id(number), at: Timestamp::now(), generation, body }
    }

    /// That one is over.
    pub(super) fn canceled(&self, number: usize) -> Event {
        Event { id: self.id(number), at: Timestamp::now(), generation: 1, body: Body::Canceled {} }
    }
}

/// Sends an event to its stream as the services do; what comes back waits until it is stored.
pub(super) async fn publish(jetstream: &jetstream::Context, event: &Event) -> Result<PublishAckFuture> {
    let mut headers = HeaderMap::new();
    headers.insert(trace::HEADER, TraceParent::start().to_string().as_str());
    headers.insert(NATS_MESSAGE_ID, event.message_id().as_str());
    Ok(jetstream.publish_with_headers(event.subject(), headers, event.to_json().into()).await?)
}

/// Publishes events as the services do.
#[derive(Debug, Clone)]
pub(super) struct Publisher {
    jetstream: jetstream::Context,
}

impl Publisher {
    pub(super) async fn connect(stack: &Stack) -> Result<Self> {
        Ok(Self { jetstream: jetstream::new(stack.file().connect_nats().await?) })
    }

    /// Publishes all of them, in order, and returns when they are stored.
    pub(super) async fn publish(&self, events: Vec<Event>) -> Result<()> {
        for events in events.chunks(AT_ONCE) {
            let mut acknowledged = Vec::with_capacity(AT_ONCE);
            for event in events {
                acknowledged.push(publish(&self.jetstream, event).await?);
            }
            try_join_all(acknowledged.into_iter().map(IntoFuture::into_future)).await?;
        }
        Ok(())
    }
}
