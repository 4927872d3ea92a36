//! The mail as a person and their mailbox get it.

use reqwest::Method;
use serde_json::{Value, json};

use super::system;
use crate::support::{Inbox, System, VERIFICATIONS, eventually, send};

fn text<'m>(mail: &'m Value, member: &str) -> &'m str {
    mail[member].as_str().expect("text")
}

/// The header that stands once in a mail.
async fn header(inbox: &Inbox, mail: &Value, name: &str) -> String {
    let headers = inbox.headers(text(mail, "ID")).await;
    let values = headers[name].as_array().unwrap_or_else(|| panic!("no {name} in {headers}"));
    assert_eq!(values.len(), 1, "{name}: {values:?}");
    values[0].as_str().expect("text").to_owned()
}

#[tokio::test]
async fn the_mail_says_what_it_must_and_no_more() {
    let system = system().await;
    let inbox = system.inbox();
    let asked = system.api().accepted("ada@mail.test").await;
    let mail = inbox.wait_for("ada@mail.test").await;
    let code = inbox.code_for("ada@mail.test").await;
    assert!(!text(&mail, "Subject").contains(&code), "a locked screen shows subjects");
    for part in ["Text", "HTML"] {
        assert!(text(&mail, part).contains(&code), "no code in {part}");
        let (before, link) = text(&mail, part).split_once("http").expect("a link");
        let end = link.find(|c: char| c.is_whitespace() || c == '"').expect("the link's end");
        let (link, after) = link.split_at(end);
        let report = format!("{}/report#", system.stack.file().gateway);
        assert!(format!("http{link}").starts_with(&report), "the only link is the one to report it: {part}");
        assert!(!before.contains("http") && !after.contains("http"), "{part}");
        assert!(!text(&mail, part).contains(&asked.id), "id and code together are all that a check takes: {part}");
    }
    assert_eq!(mail["From"]["Address"], "otp@localhost.test");
    assert_eq!(header(&inbox, &mail, "Auto-Submitted").await, "auto-generated");
    assert!(!header(&inbox, &mail, "Date").await.is_empty());
    assert!(header(&inbox, &mail, "Content-Type").await.starts_with("multipart/alternative"));
    let message_id = header(&inbox, &mail, "Message-Id").await;
    assert!(message_id.starts_with('<') && message_id.ends_with("@localhost.test>"), "{message_id}");
    assert!(!message_id.contains(&asked.id), "an id in a header lets each relay on the way spend the guesses");
    assert!(!message_id.contains(&code), "{message_id}");
    system.stack.stop().await;
}

#[tokio::test]
async fn each_mail_has_an_id_of_its_own_and_each_its_subject() {
    let system = system().await;
    let asked = system.api().accepted("again@mail.test").await;
    system.inbox().wait_for("again@mail.test").await;
    system.api().resend(&asked.id).await.accepted();
    let mails = eventually("two mails", async || {
        let mails = system.inbox().to("again@mail.test").await;
        (mails.len() == 2).then_some(mails)
    })
    .await;
    assert_ne!(mails[0]["MessageID"], mails[1]["MessageID"], "another generation is another mail");
    assert_eq!((&mails[0]["Subject"], &mails[0]["Text"]), (&mails[1]["Subject"], &mails[1]["Text"]));
    system.stack.stop().await;
}

/// The language and the subject of the mail to an address.
async fn language(system: &System, address: &str) -> (String, String) {
    let mail = system.inbox().wait_for(address).await;
    let language = header(&system.inbox(), &mail, "Content-Language").await;
    (language, text(&mail, "Subject").to_owned())
}

#[tokio::test]
async fn the_mail_speaks_the_language_that_was_asked_for() {
    let system = system().await;
    for (locale, expected) in [("de", "de"), ("de-AT", "de"), ("DE", "de"), ("en", "en"), ("tlh", "en")] {
        let address = format!("{locale}.{expected}@mail.test");
        system.api().ask(&json!({"email": address, "locale": locale})).await.accepted();
        assert_eq!(language(&system, &address).await.0, expected, "{locale}");
    }
    let subject = |language: &str| if language == "de" { "Ihr Code für DistOTP" } else { "Your code for DistOTP" };
    for (accept, body, expected) in [
        ("de-DE,de;q=0.9,en;q=0.5", json!({"email": "one@mail.test"}), "de"),
        ("en-GB", json!({"email": "two@mail.test"}), "en"),
        ("de", json!({"email": "three@mail.test", "locale": "en"}), "en"),
        (";;;garbage,,", json!({"email": "four@mail.test"}), "en"),
        ("en;q=0.5,de-CH", json!({"email": "five@mail.test"}), "de"),
        ("tlh,de;q=0.5", json!({"email": "six@mail.test"}), "de"),
        ("de", json!({"email": "seven@mail.test", "locale": "tlh"}), "de"),
    ] {
        let request = system.api().request(Method::POST, VERIFICATIONS).header("accept-language", accept).json(&body);
        send(request).await.accepted();
        let said = language(&system, body["email"].as_str().expect("text")).await;
        assert_eq!(said, (expected.to_owned(), subject(expected).to_owned()), "{accept}");
    }
    system.stack.stop().await;
}
