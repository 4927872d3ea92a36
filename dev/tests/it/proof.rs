//! The proof in back ends' hands: the examples of `docs/examples/proof`, each with its language's usual library,
//! accept what the gateway signs and refuse all else.

mod backend;
mod forgery;
mod key_set;

use std::time::{Duration, Instant};

use otp_dev::backends::Backend;
use otp_nats::keys::{Key, KeyList};
use serde_json::{Value, json};

use crate::support::System;
use backend::{Answer, Running};
use forgery::{AUDIENCE, ISSUER, Signer, claims, now_s};
use key_set::KeySet;

const PURPOSE: &str = "login";
/// Clocks may differ by this much; the examples' own number.
const LEEWAY_S: u64 = 10;

#[tokio::test(flavor = "multi_thread")]
async fn back_ends_take_a_proof_once_and_refuse_all_else() {
    let system = System::with(|options| {
        options.caller.set("OTP_ISSUER", ISSUER);
        options.caller.set("OTP_AUDIENCE", AUDIENCE);
        for (name, value) in [("OTP_LIMIT_IP", "off"), ("OTP_LIMIT_RECIPIENT", "off"), ("OTP_RESEND_COOLDOWN", "0")] {
            options.caller.set(name, value);
        }
    })
    .await;
    let url = format!("{}/.well-known/jwks.json", system.stack.file().gateway);
    let signer = Signer::of(&signing_key(&system));
    let mut tried = 0;
    for backend in Backend::ALL {
        let Some(mut running) = Running::start(backend, &url, PURPOSE, "30") else { continue };
        tried += 1;
        let address = format!("ada@{}.test", backend.name());
        let proof = prove(&system, &address).await;
        assert_eq!(running.ask(&proof), Answer::Address(address.clone()), "{backend:?}: what the gateway signed");
        assert!(running.ask(&proof).is_refused("used before"), "{backend:?}: the same once more");
        for (what, token) in forgery::refused(&signer, &prove(&system, &address).await) {
            let answer = running.ask(&token);
            assert!(matches!(answer, Answer::Refused(_)), "{backend:?} takes {what}: {answer:?}");
        }
        // That it was not all of them for one and the same reason, and that clocks may differ a little.
        let mut late = claims("late");
        late["exp"] = json!(now_s() - 2);
        assert_eq!(
            running.ask(&signer.sign(&late)),
            Answer::Address("eve@proof.test".to_owned()),
            "{backend:?}: leeway"
        );
        late["exp"] = json!(now_s() - LEEWAY_S - 1);
        late["jti"] = json!("later");
        assert!(running.ask(&signer.sign(&late)).is_refused("exp"), "{backend:?}: beyond the leeway");
        println!("{backend:?}: verified for real");
    }
    println!("{tried} of {} languages could be tried", Backend::ALL.len());
    system.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn back_ends_fetch_keys_seldom_and_find_a_new_one() {
    const COOLDOWN_S: u64 = 1;
    let (old, new) = (Key::new("old", key(1)).expect("a key"), Key::new("new", key(2)).expect("a key"));
    for backend in Backend::ALL {
        let set = KeySet::serve(&KeyList::single(old.clone())).await;
        let Some(mut running) = Running::start(backend, set.url(), PURPOSE, "1") else { continue };
        let mut ids = 0..;
        let mut fresh = |signer: &Signer| signer.sign(&claims(&format!("{}", ids.next().expect("endless"))));
        let (old, new) = (Signer::of(&old), Signer::of(&new));
        let good = Answer::Address("eve@proof.test".to_owned());
        assert_eq!(running.ask(&fresh(&old)), good, "{backend:?}");
        let since = Instant::now();
        for number in 0..50 {
            let forged = Signer::named(&format!("forged-{number}"), key(9)).sign(&claims("forged"));
            assert!(matches!(running.ask(&forged), Answer::Refused(_)), "{backend:?}");
        }
        let allowed = 2 + since.elapsed().as_secs() / COOLDOWN_S;
        assert!(set.fetches() <= allowed, "{backend:?}: {} fetches for 50 forged key ids", set.fetches());

        set.change(&[old.key(), new.key()]);
        let deadline = Instant::now() + Duration::from_secs(30);
        while running.ask(&fresh(&new)) != good {
            assert!(Instant::now() < deadline, "{backend:?} never looks for the new key");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(running.ask(&fresh(&old)), good, "{backend:?}: the old key still counts");
        set.fail();
        assert_eq!(running.ask(&fresh(&old)), good, "{backend:?}: from what it keeps, while the gateway is away");
        assert_eq!(running.ask(&fresh(&new)), good, "{backend:?}: from what it keeps, while the gateway is away");
    }
}

fn key(first: u8) -> [u8; 32] {
    std::array::from_fn(|index| first.wrapping_add(u8::try_from(index).expect("32 bytes")))
}

/// The key that the stack's gateway signs with.
fn signing_key(system: &System) -> Key {
    let text = std::fs::read_to_string(system.stack.dir().join("keys.env")).expect("keys");
    let value = text.lines().find_map(|line| line.strip_prefix("OTP_SIGNING_KEYS=")).expect("signing keys");
    value.parse::<KeyList>().expect("a list").first().clone()
}

async fn prove(system: &System, address: &str) -> String {
    let api = system.api();
    let already = system.inbox().to(address).await.len();
    let body = json!({"email": address, "purpose": PURPOSE, "metadata": {"order": 1}});
    let asked = api.ask(&body).await.accepted();
    let code = crate::support::eventually("another mail", async || {
        let mails = system.inbox().to(address).await;
        (mails.len() > already).then(|| crate::support::code_in(&mails[0], 6))
    })
    .await;
    let verified: Value = api.check(&asked.id, &code).await.body;
    verified["token"].as_str().expect("a token").to_owned()
}
