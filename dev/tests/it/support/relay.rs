//! A relay whose replies are a test's own, as spam filters and debug modes have them.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// What the relay was told, and answers to.
#[derive(Clone, Copy)]
pub(crate) enum Heard<'a> {
    /// RCPT with this address.
    Recipient(&'a str),
    /// A whole message for it.
    Message { recipient: &'a str, text: &'a str },
}

type Reply = Arc<dyn Fn(Heard<'_>) -> String + Send + Sync>;

/// The relay, until it is dropped. It speaks enough of RFC 5321 for one mail after the other.
pub(crate) struct TalkingRelay {
    pub(crate) url: String,
    running: AbortHandle,
}

impl TalkingRelay {
    /// Answers recipients and messages with these lines, each with its line end.
    pub(crate) async fn serve(reply: impl Fn(Heard<'_>) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("smtp://{}?tls=none", listener.local_addr().expect("bound"));
        let reply: Reply = Arc::new(reply);
        let running = tokio::spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                sessions.spawn(session(stream, Arc::clone(&reply)));
            }
        });
        Self { url, running: running.abort_handle() }
    }
}

impl Drop for TalkingRelay {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn session(stream: TcpStream, reply: Reply) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 talking.test ESMTP\r\n").await?;
    let (mut line, mut recipient, mut text, mut in_data) = (String::new(), String::new(), String::new(), false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if in_data && line != ".\r\n" {
            text.push_str(&line);
            continue;
        }
        let verb = line.split([' ', ':']).next().unwrap_or_default().trim_end().to_ascii_uppercase();
        let answer = match verb.as_str() {
            _ if in_data => {
                in_data = false;
                reply(Heard::Message { recipient: &recipient, text: &std::mem::take(&mut text) })
            }
            "EHLO" => "250-talking.test\r\n250 8BITMIME\r\n".to_owned(),
            "RCPT" => {
                line.split(['<', '>']).nth(1).unwrap_or_default().clone_into(&mut recipient);
                reply(Heard::Recipient(&recipient))
            }
            "DATA" => {
                in_data = true;
                "354 go on\r\n".to_owned()
            }
            _ => "250 2.0.0 ok\r\n".to_owned(),
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}
