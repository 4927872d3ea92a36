//! New keys in place of old ones while codes are under way, as docs/OPERATIONS.md orders it; and what is answered when
//! a key is dropped too early.

mod keyring;

use otp_dev::process::Signal;
use otp_dev::stack::{Instance, Part};
use serde_json::json;

use crate::support::{Api, Asked, Said, Socket, System, code_in, eventually, other_code};
use keyring::{Keyring, Purpose};

/// A system with its keys in files, and a second gateway.
async fn two_gateways(keyring: &Keyring) -> (System, Instance, [Api; 2]) {
    let mut system = System::with(|options| {
        let unlimited = [("OTP_LIMIT_IP", "off"), ("OTP_LIMIT_RECIPIENT", "off"), ("OTP_RESEND_COOLDOWN", "0")];
        for (name, value) in unlimited {
            options.caller.set(name, value);
        }
        for (name, value) in keyring.settings() {
            options.caller.set(name, &value);
        }
    })
    .await;
    let second = system.stack.add(Part::Gateway, &[]).await.expect("a second gateway");
    let apis = [system.api(), Api::at(&format!("http://{}", system.stack.address(second).expect("an address")))];
    (system, second, apis)
}

/// A verification under way, and the code that was mailed unless its request still waits.
struct Pending {
    address: String,
    asked: Asked,
    code: Option<String>,
    attempts_left: u64,
    from: usize,
}

async fn mailed(system: &System, address: &str) -> String {
    system.inbox().code_for(address).await
}

/// One verification of each kind at each gateway: mailed; mailed and guessed at; in the stream, the mailer being away.
async fn begin(system: &System, apis: &[Api; 2], era: &str) -> Vec<Pending> {
    let mut pending = begin_mailed(system, apis, era).await;
    system.stack.hold(Part::Mailer, Signal::Terminate).await.expect("held");
    for (from, api) in apis.iter().enumerate() {
        let address = format!("queued-{from}@{era}.rotation.test");
        let asked = api.accepted(&address).await;
        pending.push(Pending { address, asked, code: None, attempts_left: 5, from });
    }
    pending
}

async fn begin_mailed(system: &System, apis: &[Api; 2], era: &str) -> Vec<Pending> {
    let mut pending = Vec::new();
    for (from, api) in apis.iter().enumerate() {
        for (state, wrong) in [("sent", 0), ("guessed", 2)] {
            let address = format!("{state}-{from}@{era}.rotation.test");
            let asked = api.accepted(&address).await;
            let code = mailed(system, &address).await;
            for _ in 0..wrong {
                api.check(&asked.id, &other_code(&code)).await.problem(422, "incorrect-code");
            }
            pending.push(Pending { address, asked, code: Some(code), attempts_left: 5 - wrong, from });
        }
    }
    pending
}

/// Each is watched, read, guessed at, sent again and proven at the gateway that did not make it.
async fn finish(system: &System, apis: &[Api; 2], pending: Vec<Pending>) {
    for Pending { address, asked, code, attempts_left, from } in pending {
        let other = &apis[1 - from];
        Socket::watching(&system.stack.file().events, &asked).await.until("sent").await;
        let code = match code {
            Some(code) => code,
            None => mailed(system, &address).await,
        };
        assert_eq!(other.read(&asked.id, Some(&asked.ticket)).await.status, 200, "{address}");
        let wrong = other.check(&asked.id, &other_code(&code)).await;
        assert_eq!(wrong.problem(422, "incorrect-code").body["attempts_left"], attempts_left - 1, "{address}");
        let before = system.inbox().to(&address).await.len();
        other.resend(&asked.id).await.accepted();
        let again = eventually("the mail again", async || {
            let mails = system.inbox().to(&address).await;
            (mails.len() > before).then(|| code_in(&mails[0], 6))
        })
        .await;
        assert_eq!(again, code, "{address}: a resend sends the same code");
        let verified = other.check(&asked.id, &code).await;
        assert_eq!(verified.status, 200, "{address}: {}", verified.text);
        let token = verified.body["token"].as_str().expect("a token");
        for api in apis {
            assert!(keyring::verifies(&api.get("/.well-known/jwks.json").await.body, token), "{address}: any key set");
        }
    }
}

#[tokio::test]
async fn codes_under_way_survive_a_rotation_of_all_keys() {
    let keyring = Keyring::new("old");
    let (system, second, apis) = two_gateways(&keyring).await;
    let mut proof = None;
    let mut eras = Vec::new();
    for (era, list) in [("first", ["old", "new"]), ("second", ["new", "old"])] {
        let mut pending = begin(&system, &apis, era).await;
        if proof.is_none() {
            let Pending { asked, code, .. } = pending.remove(0);
            let verified = apis[0].check(&asked.id, &code.expect("mailed")).await;
            proof = verified.body["token"].as_str().map(str::to_owned);
        }
        keyring.set_all(&list);
        // Whoever opens before whoever seals; then the gateways, one at a time.
        system.stack.release(Part::Mailer).await.expect("ready");
        system.stack.restart(Part::Notifier).await.expect("ready");
        for (number, gateway) in [Part::Gateway.into(), second].into_iter().enumerate() {
            system.stack.restart(gateway).await.expect("ready");
            let between = begin_mailed(&system, &apis, &format!("{era}-{number}")).await;
            finish(&system, &apis, between).await;
        }
        eras.push(pending);
    }
    // What was asked for before the first step, and between the two.
    for pending in eras {
        finish(&system, &apis, pending).await;
    }
    let keys = apis[1].get("/.well-known/jwks.json").await.body;
    assert!(keyring::verifies(&keys, &proof.expect("a proof")), "a proof of before still counts");
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2));
    keyring.set_all(&["new"]);
    for instance in [Part::Mailer.into(), Part::Notifier.into(), Part::Gateway.into(), second] {
        system.stack.restart(instance).await.expect("ready");
    }
    let last = begin(&system, &apis, "last").await;
    system.stack.release(Part::Mailer).await.expect("ready");
    finish(&system, &apis, last).await;
    system.stack.stop().await;
}

