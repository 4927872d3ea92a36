//! Somebody who has got hold of a user's password and tries what else it is good for.

use std::path::Path;
use std::time::Duration;

use async_nats::{ConnectOptions, Event};
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::support::{PATIENCE, System};

/// Complaints of the server that wait to be looked at; a test has one at a time.
const COMPLAINTS_MAX: usize = 64;

/// A raw connection under the name of a service.
pub(super) struct Guest {
    user: String,
    client: async_nats::Client,
    complaints: mpsc::Receiver<String>,
}

impl Guest {
    /// With the user's right password.
    pub(super) async fn of(system: &System, user: &str) -> Self {
        let password = password(system.stack.dir(), &format!("nats-{user}"));
        Self::with(system, user, &password).await.expect("let in")
    }

    pub(super) async fn with(system: &System, user: &str, password: &str) -> Result<Self, async_nats::ConnectError> {
        let (complain, complaints) = mpsc::channel(COMPLAINTS_MAX);
        let options = ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
            .custom_inbox_prefix(format!("_INBOX.otp-{user}"))
            .event_callback(move |event| {
                let complain = complain.clone();
                async move {
                    if let Event::ServerError(error) = event {
                        complain.send(error.to_string().to_lowercase()).await.expect("looked at");
                    }
                }
            });
        let address = system.stack.address(otp_dev::stack::Part::Nats).expect("an address");
        let client = options.connect(address.to_string()).await?;
        Ok(Self { user: user.to_owned(), client, complaints })
    }

    /// Asks and is answered; what the answer is, is for the caller to look at.
    pub(super) async fn ask(&mut self, subject: &str, body: &str) -> async_nats::Message {
        let asked = self.client.request(subject.to_owned(), body.to_owned().into());
        let answer = tokio::time::timeout(PATIENCE, asked).await.expect("in time");
        answer.unwrap_or_else(|error| panic!("{} may not ask {subject}: {error}", self.user))
    }

    /// Asks a consumer for a message: it comes under its own subject, so an inbox of its own waits for it.
    pub(super) async fn fetch(&mut self, subject: &str, body: &str) -> async_nats::Message {
        let inbox = self.client.new_inbox();
        let mut messages = self.client.subscribe(inbox.clone()).await.expect("sent");
        let asked = self.client.publish_with_reply(subject.to_owned(), inbox, body.to_owned().into());
        asked.await.expect("sent");
        let message = tokio::time::timeout(PATIENCE, messages.next()).await.expect("in time");
        message.expect("connected")
    }

    /// Does what it may: JetStream says nothing against it.
    pub(super) async fn may(&mut self, subject: &str, body: &str) -> Value {
        let message = self.ask(subject, body).await;
        let answer: Value = serde_json::from_slice(&message.payload).expect("JSON");
        assert!(answer["error"].is_null(), "{} and {subject}: {answer}", self.user);
        answer
    }

    /// The server refuses the message.
    pub(super) async fn may_not_say(&mut self, subject: &str) {
        self.client.publish(subject.to_owned(), "{}".into()).await.expect("sent");
        self.client.flush().await.expect("flushed");
        self.is_refused("publish", subject).await;
    }

    /// The server refuses the subscription.
    pub(super) async fn may_not_hear(&mut self, subject: &str) {
        let _heard = self.client.subscribe(subject.to_owned()).await.expect("sent");
        self.client.flush().await.expect("flushed");
        self.is_refused("subscription", subject).await;
    }

    async fn is_refused(&mut self, what: &str, subject: &str) {
        // Short of the patience of other waits: that a thing is allowed shows here, and by nothing else.
        let complaint = tokio::time::timeout(Duration::from_secs(10), self.complaints.recv()).await;
        let complaint = complaint.unwrap_or_else(|_| panic!("{} may do this: {what} {subject}", self.user));
        let complaint = complaint.expect("connected");
        let expected = format!("permissions violation for {what} to \"{}\"", subject.to_lowercase());
        assert!(complaint.contains(&expected), "{complaint}, and not {expected}");
    }
}

/// A password of a stack.
pub(super) fn password(dir: &Path, whose: &str) -> String {
    let text = std::fs::read_to_string(dir.join("secrets").join(whose).join("password")).expect("a password");
    text.trim().to_owned()
}
