use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn parts_and_text_carry_the_same(tag: [u8; 10], nonce: [u8; 10], check: [u8; 5]) {
        let parts = IdParts { tag, nonce, check };
        let id = VerificationId::from_parts(&parts);
        prop_assert_eq!(id.parts(), parts);
        prop_assert_eq!(id.as_str().parse::<VerificationId>(), Ok(id));
        prop_assert!(id.as_str().starts_with(id.tag()));
    }
}

#[test]
fn one_spelling_only() {
    let good = "abcdefghijklmnopqrstuvwxyz234567abcdefgh";
    assert!(good.parse::<VerificationId>().is_ok());
    for bad in ["", "abc", &good.to_uppercase(), &format!("{good}a"), &good.replace('a', "1"), &good.replace('a', ".")]
    {
        assert_eq!(bad.parse::<VerificationId>(), Err(InvalidId), "{bad}");
    }
}
