//! A relay that repeats what it was told: its replies are shown to clients, who shall not find the address there.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{timeline, unlimited};
use crate::support::System;

/// A local part that is in no other word.
const LOCAL: &str = "zaphod.beeblebrox";

/// Speaks enough of RFC 5321 for one mail after the other; names the recipient in its replies.
async fn chatter(listener: TcpListener) {
    let mut sessions = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        sessions.spawn(session(stream));
    }
}

async fn session(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 chatter.test ESMTP\r\n").await?;
    let (mut line, mut recipient, mut in_data) = (String::new(), String::new(), false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.split([' ', ':']).next().unwrap_or_default().trim_end().to_ascii_uppercase();
        let reply = match verb.as_str() {
            _ if in_data && line != ".\r\n" => continue,
            _ if in_data => {
                in_data = false;
                format!("250 2.0.0 queued for {recipient} as 1A2B\r\n")
            }
            "EHLO" => "250-chatter.test\r\n250 8BITMIME\r\n".to_owned(),
            "RCPT" => {
                recipient = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                let local = recipient.split('@').next().unwrap_or_default();
                if recipient.contains("refused") {
                    format!(
                        "550-5.1.1 <{recipient}>: no such user\r\n550 5.1.1 {local} is not \"{}\" here\r\n",
                        local.to_uppercase()
                    )
                } else {
                    format!("250 2.1.5 <{recipient}> ok\r\n")
                }
            }
            "DATA" => {
                in_data = true;
                "354 go on\r\n".to_owned()
            }
            _ => "250 2.0.0 ok\r\n".to_owned(),
        };
        stream.write_all(reply.as_bytes()).await?;
    }
}

#[tokio::test]
async fn a_relay_may_repeat_the_address_and_no_client_reads_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("smtp://{}?tls=none", listener.local_addr().expect("bound"));
    let relay = tokio::spawn(chatter(listener));
    let system = System::with(|options| {
        unlimited(options);
        options.caller.set("OTP_SMTP_URL", &url);
    })
    .await;
    for (domain, last, reply) in [("taken.test", "sent", "250 2.0.0"), ("refused.test", "failed", "550 5.1.1")] {
        let asked = system.api().accepted(&format!("{LOCAL}@{domain}")).await;
        let events = tokio::time::timeout(Duration::from_secs(30), timeline(&system, &asked, last, 1)).await;
        let events = events.expect("in time");
        let said = events.last().expect("events")["data"]["reply"].as_str().expect("a reply").to_owned();
        assert!(said.starts_with(reply), "{said}");
        assert!(!said.to_lowercase().contains(LOCAL), "{said}");
    }
    let mailer = std::fs::read_to_string(system.stack.log(otp_dev::stack::Part::Mailer)).expect("a log");
    assert!(!mailer.to_lowercase().contains(LOCAL), "{mailer}");
    system.stack.stop().await;
    relay.abort();
}