#[tokio::test]
async fn a_key_that_is_dropped_too_early_leaves_defined_ends() {
    let keyring = Keyring::new("old");
    let (system, second, apis) = two_gateways(&keyring).await;
    let pending = begin(&system, &apis, "early").await;
    let events = system.stack.file().events;

    // Sealing: the request is given up with its reason, and whoever watches is told.
    keyring.set(Purpose::Seal, &["new"]);
    system.stack.release(Part::Mailer).await.expect("ready");
    let queued = &pending.last().expect("queued").asked;
    let told = Socket::watching(&events, queued).await.until("failed").await;
    assert_eq!(told.last().expect("failed")["data"]["reason"], "unreadable");
    let letter = eventually("the dead letter", async || crate::delivery::dead_letter(&system, queued).await).await;
    assert_eq!(letter["reason"], "unreadable");

    // Tickets: refused, and nothing else is lost.
    keyring.set(Purpose::Ticket, &["new"]);
    restart_all(&system, second).await;
    let Pending { asked, code, .. } = &pending[0];
    let code = code.as_ref().expect("mailed");
    apis[0].read(&asked.id, Some(&asked.ticket)).await.problem(401, "unauthorized");
    apis[1].cancel(&asked.id, Some(&asked.ticket)).await.problem(401, "unauthorized");
    let mut socket = Socket::watching(&events, asked).await;
    assert_eq!(socket.next().await, Said::Error("bad-ticket".to_owned()));
    let verified = apis[1].check(&asked.id, code).await;
    let token = verified.body["token"].as_str().expect("a proof").to_owned();
    let read = apis[1].resend(&pending[1].asked.id).await.accepted();
    assert_eq!(apis[0].read(&read.id, Some(&read.ticket)).await.status, 200, "a resend gives a new ticket");

    // Signing: what was signed is not to be verified any more.
    keyring.set(Purpose::Signing, &["new"]);
    restart_all(&system, second).await;
    assert!(!keyring::verifies(&apis[0].get("/.well-known/jwks.json").await.body, &token));

    // Hashing: the verification is as if it had never been.
    keyring.set(Purpose::Hash, &["new"]);
    restart_all(&system, second).await;
    let Pending { asked, code, .. } = &pending[1];
    for answer in [
        apis[0].check(&asked.id, code.as_ref().expect("mailed")).await,
        apis[1].resend(&asked.id).await,
        apis[0].read(&asked.id, Some(&asked.ticket)).await,
        apis[1].cancel(&asked.id, Some(&asked.ticket)).await,
    ] {
        answer.problem(404, "not-found");
    }

    // All of it goes on with what is new.
    let fresh = begin(&system, &apis, "fresh").await;
    system.stack.release(Part::Mailer).await.expect("ready");
    finish(&system, &apis, fresh).await;
    for part in Part::SERVICES {
        let log = std::fs::read_to_string(system.stack.log(part)).expect("a log");
        assert!(!log.contains("panicked"), "{log}");
    }
    system.stack.stop().await;
}

async fn restart_all(system: &System, second: Instance) {
    for instance in [Part::Notifier.into(), Part::Gateway.into(), second] {
        system.stack.restart(instance).await.expect("ready");
    }
}

/// With new hash keys a recipient has a new name: its limits start over, once, and no more than that.
#[tokio::test]
async fn new_hash_keys_start_the_limits_over_once() {
    let keyring = Keyring::new("old");
    let system = System::with(|options| {
        for (name, value) in [("OTP_LIMIT_RECIPIENT", "2/1h"), ("OTP_RESEND_COOLDOWN", "0"), ("OTP_LIMIT_IP", "off")] {
            options.caller.set(name, value);
        }
        for (name, value) in keyring.settings() {
            options.caller.set(name, &value);
        }
    })
    .await;
    let api = system.api();
    let exhaust = async |allowed: usize| {
        for _ in 0..allowed {
            api.accepted("limited@rotation.test").await;
        }
        let refused = api.ask(&json!({"email": "limited@rotation.test"})).await;
        refused.problem(429, "rate-limited");
    };
    exhaust(2).await;
    for (list, allowed) in [(&["old", "new"][..], 0), (&["new", "old"], 2), (&["new"], 0)] {
        keyring.set_all(list);
        system.stack.restart(Part::Mailer).await.expect("ready");
        system.stack.restart(Part::Gateway).await.expect("ready");
        exhaust(allowed).await;
    }
    system.stack.stop().await;
}
