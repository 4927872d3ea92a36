use super::*;

fn range(first: u16, last: u16, host: &str) -> Range {
    Range { first, last, owner: (host.to_owned(), 6379) }
}

#[test]
fn slots_are_those_of_the_specification() {
    // The first is the check value of the CRC; a server says the same of all of them.
    for (key, expected) in [("123456789", 0x31c3 % SLOTS), ("foo", 12182), ("otp:{bar}:v:x", 5061), ("{}bar", 6479)] {
        assert_eq!(slot(key), expected, "{key}");
    }
}

#[test]
fn a_map_is_read_and_a_malformed_one_is_not() {
    let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
    let entry = |first, last, owner| Value::Array(vec![Value::Int(first), Value::Int(last), Value::Array(owner)]);
    let here = vec![Value::Nil, Value::Int(6379), text("id")];
    let there = vec![text("b"), Value::Int(6379), text("id")];
    let answer = Value::Array(vec![entry(0, 99, here.clone()), entry(100, 16383, there)]);
    let ranges = read_ranges(&answer, "a").unwrap();
    assert_eq!(ranges, [range(0, 99, "a"), range(100, 16383, "b")]);
    assert_eq!(owner_in(&ranges, 100), Some(&("b".to_owned(), 6379)));
    for bad in [
        Value::Nil,
        Value::Array(vec![Value::Nil]),
        Value::Array(vec![entry(5, 4, here.clone())]),
        Value::Array(vec![entry(0, 16384, here)]),
        Value::Array(vec![entry(0, 1, vec![])]),
    ] {
        assert_eq!(read_ranges(&bad, "a"), None, "{bad:?}");
    }
}

#[test]
fn a_replica_that_takes_over_is_told_apart_from_slots_that_move() {
    let before = [range(0, 99, "a"), range(100, 199, "b")];
    assert!(took_over(&before, &[range(0, 99, "c"), range(100, 199, "b")]));
    assert!(!took_over(&before, &[range(0, 49, "a"), range(50, 199, "b")]));
    assert!(!took_over(&before, &[range(0, 199, "b")]), "a server that left");
    assert!(!took_over(&[], &before));
}
