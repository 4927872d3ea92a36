//! Reads the inbox as Mailpit's API has it, so that the same code reads Mailpit.

use std::collections::HashMap;

use reqwest::Client;
use serde_json::Value;

use super::eventually;

/// An inbox by its URL.
pub(crate) struct Inbox {
    url: String,
    client: Client,
}

impl Inbox {
    pub(crate) fn new(url: &str, client: &Client) -> Self {
        Self { url: url.to_owned(), client: client.clone() }
    }

    /// All mails to an address that have come so far, newest first, each whole.
    pub(crate) async fn to(&self, address: &str) -> Vec<Value> {
        let found = self.get("/api/v1/search", &[("query", &format!("to:{address}"))]).await;
        let ids = found["messages"].as_array().expect("a list").iter().map(|mail| mail["ID"].as_str().expect("an id"));
        let mut mails = Vec::new();
        for id in ids {
            mails.push(self.get(&format!("/api/v1/message/{id}"), &[]).await);
        }
        mails
    }

    /// Waits for a mail to this address: the newest one.
    pub(crate) async fn wait_for(&self, address: &str) -> Value {
        eventually(&format!("a mail to {address}"), async || self.to(address).await.into_iter().next()).await
    }

    /// Waits for a mail to this address and reads the code in it.
    pub(crate) async fn code_for(&self, address: &str) -> String {
        code_in(&self.wait_for(address).await, 6)
    }

    /// How many mails there are.
    pub(crate) async fn count(&self) -> u64 {
        self.get("/api/v1/messages", &[("limit", "1")]).await["total"].as_u64().expect("a number")
    }

    /// The Message-IDs of all mails that came, by recipient.
    pub(crate) async fn message_ids(&self) -> HashMap<String, Vec<String>> {
        let list = self.get("/api/v1/messages", &[("limit", "10000")]).await;
        let mut mails: HashMap<String, Vec<String>> = HashMap::new();
        for mail in list["messages"].as_array().expect("a list") {
            let to = mail["To"][0]["Address"].as_str().expect("a recipient").to_owned();
            mails.entry(to).or_default().push(mail["MessageID"].as_str().expect("an id").to_owned());
        }
        mails
    }

    /// A whole mail by its id; `latest` stands for the newest.
    pub(crate) async fn message(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/message/{id}"), &[]).await
    }

    /// The headers of a mail: each name with its values.
    pub(crate) async fn headers(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/message/{id}/headers"), &[]).await
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let mut url = url(&self.url, path);
        url.query_pairs_mut().extend_pairs(query);
        let answer = self.client.get(url).send().await.expect("the inbox answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.expect("JSON")
    }
}

fn url(base: &str, path: &str) -> reqwest::Url {
    reqwest::Url::parse(base).and_then(|base| base.join(path)).expect("a URL")
}

/// The code of so many digits in the text of a mail.
pub(crate) fn code_in(mail: &Value, digits: usize) -> String {
    let text = mail["Text"].as_str().expect("a text part");
    let is_code = |word: &&str| word.len() == digits && word.bytes().all(|byte| byte.is_ascii_digit());
    text.split(|letter: char| !letter.is_ascii_alphanumeric()).find(is_code).expect("a code").to_owned()
}

/// The link in a mail by which it is reported.
pub(crate) fn report_link_in(mail: &Value) -> String {
    let text = mail["Text"].as_str().expect("a text");
    let link = text.split_whitespace().find(|word| word.contains("/report#"));
    link.unwrap_or_else(|| panic!("no link in {text}")).to_owned()
}
