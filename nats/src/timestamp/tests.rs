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

#[test]
fn what_cannot_be_written_is_not_read() {
    for (text, millis) in
        [("0000-01-01T00:00:00Z", -62_167_219_200_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999)]
    {
        assert_eq!(Timestamp::parse(text).unwrap().as_millis(), millis);
    }
    for text in ["0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59-23:59", "10000-01-01"] {
        assert_eq!(Timestamp::parse(text), Err(InvalidTime), "{text}");
    }
    assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
}
