use super::*;

fn id(number: u32) -> VerificationId {
    use otp_nats::id::IdParts;
    let mut nonce = [0; 10];
    nonce[..4].copy_from_slice(&number.to_be_bytes());
    VerificationId::from_parts(&IdParts { nonce, ..VerificationId::from_parts(&first()).parts() })
}

fn first() -> otp_nats::id::IdParts {
    "abcdefghijklmnopqrstuvwxyz234567abcdefgh".parse::<VerificationId>().unwrap().parts()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn promise(number: u32) -> Promise {
    Promise { email: email(number), accepted_at: at(0), watched: None, verified: 0 }
}

fn email(number: u32) -> String {
    format!("c{number}@a.test")
}

fn stored(seq: u64, kind: EventKind, seconds: i64) -> Stored {
    Stored { seq, kind, generation: 1, at: at(seconds) }
}

fn mail(kept: u32, acknowledged: u32, first: i64, last: i64) -> Mail {
    Mail { message_id: "<1@a.test>".to_owned(), kept, acknowledged, first_at: at(first), last_at: at(last) }
}

/// One verification with these events and mails.
fn one(promise: Promise, events: Vec<Stored>, mails: Vec<Mail>, troubles: &[Trouble]) -> Verdict {
    let mails = if mails.is_empty() { HashMap::new() } else { HashMap::from([(promise.email.clone(), mails)]) };
    judge(&HashMap::from([(id(1), promise)]), &HashMap::from([(id(1), events)]), &mails, troubles, false)
}

fn sent() -> Vec<Stored> {
    vec![stored(1, EventKind::Processing, 1), stored(2, EventKind::Sent, 2)]
}

#[test]
fn a_promise_ends_in_a_mail_or_in_an_event_that_says_why_not() {
    let kept = one(promise(1), sent(), vec![mail(1, 1, 2, 2)], &[]);
    assert!(kept.holds());
    assert_eq!((kept.accepted, kept.mailed, kept.lost, kept.longest_to_sent), (1, 1, 0, Duration::from_secs(2)));
    let failed = one(promise(1), vec![stored(1, EventKind::Failed, 2)], vec![], &[]);
    assert!(failed.holds() && failed.failed == 1);
    let expired = one(promise(1), vec![stored(1, EventKind::Expired, 2)], vec![], &[]);
    assert!(expired.holds() && expired.expired == 1);
    let unsure = one(promise(1), vec![stored(1, EventKind::Failed, 2)], vec![mail(1, 0, 1, 1)], &[]);
    assert!(unsure.holds() && unsure.mailed_and_failed == 1);
    for lost in [vec![], vec![stored(1, EventKind::Processing, 1)], vec![stored(1, EventKind::Deferred, 1)]] {
        let lost = one(promise(1), lost, vec![], &[]);
        assert!(!lost.holds());
        assert_eq!((lost.lost, lost.fault_count), (1, 1));
    }
}

#[test]
fn what_is_told_is_true() {
    assert!(!one(promise(1), sent(), vec![], &[]).holds(), "told and not sent");
    assert!(!one(promise(1), vec![], vec![mail(1, 1, 2, 2)], &[]).holds(), "sent and not told");
    assert!(!one(promise(1), sent(), vec![mail(1, 1, 2, 2), mail(1, 1, 2, 2)], &[]).holds(), "two mails");
}

#[test]
fn a_second_copy_needs_a_reason() {
    let trouble = |cause, from, until| Trouble { cause, from: at(from), until: at(until) };
    let twice = |kept, acknowledged, last, recorded, troubles: &[Trouble]| {
        let events = vec![stored(2, EventKind::Sent, recorded)];
        let verdict = one(promise(1), events, vec![mail(kept, acknowledged, 2, last)], troubles);
        assert_eq!(verdict.twice.values().sum::<usize>() + verdict.twice_unexplained, 1);
        assert_eq!(verdict.holds(), verdict.twice_unexplained == 0);
        verdict.twice.keys().next().copied()
    };
    assert_eq!(twice(2, 2, 33, 33, &[]), None, "nothing was broken");
    assert_eq!(twice(2, 1, 33, 33, &[]), Some(Cause::AnswerLost));
    let gone = [trouble(Cause::MailerGone, 3, 4)];
    assert_eq!(twice(2, 2, 33, 33, &gone), Some(Cause::MailerGone));
    assert_eq!(twice(2, 2, 60, 3, &gone), None, "it was recorded long before the second copy");
    assert_eq!(twice(2, 2, 33, 33, &[trouble(Cause::NotRecorded, 100, 110)]), None, "too late to be the reason");
    assert_eq!(twice(2, 2, 33, 33, &[trouble(Cause::NotRecorded, 1, 30)]), Some(Cause::NotRecorded));
}

#[test]
fn a_watcher_sees_what_the_stream_has() {
    let watched = |events: &[(u64, EventKind)], complete| {
        let watched = Watched { events: events.to_vec(), reconnects: 1, complete };
        one(Promise { watched: Some(watched), ..promise(1) }, sent(), vec![mail(1, 1, 2, 2)], &[])
    };
    let whole = [(0, EventKind::Requested), (1, EventKind::Processing), (2, EventKind::Sent)];
    assert!(watched(&whole, true).holds());
    assert_eq!((watched(&whole, true).watched, watched(&whole, true).reconnects), (1, 1));
    assert!(!watched(&[(0, EventKind::Requested), (2, EventKind::Sent)], true).holds(), "one is missing");
    assert!(!watched(&[(1, EventKind::Processing)], false).holds(), "the end is missing");
    assert!(!watched(&[(1, EventKind::Processing), (2, EventKind::Failed)], true).holds(), "another end");
}

#[test]
fn a_code_proves_once() {
    let told: Vec<Stored> = sent().into_iter().chain([stored(3, EventKind::Verified, 3)]).collect();
    let times = |verified, events: &[Stored], gateways_died| {
        let promises = HashMap::from([(id(1), Promise { verified, ..promise(1) })]);
        let mails = HashMap::from([(email(1), vec![mail(1, 1, 2, 2)])]);
        judge(&promises, &HashMap::from([(id(1), events.to_vec())]), &mails, &[], gateways_died)
    };
    let once = times(1, &told, false);
    assert!(once.holds() && once.verified == 1 && once.untold == 0);
    assert!(!times(2, &told, false).holds());
    assert!(!times(1, &sent(), false).holds(), "nobody was told");
    let died = times(1, &sent(), true);
    assert!(died.holds() && died.untold == 1);
}

#[test]
fn mails_nobody_was_promised_are_counted() {
    let mails = HashMap::from([(email(2), vec![mail(1, 1, 2, 2)])]);
    let verdict = judge(&HashMap::new(), &HashMap::new(), &mails, &[], false);
    assert!(verdict.holds() && verdict.mailed_unpromised == 1);
}
