use std::time::Instant;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn altcha(cost: &str) -> Altcha {
    Altcha::new(keys("h1", 0), Cost::parse(cost).unwrap())
}

fn keys(id: &str, first: u8) -> KeyList {
    KeyList::single(Key::new(id, std::array::from_fn(|index| first + u8::try_from(index).unwrap())).unwrap())
}

fn random() -> StdRng {
    StdRng::seed_from_u64(7)
}

/// What a client does.
fn solution(challenge: &Challenge) -> Value {
    let prefix = &challenge.parameters.key_prefix;
    let found = (0..).map(|number| (number, HEXLOWER.encode(&derived_key(&challenge.parameters, number))));
    let (counter, key) = found.into_iter().find(|(_, key)| key.starts_with(prefix)).unwrap();
    json!({"challenge": challenge, "solution": {"counter": counter, "derivedKey": key, "time": 12.5}})
}

fn payload(solution: &Value) -> String {
    BASE64.encode(solution.to_string().as_bytes())
}

#[test]
fn a_solved_challenge_is_accepted_for_its_application_until_it_is_over() {
    let altcha = altcha("4");
    let challenge = altcha.challenge("shop", Level::LEAST, NOW, &mut random());
    let payload = payload(&solution(&challenge));
    let check = |app, now| altcha.check(app, &payload, Level::LEAST, now);
    let solved = check("shop", NOW).unwrap();
    assert_eq!((solved.name.len(), solved.level), (32, Level::LEAST));
    assert!(challenge.signature.starts_with(&solved.name));
    assert_eq!(check("forum", NOW), Err(Refusal::Forged));
    assert_eq!(check("", NOW), Err(Refusal::Forged));
    let end = i64::from(LIFE_SECS) * 1000;
    assert!(check("shop", Timestamp::from_millis(NOW.as_millis() + end - 1)).is_ok());
    assert_eq!(check("shop", Timestamp::from_millis(NOW.as_millis() + end)), Err(Refusal::Expired));
}

#[test]
fn keys_are_rotated_without_losing_what_is_being_solved() {
    let old = Altcha::new(keys("h1", 0), Cost::parse("2").unwrap());
    let payload = payload(&solution(&old.challenge("", Level::LEAST, NOW, &mut random())));
    let both = format!("{},{}", *keys("h2", 9).first().to_setting(), *keys("h1", 0).first().to_setting());
    let rotated = Altcha::new(both.parse().unwrap(), Cost::parse("2").unwrap());
    assert!(rotated.check("", &payload, Level::LEAST, NOW).is_ok());
    let other = Altcha::new(keys("h2", 9), Cost::parse("2").unwrap());
    assert_eq!(other.check("", &payload, Level::LEAST, NOW), Err(Refusal::Forged));
}

/// Every member of a payload, changed in every way that might help.
#[test]
fn nothing_of_a_challenge_can_be_changed() {
    let altcha = altcha("4");
    let good = solution(&altcha.challenge("", Level::MOST, NOW, &mut random()));
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut changed = good.clone();
        change(&mut changed);
        assert_ne!(changed, good);
        altcha.check("", &payload(&changed), Level::LEAST, NOW).unwrap_err()
    };
    for (member, value) in [
        ("algorithm", json!("SHA-256")),
        ("cost", json!(1)),
        ("data", json!({"level": 0})),
        ("expiresAt", json!(2_000_000_000)),
        ("keyLength", json!(16)),
        ("keyPrefix", json!("")),
        ("keySignature", json!("00")),
        ("nonce", json!("00")),
        ("salt", json!("00")),
    ] {
        assert_eq!(refused(&|v| v["challenge"]["parameters"][member] = value.clone()), Refusal::Forged, "{member}");
        let missing = refused(&|v| {
            v["challenge"]["parameters"].as_object_mut().unwrap().remove(member);
        });
        assert_eq!(missing, Refusal::Malformed, "{member}");
    }
    assert_eq!(refused(&|v| v["challenge"]["signature"] = json!("")), Refusal::Forged);
    let upper = good["challenge"]["signature"].as_str().unwrap().to_uppercase();
    assert_eq!(refused(&|v| v["challenge"]["signature"] = json!(upper)), Refusal::Forged);
    let prefix = good["challenge"]["parameters"]["keyPrefix"].clone();
    assert_eq!(refused(&|v| v["solution"]["derivedKey"] = prefix.clone()), Refusal::Wrong);
    assert_eq!(refused(&|v| v["solution"]["derivedKey"] = json!("zz")), Refusal::Wrong);
    assert_eq!(refused(&|v| v["solution"] = json!({"counter": 3})), Refusal::Malformed);
    // The number is the client's own affair, and so is what else a widget says.
    let mut more = good.clone();
    more["solution"]["counter"] = json!(0);
    more["took"] = json!(1);
    assert!(altcha.check("", &payload(&more), Level::LEAST, NOW).is_ok());
}

