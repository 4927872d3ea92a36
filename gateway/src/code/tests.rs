use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

const ID: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefgh";

fn key(id: &str) -> Key {
    Key::new(id, std::array::from_fn(|index| u8::try_from(index).unwrap())).unwrap()
}

#[test]
fn every_digit_is_as_likely_at_every_place() {
    let mut random = StdRng::seed_from_u64(1);
    let mut counts = [[0_u32; 10]; 6];
    for _ in 0..60_000 {
        let code = Code::draw(6, &mut random);
        assert_eq!(code.secret().expose_secret().len(), 6);
        for (place, digit) in code.secret().expose_secret().bytes().enumerate() {
            counts[place][usize::from(digit - b'0')] += 1;
        }
    }
    // Chi-squared with nine degrees of freedom: 33.7 is exceeded once in 10,000 by chance, and the seed is fixed.
    for place in counts {
        let chi: f64 = place.iter().map(|count| (f64::from(*count) - 6000.0).powi(2) / 6000.0).sum();
        assert!(chi < 33.7, "{chi}");
    }
}

#[test]
fn entered_codes_lose_separators_and_foreign_digits() {
    for (typed, code) in [
        ("123456", "123456"),
        (" 123 456 ", "123456"),
        ("123-456", "123456"),
        ("１２３４５６", "123456"),
        ("٠١٢٣٤٥", "012345"),
        ("12a456", "12a456"),
        ("", ""),
    ] {
        assert_eq!(Code::entered(typed).secret().expose_secret(), code, "{typed}");
    }
    assert!(Code::entered(&"1".repeat(1000)).secret().expose_secret().len() <= MAX_ENTERED);
}

#[test]
fn hashes_depend_on_key_id_and_code() {
    let (id, other): (VerificationId, VerificationId) = (ID.parse().unwrap(), ID.replace('a', "b").parse().unwrap());
    let code = Code::entered("012345");
    let stored = code.hash(&key("h1"), &id).to_stored();
    assert!(code.hash(&key("h1"), &id).matches(&stored));
    assert!(!code.hash(&key("h2"), &id).matches(&stored));
    assert!(!code.hash(&key("h1"), &other).matches(&stored));
    assert!(!Code::entered("012346").hash(&key("h1"), &id).matches(&stored));
    for broken in ["", "h1", "h1:", "h1:00", ":"] {
        assert!(!code.hash(&key("h1"), &id).matches(broken), "{broken}");
    }
}
