use proptest::prelude::*;

use super::*;

#[test]
fn reads_what_servers_say() {
    for (input, code, lines, rest) in [
        ("250 ok\r\n", 250, vec!["ok"], 0),
        ("250\r\n", 250, vec![""], 0),
        ("354 \n", 354, vec![""], 0),
        ("250-relay\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n", 250, vec!["relay", "PIPELINING", "SMTPUTF8"], 0),
        ("550 5.1.1 no such user\r\n250 next", 550, vec!["5.1.1 no such user"], 8),
    ] {
        let (reply, taken) = Reply::read(input.as_bytes()).unwrap().unwrap();
        assert_eq!((reply.code, reply.lines), (code, lines.into_iter().map(str::to_owned).collect()), "{input:?}");
        assert_eq!(taken + rest, input.len(), "{input:?}");
    }
    let (reply, _) = Reply::read(b"421-4.3.2 a\r\n421 4.3.2 b\r\n").unwrap().unwrap();
    assert_eq!(reply.to_string(), "421 4.3.2 a 4.3.2 b");
    assert!(!reply.is_positive() && !reply.is_permanent());
}

#[test]
fn refuses_what_is_none() {
    let long = format!("250 {}", "x".repeat(MAX_LINE));
    let many = "250-x\r\n".repeat(MAX_LINES + 1);
    for bad in ["\r\n", "25\r\n", "2x0 \r\n", "150 x\r\n", "650 x\r\n", "250_x\r\n", "250-a\r\n550 b\r\n", &long, &many]
    {
        assert_eq!(Reply::read(bad.as_bytes()), Err(NoReply), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn never_panics_and_takes_no_more_than_is_there(input in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(Some((_, taken))) = Reply::read(&input) {
            prop_assert!(taken <= input.len());
        }
    }

    #[test]
    fn waits_for_the_rest(code in 200_u16..600, texts in prop::collection::vec("[ -~]{0,30}", 1..6)) {
        let last = texts.len() - 1;
        let line = |(n, text)| format!("{code}{}{text}\r\n", if n == last { ' ' } else { '-' });
        let wire = texts.iter().enumerate().map(line).collect::<Vec<_>>().concat();
        for cut in 0..wire.len() {
            prop_assert_eq!(Reply::read(&wire.as_bytes()[..cut]), Ok(None));
        }
        let (reply, taken) = Reply::read(wire.as_bytes()).unwrap().unwrap();
        prop_assert_eq!(reply, Reply { code, lines: texts });
        prop_assert_eq!(taken, wire.len());
    }
}

#[test]
fn what_is_said_of_the_load_is_told_from_what_is_said_of_a_recipient() {
    let reply = |text: &str| Reply::read(format!("{text}\r\n").as_bytes()).unwrap().unwrap().0;
    for text in [
        "421 too many connections",
        "421 4.7.0 slow down",
        "451 4.3.2 not now",
        "452 out of memory",
        "454 Throttling failure: Maximum sending rate exceeded",
        "450 4.7.1 rate",
    ] {
        assert!(reply(text).is_about_load(), "{text}");
    }
    for text in
        ["450 mailbox busy", "450 4.2.1 over its rate", "451 4.1.8 no such domain now", "250 4.7.0", "550 5.7.1 no"]
    {
        assert!(!reply(text).is_about_load(), "{text}");
    }
}
