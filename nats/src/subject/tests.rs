use super::*;

const ID: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefgh";

#[test]
fn every_event_subject_is_read_back() {
    let id: VerificationId = ID.parse().unwrap();
    for kind in EventKind::ALL {
        let subject = event(kind, &id);
        assert_eq!(subject, format!("otp.{kind}.{ID}"));
        assert_eq!(parse(&subject), Some(Parsed { kind, id }));
    }
}

#[test]
fn others_are_not() {
    let id: VerificationId = ID.parse().unwrap();
    let dead = dead_letter(&id);
    for subject in
        ["otp.sent", "otp.sent.short", "otp.unknown.x", "x.sent.y", dead.as_str(), &format!("otp.sent.{ID}.x")]
    {
        assert_eq!(parse(subject), None, "{subject}");
    }
}
