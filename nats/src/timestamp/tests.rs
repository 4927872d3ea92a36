use proptest::prelude::*;

use super::*;

#[test]
fn writes_milliseconds_and_z() {
    assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
    assert_eq!(Timestamp::from_millis(1_763_827_200_007).to_string(), "2025-11-22T16:00:00.007Z");
}

#[test]
fn reads_other_offsets() {
    let zulu = Timestamp::parse("2025-11-22T16:00:00.007Z").unwrap();
    assert_eq!(Timestamp::parse("2025-11-22T17:00:00.007999+01:00").unwrap(), zulu);
    assert!(Timestamp::parse("yesterday").is_err());
}

proptest! {
    #[test]
    fn text_carries_the_value(millis in 0_i64..4_102_444_800_000) {
        let at = Timestamp::from_millis(millis);
        prop_assert_eq!(Timestamp::parse(&at.to_string()).unwrap(), at);
    }
}
