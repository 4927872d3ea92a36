//! The mailer against Debian's postfix: STARTTLS, implicit TLS, AUTH, refusals.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use otp_nats::event::Reason;
use otp_nats::{Body, EventKind};
use tempfile::TempDir;

use crate::relay::Relay;
use crate::stack::{Stack, ask, eventually};
use otp_nats::testing::find;

/// A postfix of the test's own, which passes mail on to a relay of the test's.
struct Postfix {
    child: Child,
    folder: TempDir,
    /// STARTTLS; mail is taken from anyone on this machine.
    relaying: SocketAddr,
    /// TLS from the first byte; mail is taken from those who log in.
    submissions: SocketAddr,
}

impl Postfix {
    /// `None`, with a word on why, where there is none.
    async fn start(next: SocketAddr) -> Option<Self> {
        let programs = ["postfix", "saslpasswd2", "openssl"];
        let missing: Vec<&str> = programs.into_iter().filter(|program| find(program).is_none()).collect();
        if !missing.is_empty() {
            println!("skipped: {missing:?} missing: apt-get install postfix sasl2-bin openssl");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        if fs::metadata(folder.path()).unwrap().uid() != 0 {
            println!("skipped: postfix starts as root only");
            return None;
        }
        let [relaying, submissions] = [free_address(), free_address()];
        let path = folder.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        certificates(path);
        accounts(path);
        for inner in ["queue", "data"] {
            fs::create_dir(path.join(inner)).unwrap();
        }
        run("chown", &["postfix", path.join("data").to_str().unwrap()]);
        let main = include_str!("postfix/main.cf");
        let main = main.replace("@FOLDER@", path.to_str().unwrap()).replace("@NEXT@", &next.port().to_string());
        fs::write(path.join("main.cf"), main).unwrap();
        let master = include_str!("postfix/master.cf");
        let master = master
            .replace("@RELAYING@", &relaying.port().to_string())
            .replace("@SUBMISSIONS@", &submissions.port().to_string());
        fs::write(path.join("master.cf"), master).unwrap();
        let mut start = Command::new(find("postfix").unwrap());
        start.args(["-c", path.to_str().unwrap(), "start-fg"]).stdout(Stdio::null()).stderr(Stdio::null());
        let postfix = Self { child: start.spawn().unwrap(), folder, relaying, submissions };
        eventually("postfix listens", async || {
            let listens = [relaying, submissions].iter().all(|address| TcpStream::connect(address).is_ok());
            listens.then_some(())
        })
        .await;
        Some(postfix)
    }

    fn ca(&self) -> String {
        self.folder.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let folder = self.folder.path().to_str().unwrap();
        run("postfix", &["-c", folder, "stop"]);
        self.child.wait().unwrap();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(find(program).unwrap()).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    output
}

/// An authority, and a certificate of it for this machine.
fn certificates(folder: &Path) {
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let (ca_key, ca) = (at("ca.key"), at("ca.pem"));
    let own = ["req", "-x509", "-days", "2", "-subj", "/CN=test authority", "-keyout", &ca_key, "-out", &ca];
    run("openssl", &[&own[..], &key[..]].concat());
    let (cert_key, request) = (at("key.pem"), at("request.pem"));
    let asked = ["req", "-subj", "/CN=relay.test", "-keyout", &cert_key, "-out", &request];
    run("openssl", &[&asked[..], &key[..]].concat());
    let (cert, extensions) = (at("cert.pem"), at("extensions"));
    fs::write(&extensions, "subjectAltName=IP:127.0.0.1,DNS:localhost\n").unwrap();
    let signed = ["x509", "-req", "-days", "2", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"];
    run("openssl", &[&signed[..], &["-extfile", &extensions, "-out", &cert][..]].concat());
}

/// Cyrus SASL with a database of one user.
fn accounts(folder: &Path) {
    let database = folder.join("sasldb2");
    let mut add = Command::new(find("saslpasswd2").unwrap());
    add.args(["-p", "-c", "-f", database.to_str().unwrap(), "-u", "example.test", "codes"]).stdin(Stdio::piped());
    let mut add = add.spawn().unwrap();
    std::io::Write::write_all(add.stdin.as_mut().unwrap(), b"pass,word:%").unwrap();
    assert!(add.wait().unwrap().success());
    run("chown", &["postfix", database.to_str().unwrap()]);
    let settings = format!(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\nmech_list: PLAIN LOGIN\n",
        database.display()
    );
    fs::create_dir(folder.join("sasl")).unwrap();
    fs::write(folder.join("sasl/smtpd.conf"), settings).unwrap();
}

#[tokio::test]
async fn mails_pass_through_postfix() {
    let next = Relay::start(&[]).await;
    let Some(postfix) = Postfix::start(next.address()).await else { return };
    let (stack, ca) = (Stack::start().await, postfix.ca());
    let (relaying, submissions) = (postfix.relaying, postfix.submissions);
    let login = "codes%40example.test:pass%2Cword%3A%25";
    let ways = [
        format!("smtp://{relaying}?ca={ca}"),
        format!("smtp://localhost:{}?ca={ca}", relaying.port()),
        format!("smtp://{relaying}?ca={ca}&tls=opportunistic"),
        format!("smtp://{relaying}?tls=none"),
        format!("smtps://{login}@{submissions}?ca={ca}"),
        format!("smtps://{login}@{submissions}?ca={ca}&auth=login"),
    ];
    for (number, way) in (1..).zip(&ways) {
        let mailer = stack.mailer(way).await;
        // Two mails and a refusal between them, on one connection.
        for (id, email) in
            [(number, "alice@example.com"), (number + 50, "nobody@example.com"), (number + 100, "bob@example.com")]
        {
            let mut asked = ask(id);
            email.clone_into(&mut asked.email);
            stack.ask(&asked).await;
            let end = if email.starts_with("nobody") { EventKind::Failed } else { EventKind::Sent };
            let event = eventually("an end", async || {
                let events = stack.events(&asked.id).await;
                events.into_iter().find(|event| event.kind() == end || event.kind() == EventKind::Deferred)
            })
            .await;
            match event.body {
                Body::Sent { reply, .. } => assert!(reply.starts_with("250 2.0.0 Ok: queued as "), "{reply}"),
                Body::Failed { reason, .. } => assert_eq!(reason, Reason::Refused),
                other => panic!("{way}: {other:?}\n{}", postfix.log()),
            }
        }
        mailer.stop().await;
    }
    eventually("all mails arrive", async || (next.received().len() == 2 * ways.len()).then_some(())).await;
    for mail in next.received() {
        assert!(mail.message.contains("Auto-Submitted: auto-generated"));
        assert!(mail.message.contains("Message-ID: <"));
    }
    let log = postfix.log();
    assert!(log.contains("sasl_method=PLAIN") && log.contains("sasl_method=LOGIN"), "{log}");
    // All three on one connection, which postfix sums up when it ends.
    eventually("one connection for each way", async || {
        (postfix.log().matches(" mail=3 ").count() == ways.len()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn postfix_is_not_trusted_blindly_and_trusts_nobody_blindly() {
    let next = Relay::start(&[]).await;
    let Some(postfix) = Postfix::start(next.address()).await else { return };
    let (ca, submissions) = (postfix.ca(), postfix.submissions);
    for (number, (way, expected)) in (1..).zip([
        (format!("smtp://{}", postfix.relaying), Reason::TlsFailed),
        (format!("smtps://codes%40example.test:wrong@{submissions}?ca={ca}"), Reason::AuthenticationFailed),
        (format!("smtps://codes%40example.test:wrong@{submissions}?ca={ca}&auth=login"), Reason::AuthenticationFailed),
        (
            format!("smtps://codes%40example.test:wrong@{submissions}?ca={ca}&auth=xoauth2"),
            Reason::AuthenticationFailed,
        ),
        (format!("smtps://{}?ca={ca}", postfix.relaying), Reason::TlsFailed),
    ]) {
        let stack = Stack::start().await;
        let mailer = stack.mailer(&way).await;
        stack.ask(&ask(number)).await;
        let deferred = stack.until(&ask(number).id, EventKind::Deferred).await;
        let Body::Deferred { reason, .. } = deferred.body else { panic!("{deferred:?}") };
        assert_eq!(reason, expected, "{way}\n{}", postfix.log());
        mailer.stop().await;
    }
    assert!(next.received().is_empty());
}
