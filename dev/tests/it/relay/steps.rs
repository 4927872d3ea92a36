//! A fault at each step of a conversation, with and without pipelining.

use otp_dev::inbox::{Fault, Rule, Verb};

use super::{copies, fine, first_outcome, kept, script, system, until};
use crate::support::{Asked, System};

/// So often a case is tried whose fault is spent on a mail of an earlier case, or on the connection that one left.
const TRIES_MAX: u32 = 5;

/// How the first attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It is put off for one of these reasons.
    Deferred(&'static [&'static str]),
    /// It is refused for good.
    Refused,
    /// It is sent all the same.
    Sent,
}

use End::{Deferred, Refused, Sent};

struct Case {
    at: Verb,
    what: Fault,
    end: End,
}

fn say(text: &'static str) -> Fault {
    Fault::Say(text.into())
}

fn goodbye(text: &'static str) -> Fault {
    Fault::Goodbye(text.into())
}

fn extra(text: &'static str) -> Fault {
    Fault::Extra(text.into())
}

fn long_line() -> Fault {
    Fault::Say(format!("250 {}\r\n", "x".repeat(100_000)).into())
}

const LOST: End = Deferred(&["connection-lost"]);
const BUSY: End = Deferred(&["busy"]);

fn cases() -> Vec<Case> {
    use Verb::{Body, Data, Dot, Ehlo, Greeting, Kept, Mail, Rcpt};
    let unwelcome = Deferred(&["unreachable"]);
    // The reset may come before the mailer has got as far as waiting for the greeting.
    let gone = vec![(Fault::Drop, LOST), (Fault::Reset, Deferred(&["connection-lost", "unreachable"]))];
    let of = |at, list: Vec<(Fault, End)>| list.into_iter().map(move |(what, end)| Case { at, what, end });
    let breaks = || vec![(Fault::Drop, LOST), (Fault::Reset, LOST)];
    let odd = || vec![(Fault::Endless, LOST), (long_line(), LOST), (say("SSH-2.0-OpenSSH\r\n"), LOST)];
    let away = || goodbye("421 4.3.2 not now\r\n");
    let busy = || say("451 4.3.0 try again\r\n");
    let refusal = || say("550 5.7.1 no\r\n");
    let too_many = || vec![(extra("250 2.0.0 extra\r\n"), LOST), (extra("550 5.1.1 extra\r\n"), LOST)];
    let twisted = || vec![(Fault::Omit, LOST), (Fault::Late, LOST)];
    let mut cases = Vec::new();
    cases.extend(of(Mail, vec![(refusal(), Refused)]));
    cases.extend(of(Rcpt, vec![(refusal(), Refused)]));
    cases.extend(of(Data, vec![(refusal(), Refused)]));
    cases.extend(of(Dot, vec![(refusal(), Refused)]));
    cases.extend(of(Greeting, [gone, odd(), vec![(away(), BUSY), (busy(), BUSY), (refusal(), unwelcome)]].concat()));
    cases.extend(of(Greeting, too_many()));
    cases.extend(of(Ehlo, [breaks(), vec![(Fault::Endless, LOST), (busy(), BUSY), (refusal(), unwelcome)]].concat()));
    cases.extend(of(Ehlo, too_many()));
    cases.extend(of(Mail, [breaks(), odd(), too_many(), vec![(away(), BUSY), (busy(), BUSY)]].concat()));
    cases.extend(of(Rcpt, [breaks(), odd(), too_many(), vec![(away(), BUSY), (busy(), BUSY)]].concat()));
    cases.extend(of(Rcpt, twisted()));
    cases.extend(of(Data, [breaks(), odd(), too_many(), vec![(away(), BUSY), (busy(), BUSY)]].concat()));
    cases.extend(of(Body, breaks()));
    cases
        .extend(of(Dot, [breaks(), odd(), vec![(away(), BUSY), (busy(), BUSY), (say("354 more\r\n"), LOST)]].concat()));
    cases.extend(of(Kept, [breaks(), odd(), vec![(away(), BUSY), (busy(), BUSY)]].concat()));
    cases.extend(of(Kept, vec![(extra("550 5.1.1 extra\r\n"), Sent), (extra("250 2.0.0 extra\r\n"), Sent)]));
    cases.extend(of(Mail, vec![(Fault::Drip(std::time::Duration::ZERO), Sent)]));
    cases
}

