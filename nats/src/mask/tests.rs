use proptest::prelude::*;

use super::*;

#[test]
fn shows_two_characters_at_most() {
    for (address, masked) in [
        ("alice@example.com", "a***e@example.com"),
        ("abcd@example.com", "a***d@example.com"),
        ("abc@example.com", "a***@example.com"),
        ("a@example.com", "a***@example.com"),
        ("\"odd@local\"@example.com", "\"***\"@example.com"),
        ("øystein@example.com", "ø***n@example.com"),
        ("nothing", "***"),
    ] {
        assert_eq!(mask_address(address), masked);
    }
}

#[test]
fn replies_lose_the_address_the_local_part_and_the_code() {
    let reply = "5.1.1 <Alice@example.com>: user ALICE unknown,\r\ncode 012345 rejected";
    assert_eq!(scrub_reply(reply, "alice@example.com", "012345", 200), "5.1.1 *** user *** unknown, code *** rejected");
    assert_eq!(scrub_reply("2.0.0 Ok: queued as 4F", "al@example.com", "012345", 5), "2.0.0");
}

/// Half a megabyte is what a relay may say in one reply. What was quadratic in it took 16 s for this one.
#[test]
fn a_reply_full_of_the_address_is_scrubbed_in_time() {
    let started = std::time::Instant::now();
    let reply = "aaa".repeat(1 << 18);
    assert_eq!(scrub_reply(&reply, "AAA@example.com", "012345", 9), "*********");
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn nothing_secret_is_left(before in ".{0,40}", after in ".{0,40}", local in "[a-z.]{3,12}") {
        let address = format!("{local}@example.com");
        let scrubbed = scrub_reply(&format!("{before} {address} {after}"), &address, "987654", 500);
        prop_assert!(!scrubbed.to_ascii_lowercase().contains(&local) || "***".contains(&local));
    }
}
