//! The HTTP API and the page.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;

use super::super::Inbox;
use super::{MAIL, Running};

async fn filled(recipients: &[&str]) -> Running {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    for to in recipients {
        assert!(client.deliver(to, MAIL).await.starts_with("250 "));
    }
    inbox
}

#[tokio::test]
async fn the_list_has_the_newest_first_and_pages() {
    let inbox = filled(&["a@example.com", "b@example.com", "ann@example.com"]).await;
    let page = inbox.json("/api/v1/messages?start=1&limit=1").await;
    assert_eq!(
        (&page["total"], &page["unread"], &page["count"], &page["messages_count"], &page["start"]),
        (&json!(3), &json!(3), &json!(1), &json!(3), &json!(1))
    );
    assert_eq!(page["messages"][0]["Bcc"], json!([{"Name": "", "Address": "b@example.com"}]));
    let newest = &inbox.json("/api/v1/messages").await["messages"][0];
    assert_eq!(newest["MessageID"], "1@example.com");
    assert_eq!(newest["From"], json!({"Name": "Some App", "Address": "app@example.com"}));
    assert_eq!(newest["To"], json!([{"Name": "Ann", "Address": "ann@example.com"}]));
    assert_eq!(newest["Bcc"], json!([]));
    assert_eq!(newest["Subject"], "Grüße");
    assert_eq!(newest["Snippet"], "Your code: 012345");
    assert_eq!(newest["Size"], MAIL.len());
    assert_eq!((&newest["Read"], &newest["Attachments"]), (&json!(false), &json!(0)));
    let created = newest["Created"].as_str().unwrap();
    assert!(time::OffsetDateTime::parse(created, &time::format_description::well_known::Rfc3339).is_ok(), "{created}");
    inbox.stop().await;
}

#[tokio::test]
async fn a_message_is_shown_by_id_and_as_the_latest_and_is_read_then() {
    let inbox = filled(&["ann@example.com"]).await;
    let id = inbox.json("/api/v1/messages").await["messages"][0]["ID"].as_str().unwrap().to_owned();
    let message = inbox.json(&format!("/api/v1/message/{id}")).await;
    assert_eq!(message["ID"], json!(id));
    assert_eq!(message["Text"].as_str().unwrap().trim(), "Your code:\r\n\r\n  012345");
    assert_eq!(message["HTML"].as_str().unwrap().trim(), "<p>Your code: <b>012345</b></p>");
    assert_eq!(message["Date"], "2026-02-02T10:00:00+01:00");
    assert_eq!(message["ReturnPath"], "app@example.com");
    assert_eq!(inbox.json("/api/v1/message/latest").await, message);
    let page = inbox.json("/api/v1/messages").await;
    assert_eq!((&page["unread"], &page["messages"][0]["Read"]), (&json!(0), &json!(true)));
    inbox.stop().await;
}

#[tokio::test]
async fn headers_are_unfolded_and_raw_is_what_came() {
    let inbox = filled(&["ann@example.com"]).await;
    let headers = inbox.json("/api/v1/message/latest/headers").await;
    assert_eq!(headers["Message-Id"], json!(["<1@example.com>"]));
    assert_eq!(headers["Auto-Submitted"], json!(["auto-generated"]));
    assert_eq!(headers["Mime-Version"], json!(["1.0"]));
    let raw = inbox.http.get(format!("{}/api/v1/message/latest/raw", inbox.url)).send().await.unwrap();
    assert_eq!(raw.text().await.unwrap(), MAIL);
    inbox.stop().await;
}

#[tokio::test]
async fn a_search_finds_one_recipient() {
    let inbox = filled(&["a@example.com", "ba@example.com", "a+x@example.com", "a@example.com"]).await;
    for (query, found) in [
        ("to:a@example.com", 2),
        ("to:%22A@Example.com%22", 2),
        ("to:a%2Bx@example.com", 1),
        ("to:ba", 1),
        ("to:example.com", 4),
        ("to:nobody@example.com", 0),
    ] {
        let page = inbox.json(&format!("/api/v1/search?query={query}")).await;
        assert_eq!(page["messages_count"], found, "{query}");
        assert_eq!(page["messages"].as_array().unwrap().len(), found, "{query}");
        assert_eq!(page["total"], 4, "{query}");
    }
    for query in ["", "subject:x", "to:", "to:a@example.com%20is:read"] {
        let answer = inbox.http.get(format!("{}/api/v1/search?query={query}", inbox.url)).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{query}");
    }
    inbox.stop().await;
}

#[tokio::test]
async fn messages_are_deleted_by_id_or_all() {
    let inbox = filled(&["a@example.com", "b@example.com", "c@example.com"]).await;
    let url = format!("{}/api/v1/messages", inbox.url);
    let id = inbox.json("/api/v1/messages").await["messages"][1]["ID"].clone();
    let answer = inbox.http.delete(&url).body("not JSON").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), inbox.total().await), (400, 3));
    let answer = inbox.http.delete(&url).body(json!({"IDs": [id]}).to_string()).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), inbox.total().await), (200, 2));
    assert_eq!(inbox.json("/api/v1/search?query=to:b@example.com").await["messages_count"], 0);
    let answer = inbox.http.delete(&url).send().await.unwrap();
    assert_eq!((answer.text().await.unwrap().as_str(), inbox.total().await), ("ok", 0));
    let answer = inbox.http.get(format!("{}/api/v1/message/latest", inbox.url)).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    inbox.stop().await;
}

#[tokio::test]
async fn what_can_not_be_parsed_is_shown_by_its_envelope() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    for message in
        ["", "\r\n", "no header at all\r\n", ": \r\n\r\n", "Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n"]
    {
        assert!(client.deliver("ann@example.com", message).await.starts_with("250 "));
        let shown = inbox.json("/api/v1/message/latest").await;
        assert_eq!(shown["Bcc"][0]["Address"], "ann@example.com", "{message:?}");
        assert_eq!(shown["From"]["Address"], "app@example.com", "{message:?}");
    }
    inbox.json("/api/v1/messages").await;
    inbox.stop().await;
}

#[tokio::test]
async fn the_page_runs_no_script_but_its_own_and_frames_mail_in_a_sandbox() {
    let inbox = filled(&["ann@example.com"]).await;
    let id = inbox.json("/api/v1/messages").await["messages"][0]["ID"].as_str().unwrap().to_owned();
    let mail = format!("/view/{id}.html");
    for (path, kind, policy) in [
        ("/", "text/html; charset=utf-8", "script-src 'self'"),
        ("/inbox.js", "text/javascript; charset=utf-8", "default-src 'none'"),
        ("/inbox.css", "text/css; charset=utf-8", "default-src 'none'"),
        (&mail, "text/html; charset=utf-8", "sandbox; default-src 'none'"),
    ] {
        let answer = inbox.http.get(format!("{}{path}", inbox.url)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], kind);
        let stated = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(stated.contains(policy) && !stated.contains("unsafe-eval"), "{path}: {stated}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
    let missing = inbox.http.get(format!("{}/view/{id}.exe", inbox.url)).send().await.unwrap();
    assert_eq!(missing.status(), 404);
    inbox.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let inbox = Running::start().await;
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let error = Inbox::bind(inbox.smtp, free).await.unwrap_err();
    assert!(format!("{error:#}").contains(&inbox.smtp.to_string()), "{error:#}");
    inbox.stop().await;
}