/// Whether a mail alone on its connection runs into it at once also when commands come one by one. Out of step is only
/// who answers several; where one command is not answered nothing more happens.
fn needs_pipelining(case: &Case) -> bool {
    matches!(case.what, Fault::Omit | Fault::Late)
}

/// Whether the script can tell the case's own mail from others: it knows the recipient.
fn knows_recipient(at: Verb) -> bool {
    matches!(at, Verb::Rcpt | Verb::Data | Verb::Body | Verb::Dot | Verb::Kept)
}

/// Whether a mail may be sent at once although the fault has struck. An earlier case's mail, tried again just then, can
/// take the fault upon it; or it leaves an open connection to the case's mail, which is tried again on a new one as
/// soon as the old one turns out to be at its end.
fn is_spent_elsewhere(case: &Case) -> bool {
    match case.end {
        Deferred(_) => true,
        Refused => !knows_recipient(case.at),
        Sent => false,
    }
}

/// Lets a mail run into the fault, and checks what is told of its first attempt. The mail's address and verification.
async fn meet(system: &System, case: &Case, bare: bool, name: &str) -> (String, Asked) {
    for attempt in 0..TRIES_MAX {
        fine(system, &format!("fine-{name}-{attempt}@steps.test")).await;
        // The mail gets a connection of its own, so that it meets the greeting too.
        script(system).hang_up();
        let to = format!("{name}-{attempt}@steps.test");
        let mut rule = Rule::new(case.at, case.what.clone()).times(1);
        if knows_recipient(case.at) {
            rule = rule.to(&to);
        }
        let rules = if bare { vec![rule, Rule::new(Verb::Ehlo, Fault::Bare)] } else { vec![rule] };
        script(system).set(0, rules);
        let asked = system.api().accepted(&to).await;
        let outcome = first_outcome(system, &asked).await;
        let applied = script(system).applied();
        script(system).clear();
        assert_eq!(applied.first(), Some(&1), "{name}: {outcome}");
        let (event, reason) =
            (outcome["event"].as_str().unwrap(), outcome["data"]["reason"].as_str().unwrap_or("none"));
        if event == "sent" && is_spent_elsewhere(case) {
            continue;
        }
        let (expected, reasons) = match case.end {
            Deferred(reasons) => ("deferred", reasons),
            Refused => ("failed", ["refused"].as_slice()),
            Sent => ("sent", ["none"].as_slice()),
        };
        let is_told = event == expected && reasons.contains(&reason);
        assert!(is_told, "{name}: {:?} at {:?}, not {:?} but {outcome}", case.what, case.at, case.end);
        return (to, asked);
    }
    panic!("{name}: the mail was always sent at once");
}

#[tokio::test]
async fn every_fault_at_every_step_is_told_and_outlived() {
    let system = system().await;
    let mut met = Vec::new();
    let mut all: Vec<(usize, bool, Case)> = [false, true]
        .into_iter()
        .flat_map(|bare| cases().into_iter().map(move |case| (bare, case)))
        .enumerate()
        .map(|(number, (bare, case))| (number, bare, case))
        .filter(|(_, bare, case)| !(*bare && needs_pipelining(case)))
        .collect();
    // What is refused at MAIL comes first: no mail of another case is under way then that could be hit by it.
    all.sort_by_key(|(_, _, case)| (case.at, case.end) != (Verb::Mail, Refused));
    for (number, bare, case) in all {
        let name = format!("{}{number}", if bare { "single" } else { "pipelined" });
        let (to, asked) = meet(&system, &case, bare, &name).await;
        met.push((case, to, asked));
    }
    for (case, to, asked) in &met {
        let last = if case.end == Refused { "failed" } else { "sent" };
        let (events, _) = until(&system, asked, &[last]).await;
        let told = |name| events.iter().filter(|event| event["event"] == name).count();
        assert_eq!(told(last), 1, "{to}: {events:?}");
        assert_eq!(events.last().unwrap()["event"], last, "{to}: {events:?}");
        // A mail that was kept without the mailer having heard so comes once more, and never else.
        let expected = match (case.at, case.end) {
            (_, Refused) => (0, 0),
            (Verb::Kept, Deferred(_)) => (2, 1),
            (_, Deferred(_) | Sent) => (1, 1),
        };
        assert_eq!(copies(&kept(&system), to), expected, "{to}: {:?} at {:?}", case.what, case.at);
    }
    println!("{} faults met", met.len());
    system.stack.stop().await;
}