#[test]
fn a_version_1_payload_and_nonsense_are_malformed() {
    let altcha = altcha("4");
    let old = json!({"algorithm": "SHA-256", "challenge": "ab", "number": 1, "salt": "s?expires=1", "signature": "cd"});
    for text in ["", "e30=", "not base64", &payload(&old), &payload(&json!([])), &"A".repeat(MAX_PAYLOAD + 4)] {
        assert_eq!(altcha.check("", text, Level::LEAST, NOW), Err(Refusal::Malformed), "{text}");
    }
}

#[test]
fn what_became_one_level_too_easy_is_taken_and_two_are_not() {
    let altcha = altcha("2");
    let levels = [Level::LEAST, Level::at(6, 10), Level::at(8, 10), Level::MOST];
    for (index, level) in levels.into_iter().enumerate() {
        let payload = payload(&solution(&altcha.challenge("", level, NOW, &mut random())));
        for (wanted, least) in levels.into_iter().enumerate() {
            let outcome = altcha.check("", &payload, least, NOW).map(|solved| solved.level);
            assert_eq!(outcome, if wanted > index + 1 { Err(Refusal::TooEasy) } else { Ok(level) });
        }
    }
}

#[test]
fn the_work_lies_around_its_mean_and_doubles_with_each_level() {
    let mut random = random();
    let altcha = altcha("8");
    for (level, mean) in [(Level::LEAST, 8), (Level::at(6, 10), 16), (Level::at(8, 10), 32), (Level::MOST, 64)] {
        let numbers: Vec<u64> = (0..100)
            .map(|_| solution(&altcha.challenge("", level, NOW, &mut random))["solution"]["counter"].as_u64().unwrap())
            .collect();
        let bounds = (*numbers.iter().min().unwrap(), *numbers.iter().max().unwrap());
        assert!(bounds.0 >= mean / 2 && bounds.1 <= mean + mean / 2, "{bounds:?} around {mean}");
        assert!(bounds.0 < mean && bounds.1 > mean, "{bounds:?} around {mean}");
    }
}

#[test]
fn pressure_has_levels_and_policies_demand_by_them() {
    for (used, count, level) in [
        (0, 10, 0),
        (5, 10, 0),
        (6, 10, 1),
        (7, 10, 1),
        (8, 10, 2),
        (9, 10, 3),
        (30, 60, 0),
        (31, 60, 1),
        (54, 60, 3),
        (1, 1, 3),
    ] {
        assert_eq!(u8::from(Level::at(used, count)), level, "{used} of {count}");
    }
    let some = Level::at(6, 10);
    assert_eq!((Policy::Off.demands(Level::MOST), Policy::Pressure.demands(Level::LEAST)), (None, None));
    assert_eq!(
        (Policy::Always.demands(Level::LEAST), Policy::Pressure.demands(some)),
        (Some(Level::LEAST), Some(some))
    );
}

