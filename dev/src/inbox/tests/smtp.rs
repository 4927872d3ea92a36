//! The dialogue.

use super::{Client, MAIL, Running};

#[tokio::test]
async fn a_mail_is_taken_and_several_follow_on_one_connection() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    for _ in 0..3 {
        assert!(client.deliver("ann@example.com", MAIL).await.starts_with("250 2.0.0 "));
    }
    client.expect("QUIT", "221 ").await;
    assert!(client.ended().await);
    assert_eq!(inbox.total().await, 3);
    inbox.stop().await;
}

#[tokio::test]
async fn the_offered_extensions_are_those_that_work() {
    let inbox = Running::start().await;
    let mut client = Client::connect(inbox.smtp).await;
    client.reply().await;
    let offered = client.ask("EHLO client.test").await;
    for extension in ["PIPELINING", "SIZE 1048576", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"] {
        assert!(offered.contains(extension), "{offered}");
    }
    client.expect("MAIL FROM:<app@example.com> SIZE=1000 BODY=8BITMIME SMTPUTF8", "250 ").await;
    client.expect("RCPT TO:<grüße@bücher.example>", "250 ").await;
    client.expect("RSET", "250 ").await;
    client.expect("MAIL FROM:<app@example.com> SIZE=1048577", "552 5.3.4").await;
    client.expect("MAIL FROM:<grüße@example.com>", "553 5.6.7").await;
    client.expect("MAIL FROM:<app@example.com> AUTH=<>", "555 ").await;
    client.expect("MAIL FROM:<>", "250 ").await;
    client.expect("RCPT TO:<ann@example.com> NOTIFY=NEVER", "555 ").await;
    client.expect("RCPT TO:<\"odd > one\"@example.com>", "250 ").await;
    inbox.stop().await;
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    let envelope =
        "MAIL FROM:<app@example.com>\r\nRCPT TO:<ann@example.com>\r\nRCPT TO:<fail550@example.com>\r\nDATA\r\n";
    for _ in 0..2 {
        client.send(envelope).await;
        let mut replies = Vec::new();
        for _ in 0..4 {
            replies.push(client.reply().await.chars().take(9).collect::<String>());
        }
        assert_eq!(replies, ["250 2.1.0", "250 2.1.5", "550 5.1.1", "354 end w"]);
        client.send(&format!("{MAIL}.\r\nNOOP\r\n")).await;
        assert!(client.reply().await.starts_with("250 2.0.0 kept as "));
        assert!(client.reply().await.starts_with("250 2.0.0 fine"));
    }
    inbox.stop().await;
}

#[tokio::test]
async fn a_dialogue_in_single_octets_is_the_same() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    for octet in "MAIL FROM:<app@example.com>\r\nRCPT TO:<ann@example.com>\r\nDATA\r\nhello\r\n.\r\n".chars() {
        client.send(&octet.to_string()).await;
    }
    for reply in ["250 2.1.0", "250 2.1.5", "354 ", "250 2.0.0"] {
        assert!(client.reply().await.starts_with(reply));
    }
    inbox.stop().await;
}

#[tokio::test]
async fn stuffed_dots_come_out_single() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    let reply = client.deliver("ann@example.com", "Subject: dots\r\n\r\n..\r\n..two\r\n...\r\na.b\r\n").await;
    assert!(reply.starts_with("250 "), "{reply}");
    let raw = inbox.http.get(format!("{}/api/v1/message/latest/raw", inbox.url)).send().await.unwrap();
    assert_eq!(raw.text().await.unwrap(), "Subject: dots\r\n\r\n.\r\n.two\r\n..\r\na.b\r\n");
    inbox.stop().await;
}

#[tokio::test]
async fn commands_out_of_order_and_unknown_ones_are_refused() {
    let inbox = Running::start().await;
    let mut client = Client::connect(inbox.smtp).await;
    client.reply().await;
    client.expect("MAIL FROM:<app@example.com>", "503 ").await;
    client.expect("EHLO client.test", "250").await;
    client.expect("RCPT TO:<ann@example.com>", "503 ").await;
    client.expect("DATA", "503 ").await;
    client.expect("MAIL FROM:app@example.com", "501 ").await;
    client.expect("MAIL FROM:<app@example.com", "501 ").await;
    client.expect("MAIL FROM:<app@example.com>", "250 ").await;
    client.expect("MAIL FROM:<app@example.com>", "503 ").await;
    client.expect("DATA", "554 5.5.1").await;
    client.expect("RCPT TO:<>", "501 ").await;
    client.expect("RCPT TO:<nobody>", "501 ").await;
    client.expect("STARTTLS", "500 ").await;
    client.expect("NOOP", "250 ").await;
    inbox.stop().await;
}

#[tokio::test]
async fn rset_forgets_the_envelope() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    client.expect("MAIL FROM:<app@example.com>", "250 ").await;
    client.expect("RCPT TO:<first@example.com>", "250 ").await;
    client.expect("RSET", "250 ").await;
    client.expect("DATA", "503 ").await;
    assert!(client.deliver("second@example.com", MAIL).await.starts_with("250 "));
    assert_eq!(inbox.json("/api/v1/search?query=to:first@example.com").await["messages_count"], 0);
    assert_eq!(inbox.json("/api/v1/search?query=to:second@example.com").await["messages_count"], 1);
    inbox.stop().await;
}

#[tokio::test]
async fn a_bare_line_feed_neither_ends_nor_enters_a_message() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    let smuggled = "hello\n.\nMAIL FROM:<evil@example.com>\r\n.\r\nstill the message\r\n";
    let reply = client.deliver("ann@example.com", &smuggled.replace(".\r\nstill", "..\r\nstill")).await;
    assert!(reply.starts_with("554 5.6.0"), "{reply}");
    let reply = client.deliver("ann@example.com", "hello\n.\r\nstill the message\r\n").await;
    assert!(reply.starts_with("554 5.6.0"), "{reply}");
    client.send("NOOP\n").await;
    assert!(client.reply().await.starts_with("500 "));
    assert_eq!(inbox.total().await, 0);
    inbox.stop().await;
}

#[tokio::test]
async fn a_client_is_told_when_the_inbox_stops() {
    let inbox = Running::start().await;
    let mut client = inbox.client().await;
    inbox.shutdown.cancel();
    assert!(client.reply().await.starts_with("421 "));
    assert!(client.ended().await);
    inbox.stop().await;
}
