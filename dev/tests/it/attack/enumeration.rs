//! Do answers tell whether an address is known?

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use otp_dev::stack::Part;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use serde_json::{Value, json};

use super::fleet::UNLIMITED;
use super::statistics::Comparison;
use super::stopwatch::{Stopwatch, Timed};
use crate::support::{System, VERIFICATIONS};

/// Addresses; every other one is known. `OTP_TEST_SAMPLES` asks for more of each kind.
const KNOWN: usize = 500;
/// Verifications under way at once, while addresses become known.
const AT_ONCE: usize = 16;

/// What of an answer may not differ: all but its time and its values.
type Shape = (u16, Vec<String>, Vec<String>, usize);

fn shape(answer: &Timed) -> Shape {
    let mut members = Vec::new();
    collect(&answer.json(), "", &mut members);
    (answer.status, answer.headers.clone(), members, answer.body.len())
}

/// Names and lengths of all members, inner ones too.
fn collect(value: &Value, path: &str, members: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(name, value)| collect(value, &format!("{path}/{name}"), members));
        }
        other => members.push(format!("{path}: {}", other.to_string().len())),
    }
}

/// Addresses of one length, which tell nothing of themselves.
fn address(kind: &str, number: usize) -> String {
    format!("{kind}{number:05}@enumeration.test")
}

async fn make_known(system: &System, addresses: &[String]) {
    let verified = stream::iter(addresses).map(async |address| {
        let asked = system.api().accepted(address).await;
        let code = system.inbox().code_for(address).await;
        assert_eq!(system.api().check(&asked.id, &code).await.status, 200, "{address}");
    });
    verified.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

#[tokio::test]
async fn a_known_address_is_answered_like_any_other() {
    let system = System::with(|options| {
        for (name, value) in UNLIMITED {
            options.caller.set(name, value);
        }
    })
    .await;
    let count = super::setting("OTP_TEST_SAMPLES", KNOWN);
    // Alike in every letter but those that are counted up.
    let known: Vec<String> = (0..count).map(|number| address("k", number)).collect();
    let strange: Vec<String> = (0..count).map(|number| address("s", number)).collect();
    make_known(&system, &known).await;

    let mut all: Vec<(bool, &String)> =
        known.iter().map(|address| (true, address)).chain(strange.iter().map(|address| (false, address))).collect();
    all.shuffle(&mut StdRng::seed_from_u64(super::setting("OTP_TEST_SEED", 4) as u64));
    let mut stopwatch = Stopwatch::at(system.stack.address(Part::Gateway).expect("an address")).await;
    let (mut shapes, mut times) = ((BTreeSet::new(), BTreeSet::new()), (Vec::new(), Vec::new()));
    for (known, address) in all {
        let answer = stopwatch.post(VERIFICATIONS, &json!({"email": address})).await;
        assert_eq!(answer.status, 202, "{address}: {}", answer.body);
        let (shapes, times) = if known { (&mut shapes.0, &mut times.0) } else { (&mut shapes.1, &mut times.1) };
        shapes.insert(shape(&answer));
        times.push(answer.micros);
    }
    assert_eq!(shapes.0.len(), 1, "{:?}", shapes.0);
    assert_eq!(shapes.0, shapes.1, "known and strange");
    let comparison = Comparison::of(&times.0, &times.1);
    println!("known against strange addresses: {comparison}");
    assert!(!comparison.differs(), "{comparison}");
    system.stack.stop().await;
}
