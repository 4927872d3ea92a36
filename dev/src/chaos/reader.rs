//! Reads codes out of the inbox, as a person does.

use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio::time::Instant;

/// The mail is there when `sent` was seen; listing the inbox takes a moment.
const WITHIN: Duration = Duration::from_secs(10);
/// Between two looks.
const POLL: Duration = Duration::from_millis(200);

/// An inbox by the URL of its API.
#[derive(Debug)]
pub(super) struct Reader {
    client: Client,
    url: String,
}

impl Reader {
    pub(super) fn new(url: String) -> anyhow::Result<Self> {
        Ok(Self { client: Client::builder().no_proxy().timeout(WITHIN).build()?, url })
    }

    /// The code in the newest mail to this address; `None` when there is none.
    pub(super) async fn code_for(&self, email: &str) -> Option<String> {
        let deadline = Instant::now() + WITHIN;
        loop {
            if let Ok(Some(mail)) = self.newest_to(email).await {
                return code_in(mail.get("Text")?.as_str()?);
            }
            if Instant::now() >= deadline {
                return None;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn newest_to(&self, email: &str) -> reqwest::Result<Option<Value>> {
        let found = self.get(&format!("/api/v1/search?query=to:{email}")).await?;
        match found.pointer("/messages/0/ID").and_then(Value::as_str) {
            Some(id) => self.get(&format!("/api/v1/message/{id}")).await.map(Some),
            None => Ok(None),
        }
    }

    async fn get(&self, path: &str) -> reqwest::Result<Value> {
        self.client.get(format!("{}{path}", self.url)).send().await?.error_for_status()?.json().await
    }
}

/// The first word of six digits.
fn code_in(text: &str) -> Option<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let is_code = |word: &&str| word.len() == 6 && word.bytes().all(|octet| octet.is_ascii_digit());
    words.into_iter().find(is_code).map(str::to_owned)
}
