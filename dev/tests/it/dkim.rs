//! Signatures of mails as they arrive, checked by somebody else's verifier (dkimpy) with the records in the DNS.

use std::io::Write as _;
use std::process::{Command, Stdio};

use otp_mailer::dkim::DkimKeys;
use otp_mailer::dkim::command::fresh_keys;
use otp_nats::Timestamp;
use otp_nats::settings::Setting as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{System, VERIFICATIONS};

/// Debian's python3-dkim is for Debian's Python, which need not be the first one.
const PYTHONS: [&str; 2] = ["/usr/bin/python3", "python3"];
/// Reads a mail, asks the DNS server that is named for keys, and says of each signature whether it holds.
const VERIFIER: &str = r#"
import json, sys, dkim, dns.resolver
resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port = ["127.0.0.1"], int(sys.argv[1])
def txt(name, timeout=5):
    try:
        answer = resolver.resolve(name.decode().rstrip("."), "TXT", lifetime=20)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return None
    return b"".join(answer[0].strings)
mail, said = sys.stdin.buffer.read(), []
for index in range(2):
    verifier = dkim.DKIM(mail, minkey=2048)
    try:
        held = verifier.verify(idx=index, dnsfunc=txt)
    except dkim.DKIMException as error:
        held = False
    if verifier.signature_fields:
        fields = verifier.signature_fields
        said.append({"held": held, "a": fields[b"a"].decode(), "d": fields[b"d"].decode()})
print(json.dumps(said))
"#;

/// What dkimpy says of a mail; `None` where there is none. On a thread of its own: what it asks the DNS is answered on
/// this one.
async fn verified(mail: &[u8], dns: u16) -> Option<Value> {
    let mail = mail.to_vec();
    tokio::task::spawn_blocking(move || asked(&mail, dns)).await.expect("asked")
}

fn asked(mail: &[u8], dns: u16) -> Option<Value> {
    let has = |python: &&&str| {
        let asked =
            Command::new(**python).args(["-c", "import dkim, dns.resolver, nacl"]).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    let Some(python) = PYTHONS.iter().find(has) else {
        println!("skipped: there is no dkimpy; Debian has it as python3-dkim, with python3-nacl");
        return None;
    };
    let mut child = Command::new(python)
        .args(["-c", VERIFIER, &dns.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python");
    child.stdin.take().expect("its input").write_all(mail).expect("written");
    let output = child.wait_with_output().expect("an answer");
    assert!(output.status.success(), "{output:?}");
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// The mail to this address as it came in, byte for byte.
async fn mailed(system: &System, to: &str) -> Vec<u8> {
    let (status, said) = system.post(VERIFICATIONS, &json!({ "email": to })).await;
    assert_eq!(status, 202, "{said}");
    let mail = system.inbox().wait_for(to).await;
    let url = format!("{}/api/v1/message/{}/raw", system.stack.file().inbox, mail["ID"].as_str().expect("an id"));
    system.client.get(url).send().await.expect("an answer").bytes().await.expect("a mail").to_vec()
}

fn replaced(mail: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(mail.to_vec()).expect("text");
    assert!(text.contains(from), "{text}");
    text.replacen(from, to, 1).into_bytes()
}

#[tokio::test]
async fn a_mail_from_the_stack_verifies_with_the_record_in_its_zone() {
    let system = System::start().await;
    let mail = mailed(&system, "dkim@example.com").await;
    let dns = system.stack.file().dns.rsplit(':').next().expect("a port").parse().expect("a number");
    if let Some(said) = verified(&mail, dns).await {
        assert_eq!(said, json!([{ "held": true, "a": "ed25519-sha256", "d": "localhost.test" }]), "{mail:?}");
        let forged = replaced(&mail, "otp@localhost.test", "eve@localhost.test");
        assert_eq!(verified(&forged, dns).await.expect("dkimpy")[0]["held"], false);
    }
    system.end().await;
}

#[tokio::test]
async fn both_algorithms_hold_until_the_mail_is_changed() {
    let keys = fresh_keys(&["--domain", "shop.example"], Timestamp::now()).expect("openssl makes RSA keys");
    let records: Vec<(String, String)> =
        DkimKeys::parse(&keys).expect("keys").iter().map(|key| (key.record_name(), key.record())).collect();
    assert_eq!(records.len(), 2, "an RSA key takes openssl");
    let zone = otp_dev::dns::Zone::bind(([127, 0, 0, 1], 0).into()).await.expect("a zone").with_texts(records);
    let (dns, stop) = (zone.addr().port(), CancellationToken::new());
    let zone = tokio::spawn(zone.run(stop.clone()));
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("dkim.keys");
    std::fs::write(&file, keys.as_bytes()).expect("written");
    let system = System::with(|options| {
        options.caller.set("OTP_DKIM_KEYS_FILE", file.to_str().expect("a path"));
        options.caller.set("OTP_MAIL_FROM", "Bäckerei <codes@shop.example>");
    })
    .await;
    let mail = mailed(&system, "both@example.com").await;
    let said = |held: bool| {
        let one = |algorithm: &str| json!({ "held": held, "a": algorithm, "d": "shop.example" });
        json!([one("rsa-sha256"), one("ed25519-sha256")])
    };
    if let Some(found) = verified(&mail, dns).await {
        assert_eq!(found, said(true), "{}", String::from_utf8_lossy(&mail));
        let code = crate::support::code_in(&system.inbox().wait_for("both@example.com").await, 6);
        let other = crate::support::other_code(&code);
        for (from, to) in [
            (code.as_str(), other.as_str()),
            ("codes@shop.example", "eve@shop.example"),
            ("\r\nSubject: ", "\r\nSubject: Win!\r\nSubject: "),
            ("\r\nTo: ", "\r\nFrom: eve@shop.example\r\nTo: "),
            ("\r\nTo: ", "\r\nReply-To: eve@shop.example\r\nTo: "),
        ] {
            assert_eq!(verified(&replaced(&mail, from, to), dns).await.expect("dkimpy"), said(false), "{from:?}");
        }
        let relayed = replaced(&mail, "DKIM-Signature", "Received: from relay\r\nDKIM-Signature");
        assert_eq!(verified(&relayed, dns).await.expect("dkimpy"), said(true));
    }
    system.end().await;
    stop.cancel();
    zone.await.expect("ended").expect("a zone");
}
