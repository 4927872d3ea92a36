//! A relay that says everything again: address and code stand in its replies, as spam filters and debug modes have them.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// The relay, until it is dropped.
pub(super) struct Quoting {
    pub(super) url: String,
    running: AbortHandle,
}

impl Quoting {
    /// Codes have so many digits.
    pub(super) async fn serve(code_length: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("smtp://{}?tls=none", listener.local_addr().expect("bound"));
        let running = tokio::spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                sessions.spawn(session(stream, code_length));
            }
        });
        Self { url, running: running.abort_handle() }
    }
}

impl Drop for Quoting {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Takes, defers or refuses a mail by what its recipient begins with, and repeats recipient and code each time.
async fn session(stream: TcpStream, code_length: usize) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 quoting.test ESMTP\r\n").await?;
    let (mut line, mut recipient, mut code, mut in_data) = (String::new(), String::new(), String::new(), false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if in_data && line != ".\r\n" {
            let is_code = |word: &&str| word.len() == code_length && word.bytes().all(|byte| byte.is_ascii_digit());
            if let Some(found) = line.split(|letter: char| !letter.is_ascii_alphanumeric()).find(is_code) {
                found.clone_into(&mut code);
            }
            continue;
        }
        let verb = line.split([' ', ':']).next().unwrap_or_default().trim_end().to_ascii_uppercase();
        let reply = match verb.as_str() {
            _ if in_data => {
                in_data = false;
                let status = match recipient.to_lowercase().split(['.', '@']).next() {
                    Some("refused") => "550 5.7.1",
                    Some("deferred") => "451 4.7.1",
                    _ => "250 2.0.0",
                };
                format!("{status} <{recipient}> your code {code} looks like {} to {code}\r\n", recipient.to_uppercase())
            }
            "EHLO" => "250-quoting.test\r\n250 8BITMIME\r\n".to_owned(),
            "RCPT" => {
                line.split(['<', '>']).nth(1).unwrap_or_default().clone_into(&mut recipient);
                format!("250 2.1.5 <{recipient}> ok\r\n")
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
