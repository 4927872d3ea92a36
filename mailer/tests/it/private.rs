//! What must stay private: the connection, the code, the address.

use std::io::Write;
use std::sync::{Arc, Mutex};

use otp_nats::event::Reason;
use otp_nats::{Body, EventKind};
use tracing_subscriber::fmt::MakeWriter;

use crate::relay::{At, Do, Relay};
use crate::stack::{Stack, ask};

#[tokio::test]
async fn nothing_is_said_in_clear_that_must_not_be() {
    let offering: &[&str] = &["STARTTLS", "AUTH PLAIN", "PIPELINING"];
    for (number, (keywords, starttls)) in (1..).zip([
        // Stripped on the way, or never offered.
        (&["AUTH PLAIN"][..], None),
        (offering, None),
        // What somebody puts behind the 220 would count as said under TLS.
        (offering, Some(Do::Reply("220 2.0.0 go\r\n250-relay.test\r\n250 AUTH PLAIN"))),
        // No handshake follows.
        (offering, Some(Do::Reply("220 2.0.0 go"))),
        (offering, Some(Do::Drop)),
    ]) {
        let (stack, relay) = (Stack::start().await, Relay::start(keywords).await);
        let reason = if matches!(starttls, Some(Do::Drop)) { Reason::ConnectionLost } else { Reason::TlsFailed };
        if let Some(what) = starttls {
            relay.plan(At::StartTls, what);
        }
        let mailer = stack.mailer(&format!("smtp://user:secret@{}", relay.address())).await;
        stack.ask(&ask(number)).await;
        let deferred = stack.until(&ask(number).id, EventKind::Deferred).await;
        let Body::Deferred { reason: told, .. } = deferred.body else { panic!("{deferred:?}") };
        assert_eq!(told, reason, "{number}");
        let said = relay.commands();
        assert!(said.iter().all(|line| line.starts_with("EHLO") || line.starts_with("STARTTLS")), "{said:?}");
        mailer.stop().await;
    }
    // Opportunistic: mail may go in clear, a password may not.
    let (stack, relay) = (Stack::start().await, Relay::start(&["AUTH PLAIN"]).await);
    let mailer = stack.mailer(&format!("smtp://user:secret@{}?tls=opportunistic", relay.address())).await;
    stack.ask(&ask(50)).await;
    stack.until(&ask(50).id, EventKind::Deferred).await;
    assert!(!relay.commands().iter().any(|line| line.starts_with("AUTH")));
    mailer.stop().await;
    let mailer = stack.mailer(&format!("smtp://{}?tls=opportunistic", relay.address())).await;
    stack.ask(&ask(51)).await;
    stack.until(&ask(51).id, EventKind::Sent).await;
    mailer.stop().await;
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The whole flow with everything logged by everyone: no code, no address.
#[tokio::test]
async fn no_log_tells_code_or_address() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(captured.clone())
        .finish();
    // For every thread of the process: other tests log as well, with other codes and addresses.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let (stack, relay) = (Stack::start().await, Relay::start(&["PIPELINING"]).await);
    let mailer = stack.mailer(&relay.url()).await;
    let mut asked = ask(77);
    "unmistakable.person@example.com".clone_into(&mut asked.email);
    "90817263".clone_into(&mut asked.code);
    relay.plan(At::Rcpt, Do::Reply("451 4.7.1 <unmistakable.person@example.com> come back later"));
    stack.ask(&asked).await;
    stack.until(&asked.id, EventKind::Sent).await;
    relay.plan(At::Rcpt, Do::Reply("550 5.1.1 unmistakable.person: no such user; 90817263"));
    asked.generation = 2;
    stack.ask(&asked).await;
    stack.until(&asked.id, EventKind::Failed).await;
    let events = stack.events(&asked.id).await;
    mailer.stop().await;
    let log = String::from_utf8_lossy(&captured.0.lock().unwrap()).into_owned();
    assert!(log.contains("deferred") && log.contains("given up") && log.contains("TRACE"), "the log is there");
    for text in [log, format!("{events:?}")] {
        for secret in ["unmistakable", "90817263"] {
            let line = text.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{secret} stands in {line:?}");
        }
    }
}
