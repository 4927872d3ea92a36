//! Leaves a server that is connected and of no use: a node that is cut off from the others of its cluster answers
//! pings, and no publish. Where there is one server only, nothing is gained by that, and nothing is done.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_nats::jetstream::Context;
use tokio::time::Instant;

use super::connection::Connection;
use super::streams::is_missing;
use super::{BusSettings, jittered};
use crate::stream;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);
/// A server that lets nothing through for so long is left. The election of a leader takes longer and then costs a
/// needless new connection, some ten milliseconds; a node that is cut off costs each held request this time.
const PATIENCE: Duration = Duration::from_secs(3);
/// After a change to no avail the next one waits twice as long, up to this: then it is the cluster and not the node.
const PATIENCE_MAX: Duration = Duration::from_secs(30);
/// How often JetStream is asked whether it is there, for a service that publishes nothing.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// Longest wait for that answer.
const ANSWER_WITHIN: Duration = Duration::from_millis(1500);

/// Since when nothing has gone through, and how much has.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Seen>);

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    since: Option<Instant>,
    successes: u64,
}

impl Trouble {
    /// Something went through, or was refused for a reason of its own.
    pub(super) fn over(&self) {
        let mut seen = self.lock();
        *seen = Seen { since: None, successes: seen.successes + 1 };
    }

    /// Something did not go through.
    pub(super) fn met(&self) {
        self.lock().since.get_or_insert_with(Instant::now);
    }

    fn forget(&self) {
        self.lock().since = None;
    }

    fn seen(&self) -> Seen {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches until nobody publishes any more. `publishing` is what publishes meet.
pub(super) async fn watch(bus: Context, connection: Connection, settings: BusSettings, publishing: Weak<Trouble>) {
    let asking = Trouble::default();
    let (mut patience, mut asked, mut successes) = (PATIENCE, Instant::now(), 0);
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(publishing) = publishing.upgrade() else { return };
        if !connection.is_made() || !connection.has_others(&settings) {
            publishing.forget();
            asking.forget();
            continue;
        }
        if asked.elapsed() >= ASK_EVERY {
            asked = Instant::now();
            if answers(&bus).await { asking.over() } else { asking.met() }
        }
        let (published, answered) = (publishing.seen(), asking.seen());
        if successes != published.successes + answered.successes {
            successes = published.successes + answered.successes;
            patience = PATIENCE;
        }
        let since = [published.since, answered.since].into_iter().flatten().min();
        if since.is_some_and(|since| since.elapsed() >= patience) {
            tracing::warn!("nothing goes through this NATS server: trying another");
            publishing.forget();
            asking.forget();
            patience = jittered((patience * 2).min(PATIENCE_MAX));
            if connection.client.force_reconnect().await.is_err() {
                return;
            }
        }
    }
}

/// Whether JetStream tells of a stream, be it that there is none.
async fn answers(bus: &Context) -> bool {
    match tokio::time::timeout(ANSWER_WITHIN, bus.get_stream(stream::REQUESTS)).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => is_missing(&error),
        Err(_elapsed) => false,
    }
}
