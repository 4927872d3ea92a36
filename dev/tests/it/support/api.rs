//! A client of the gateway that knows the contract and nothing else.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::System;

/// Where verifications are.
pub(crate) const VERIFICATIONS: &str = "/v1/verifications";
/// Longer than any answer may take: a fault is to be seen as a late answer, not as the client's impatience.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// The API of one gateway, as a client at one address meets it.
#[derive(Clone)]
pub(crate) struct Api {
    base: String,
    client: Client,
    from: Option<String>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The body as JSON; null where it is none.
    pub(crate) body: Value,
}

/// A verification that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) id: String,
    pub(crate) ticket: String,
    /// The whole answer.
    pub(crate) body: Value,
}

impl System {
    /// The API of the first gateway.
    pub(crate) fn api(&self) -> Api {
        Api::at(&self.stack.file().gateway)
    }
}

impl Api {
    pub(crate) fn at(base: &str) -> Self {
        let client = Client::builder().no_proxy().timeout(ANSWER_MAX).build().expect("a client");
        Self { base: base.to_owned(), client, from: None }
    }

    /// The same as seen from this address behind the proxy that the gateway trusts.
    pub(crate) fn from(&self, address: &str) -> Self {
        Self { from: Some(address.to_owned()), ..self.clone() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.from {
            Some(from) => request.header("x-forwarded-for", from),
            None => request,
        }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Asks for a verification with this body.
    pub(crate) async fn ask(&self, body: &Value) -> Answer {
        self.post(VERIFICATIONS, body).await
    }

    /// Asks for a verification of this address, which is accepted.
    pub(crate) async fn accepted(&self, email: &str) -> Asked {
        self.ask(&json!({"email": email})).await.accepted()
    }

    pub(crate) async fn check(&self, id: &str, code: &str) -> Answer {
        self.post(&format!("{VERIFICATIONS}/{id}/check"), &json!({"code": code})).await
    }

    pub(crate) async fn resend(&self, id: &str) -> Answer {
        send(self.request(Method::POST, &format!("{VERIFICATIONS}/{id}/resend"))).await
    }

    pub(crate) async fn read(&self, id: &str, ticket: Option<&str>) -> Answer {
        self.with_ticket(Method::GET, id, ticket).await
    }

    pub(crate) async fn cancel(&self, id: &str, ticket: Option<&str>) -> Answer {
        self.with_ticket(Method::DELETE, id, ticket).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    async fn with_ticket(&self, method: Method, id: &str, ticket: Option<&str>) -> Answer {
        let request = self.request(method, &format!("{VERIFICATIONS}/{id}"));
        send(match ticket {
            Some(ticket) => request.bearer_auth(ticket),
            None => request,
        })
        .await
    }
}

/// Sends a request and reads the answer.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.expect("a whole answer");
    let body = serde_json::from_str(&text).unwrap_or_default();
    Answer { status, headers, text, body }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    /// The seconds after which to come again.
    pub(crate) fn retry_after_s(&self) -> u64 {
        let header = self.header("retry-after").unwrap_or_else(|| panic!("no Retry-After in {self:?}"));
        header.parse().unwrap_or_else(|_| panic!("Retry-After in seconds, not {header}"))
    }

    /// The verification that a 202 tells of.
    pub(crate) fn accepted(&self) -> Asked {
        assert_eq!(self.status, 202, "{}", self.text);
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Asked { id: text(&self.body["id"]), ticket: text(&self.body["events"]["ticket"]), body: self.body.clone() }
    }

    /// Checks that this is that problem, with all that every problem of its status must have (RFC 9457 and 9110).
    pub(crate) fn problem(&self, status: u16, slug: &str) -> &Self {
        let said = format!("{} {}", self.status, self.text);
        assert_eq!(self.status, status, "{slug} expected: {said}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{said}");
        assert_eq!(self.body["type"], format!("/problems/{slug}"), "{said}");
        assert_eq!(self.body["status"], status, "{said}");
        assert!(self.body["title"].as_str().is_some_and(|title| !title.is_empty()), "{said}");
        if status == 429 || status == 503 {
            assert!(self.retry_after_s() >= 1, "{said}");
        }
        if status == 429 {
            let policies = self.policies();
            let (limit, policy) = (self.header("ratelimit"), self.header("ratelimit-policy"));
            assert!(!policies.is_empty(), "{said}");
            for name in &policies {
                let quoted = format!("\"{name}\";");
                assert!(limit.is_some_and(|text| text.contains(&quoted)), "{name} in {limit:?}");
                assert!(policy.is_some_and(|text| text.contains(&quoted)), "{name} in {policy:?}");
            }
        }
        self
    }

    /// The policies that a 429 names.
    pub(crate) fn policies(&self) -> Vec<String> {
        let names = self.body["violated-policies"].as_array().expect("violated-policies");
        names.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
    }
}

/// A code that is not this one.
pub(crate) fn other_code(code: &str) -> String {
    let next = |digit: char| digit.to_digit(10).and_then(|value| char::from_digit((value + 1) % 10, 10));
    code.chars().filter_map(next).collect()
}