/// The protocol's own vectors: those of the libraries' tests for signature and key.
#[test]
fn vectors_of_the_protocol() {
    let parameters = |rounds| {
        let mut parameters = Parameters::draw(Level::LEAST, 0, &mut random());
        parameters.cost = rounds;
        "39baf91a19d671f8231217f9e28342a6".clone_into(&mut parameters.nonce);
        "5e00d5d152e1a5db7d44fb6404a40a5e".clone_into(&mut parameters.salt);
        parameters
    };
    for (rounds, key) in [
        (1, "722ede188d41e7a7c9fd5447dca6cbb84e09c15724dbaadfb5bfb37d2cd4effa"),
        (2, "cba117f9a790022a55589d5008c9f003e49c011ff7fe34fc838788a1825524f7"),
    ] {
        assert_eq!(HEXLOWER.encode(&derived_key(&parameters(rounds), 123)), key);
    }
    // The signature over members that we do not leave out, so the text stands here as the protocol spells it.
    let text = r#"{"algorithm":"PBKDF2/SHA-256","cost":1000,"keyLength":32,"keyPrefix":"00","nonce":"39baf91a19d671f8231217f9e28342a6","salt":"5e00d5d152e1a5db7d44fb6404a40a5e"}"#;
    let signature = "a10045ef3381d5516e0c3fd6bf0b90e02fab68d576ffe9e0e1c2d1cd1e404f2a";
    assert_eq!(sign("signature.secret", text.as_bytes()), signature);
    let canonical = parameters(1).canonical();
    let sorted: std::collections::BTreeMap<String, Value> = serde_json::from_str(&canonical).unwrap();
    assert_eq!(serde_json::to_string(&sorted).unwrap(), canonical, "members are sorted");
}

/// What the web client's tests read: a challenge with its secrets, which `altcha-lib` solves and verifies there.
#[test]
fn the_golden_challenge_is_ours() {
    let altcha = altcha("40");
    // The library goes by the real time, so the challenge is over in the year 2096.
    let then = Timestamp::from_millis(4_000_000_000_000);
    let challenge = altcha.challenge("shop", Level::LEAST, then, &mut random());
    let secrets = Secrets::of(altcha.keys.first(), "shop");
    let golden = json!({
        "signatureSecret": secrets.challenge.as_str(),
        "keySecret": secrets.key.as_str(),
        "challenge": challenge,
        "solution": solution(&challenge)["solution"]["derivedKey"],
    });
    let stored: Value = serde_json::from_str(include_str!("../../golden/altcha.json")).unwrap();
    assert_eq!(stored, golden, "{golden}");
}

#[test]
fn what_a_challenge_and_a_check_cost() {
    let altcha = altcha("2000");
    let mut random = random();
    let timed = |what: &str, times: u32, work: &mut dyn FnMut()| {
        let started = Instant::now();
        (0..times).for_each(|_| work());
        let each = started.elapsed() / times;
        println!("{what}: {each:?}");
        each
    };
    let payload = payload(&solution(&altcha.challenge("", Level::LEAST, NOW, &mut random)));
    timed("a challenge", 200, &mut || drop(altcha.challenge("", Level::LEAST, NOW, &mut random)));
    let check = timed("a check", 200, &mut || assert!(altcha.check("", &payload, Level::LEAST, NOW).is_ok()));
    // A hundred times what was measured: a defect, as deriving a key in a check would be at many rounds, not a slow machine.
    assert!(check.as_millis() < 2, "{check:?}");
}

proptest! {
    #[test]
    fn no_text_is_a_solution(text in ".*", bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let altcha = altcha("2");
        prop_assert!(altcha.check("", &text, Level::LEAST, NOW).is_err());
        prop_assert!(altcha.check("", &BASE64.encode(&bytes), Level::LEAST, NOW).is_err());
    }
}
