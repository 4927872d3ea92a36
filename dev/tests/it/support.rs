//! What the tests drive the system with.

mod api;
mod events;
mod inbox;
mod relay;
pub(crate) mod servers;
mod socket;

use std::time::{Duration, Instant};

use otp_dev::stack::{Options, Stack, http_client};
use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use api::{Answer, Api, Asked, VERIFICATIONS, other_code, send};
pub(crate) use events::Events;
pub(crate) use inbox::{Inbox, code_in, report_link_in};
pub(crate) use relay::{Heard, TalkingRelay};
pub(crate) use socket::{Said, Socket, names, seqs};

/// Longest wait for what happens within a second on a machine at rest: two cores may be compiling meanwhile, and after
/// the loss of a leader three nodes of nats-server 2.9.10 were seen to accept nothing for half a minute.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Starts of a stack before its ports are no accident any more.
const START_ATTEMPTS_MAX: usize = 3;

/// A stack of its own with a client for its parts.
pub(crate) struct System {
    pub(crate) stack: Stack,
    pub(crate) client: Client,
    // Removed when dropped, so it has to outlive the stack.
    dir: TempDir,
}

impl System {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With other options than a test has by default, as settings for the services.
    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut options = Options::isolated(dir.path()).expect("servers and services");
        change(&mut options);
        let mut attempt = 1;
        let stack = loop {
            match Stack::start(options.clone()).await {
                Ok(stack) => break stack,
                // A free port is free until it is used: another stack that started meanwhile may have taken it.
                Err(error) if format!("{error:#}").contains("in use") && attempt < START_ATTEMPTS_MAX => attempt += 1,
                Err(error) => panic!("the stack does not start: {error:#}"),
            }
        };
        Self { stack, client: http_client().expect("a client"), dir }
    }

    /// Ends everything and gives what it has written.
    pub(crate) async fn end(self) -> TempDir {
        self.stack.stop().await;
        self.dir
    }

    pub(crate) fn inbox(&self) -> Inbox {
        Inbox::new(&self.stack.file().inbox, &self.client)
    }

    /// A WebSocket to the notifier, with the page's origin.
    pub(crate) async fn events(&self) -> Events {
        let file = self.stack.file();
        Events::connect(&file.events, &file.gateway).await
    }

    /// Posts to the gateway: status and body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.stack.file().gateway);
        let answer = self.client.post(url).json(body).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("JSON"))
    }
}

/// Asks until there is an answer.
///
/// # Panics
/// There is none in time.
pub(crate) async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_or(ask, || what.to_owned()).await
}

/// As [`eventually`], with what there is to say when there is no answer.
///
/// # Panics
/// There is none in time.
pub(crate) async fn eventually_or<T>(mut ask: impl AsyncFnMut() -> Option<T>, what: impl FnOnce() -> String) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {}", what());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
