//! Load at a steady rate, and what came of each request.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::support::{Answer, Api, Asked};

/// A request is made so often, whatever becomes of the ones before.
const EVERY: Duration = Duration::from_millis(25);

/// A request and its answer.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) email: String,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    pub(super) answer: Answer,
}

impl Outcome {
    pub(super) fn accepted(&self) -> Option<Asked> {
        (self.answer.status == 202).then(|| self.answer.accepted())
    }

    pub(super) fn took(&self) -> Duration {
        self.ended - self.began
    }
}

/// Clients that ask the gateway for verifications.
pub(super) struct Load {
    outcomes: Arc<Mutex<Vec<Outcome>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Load {
    /// Starts to ask, for addresses at `domain`.
    pub(super) fn start(api: &Api, domain: &str) -> Self {
        let (outcomes, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        let task = tokio::spawn(ask(api.clone(), domain.to_owned(), Arc::clone(&outcomes), stop.clone()));
        Self { outcomes, stop, task }
    }

    /// What the outcomes so far come to.
    pub(super) fn look<T>(&self, at: impl FnOnce(&[Outcome]) -> T) -> T {
        at(&self.outcomes.lock().expect("no panic elsewhere"))
    }

    /// Ends when all answers are there.
    pub(super) async fn end(self) -> Vec<Outcome> {
        self.stop.cancel();
        self.task.await.expect("every request is answered");
        std::mem::take(&mut self.outcomes.lock().expect("no panic elsewhere"))
    }
}

async fn ask(api: Api, domain: String, outcomes: Arc<Mutex<Vec<Outcome>>>, stop: CancellationToken) {
    let mut asked = JoinSet::new();
    let mut ticks = tokio::time::interval(EVERY);
    for number in 0_u32.. {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => break,
        }
        let (api, outcomes, email) = (api.clone(), Arc::clone(&outcomes), format!("u{number}@{domain}"));
        asked.spawn(async move {
            let began = Instant::now();
            let answer = api.ask(&json!({"email": email})).await;
            let outcome = Outcome { email, began, ended: Instant::now(), answer };
            outcomes.lock().expect("no panic elsewhere").push(outcome);
        });
    }
    while let Some(done) = asked.join_next().await {
        done.expect("an answer");
    }
}

/// The longest time without such a moment from `since` on.
pub(super) fn longest_gap(moments: impl Iterator<Item = Instant>, since: Instant) -> Duration {
    let mut moments: Vec<Instant> = moments.filter(|moment| *moment > since).chain([since]).collect();
    moments.sort_unstable();
    moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}
