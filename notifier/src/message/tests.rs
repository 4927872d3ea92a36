use super::*;

const ID: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefgh";

#[test]
fn subscriptions_are_read_with_and_without_a_place() {
    for (after, expected) in
        [("", None), (r#","after":null"#, None), (r#","after":0"#, Some(0)), (r#","after":17"#, Some(17))]
    {
        let text = format!(r#"{{"id":"{ID}","type":"subscribe","ticket":"k.t","more":[1]{after}}}"#);
        match ClientMessage::parse(&text) {
            Some(ClientMessage::Subscribe { id, ticket, after }) => {
                assert_eq!((id.as_str(), ticket.as_str(), after), (ID, "k.t", expected));
            }
            _ => panic!("{text}"),
        }
    }
    let unsubscribe = format!(r#"{{"type":"unsubscribe","id":"{ID}"}}"#);
    assert!(matches!(ClientMessage::parse(&unsubscribe), Some(ClientMessage::Unsubscribe { .. })));
}

#[test]
fn everything_else_is_no_message() {
    let with = |more: &str| format!(r#"{{"type":"subscribe","id":"{ID}"{more}}}"#);
    for text in [
        String::new(),
        "[]".to_owned(),
        "null".to_owned(),
        r#"{"type":"ping"}"#.to_owned(),
        with(""),
        with(r#","ticket":1"#),
        with(r#","ticket":"t","after":-1"#),
        with(r#","ticket":"t","after":"1""#),
        with(r#","ticket":"t","after":1.5"#),
        r#"{"type":"subscribe","id":"UPPER","ticket":"t"}"#.to_owned(),
        format!("{} trailing", with(r#","ticket":"t""#)),
    ] {
        assert!(ClientMessage::parse(&text).is_none(), "{text}");
    }
}

#[test]
fn errors_name_the_subscription_when_there_is_one() {
    let id: VerificationId = ID.parse().unwrap();
    assert_eq!(ErrorCode::BadMessage.frame(None).as_str(), r#"{"type":"error","code":"bad-message"}"#);
    let frame = ErrorCode::BadTicket.frame(Some(&id));
    assert_eq!(frame.as_str(), format!(r#"{{"type":"error","code":"bad-ticket","id":"{ID}"}}"#));
}

/// What clients are told to expect is what they may get.
#[test]
fn the_description_names_every_code() {
    use otp_nats::description::{SOCKET_CLOSES, SOCKET_ERRORS};
    let errors = [
        ErrorCode::BadMessage,
        ErrorCode::BadTicket,
        ErrorCode::TicketExpired,
        ErrorCode::TooManySubscriptions,
        ErrorCode::AlreadySubscribed,
        ErrorCode::SubscribeTimeout,
        ErrorCode::Unavailable,
    ];
    assert_eq!(errors.map(ErrorCode::as_str), SOCKET_ERRORS.map(|(code, _)| code));
    let closings = [
        Closing::Over,
        Closing::NoPong,
        Closing::Protocol,
        Closing::Binary,
        Closing::NotUtf8,
        Closing::SubscribeTimeout,
        Closing::TooManyFaults,
        Closing::TooManyMessages,
        Closing::TooBig,
        Closing::Restart,
        Closing::Slow,
        Closing::Unavailable,
    ];
    let codes: std::collections::BTreeSet<u16> =
        closings.into_iter().filter_map(Closing::code).map(|(code, _)| code.into()).collect();
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), SOCKET_CLOSES.map(|(code, _)| code));
}
