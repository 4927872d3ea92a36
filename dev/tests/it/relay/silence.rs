//! A relay that says nothing, or only an octet at a time: every step has its deadline.

use std::time::Duration;

use otp_dev::inbox::{Fault, Rule, Verb};
use otp_dev::stack::Part;
use otp_nats::Timestamp;
use serde_json::Value;

use super::{copies, fine, kept, script, system, until};
use crate::support::{Asked, System, eventually};

/// The longest deadline of a step is 10 s; the rest is what a busy machine adds.
const DEFERRED_WITHIN: Duration = Duration::from_secs(15);

fn time(event: &Value) -> Timestamp {
    Timestamp::parse(event["at"].as_str().unwrap()).unwrap()
}

/// Sets these rules, each for one case, and asks for as many mails; returns when all rules have applied.
async fn ask(system: &System, rules: Vec<Rule>, name: &str) -> Vec<(String, Asked)> {
    let count = rules.len();
    script(system).set(0, rules);
    let mut asked = Vec::new();
    for number in 0..count {
        let to = format!("{name}{number}@silence.test");
        let accepted = system.api().accepted(&to).await;
        asked.push((to, accepted));
    }
    eventually("all rules to apply", async || script(system).applied().iter().all(|&times| times == 1).then_some(()))
        .await;
    asked
}

#[tokio::test]
async fn no_silence_lasts() {
    let system = system().await;
    fine(&system, "first@silence.test").await;
    let once = |at, what| Rule::new(at, what).times(1);
    // Nobody knows yet whom these are for: each mail meets one of them on its own connection, and none is kept from
    // before.
    script(&system).hang_up();
    let before = vec![
        once(Verb::Greeting, Fault::Silence),
        once(Verb::Greeting, Fault::Drip(Duration::from_millis(250))),
        once(Verb::Ehlo, Fault::Silence),
        once(Verb::Mail, Fault::Silence),
    ];
    let mut asked = ask(&system, before, "before").await;
    let after = [Verb::Rcpt, Verb::Data, Verb::Body, Verb::Dot, Verb::Kept]
        .map(|at| (at, Fault::Silence))
        .into_iter()
        .chain([(Verb::Data, Fault::Omit), (Verb::Data, Fault::Late)]);
    let after = after.enumerate().map(|(number, (at, what))| once(at, what).to(&format!("after{number}@")));
    asked.extend(ask(&system, after.collect(), "after").await);
    // The others are served meanwhile; and with them the relay never counts as away.
    let others = async {
        for number in 0.. {
            fine(&system, &format!("other{number}@silence.test")).await;
        }
    };
    let all = async {
        for (to, asked) in &asked {
            let (events, at) = until(&system, asked, &["deferred", "sent", "failed"]).await;
            let (deferred, taken_up) = (&events[at], &events[1]);
            let told = (&deferred["event"], &deferred["data"]["reason"]);
            assert_eq!(told, (&"deferred".into(), &"timed-out".into()), "{to}");
            let waited = time(taken_up).until(time(deferred));
            assert!(waited < DEFERRED_WITHIN, "{to}: {waited:?}");
        }
        script(&system).clear();
        for (to, asked) in &asked {
            until(&system, asked, &["sent"]).await;
            // Only the mail that was kept before the silence comes a second time.
            let expected = if to.starts_with("after4@") { (2, 1) } else { (1, 1) };
            assert_eq!(copies(&kept(&system), to), expected, "{to}");
        }
    };
    tokio::select! {
        () = all => {}
        () = others => unreachable!("it goes on for ever"),
    }
    system.stack.stop().await;
}

#[tokio::test]
async fn silence_after_a_refusal_or_a_goodbye_holds_nobody_up() {
    let system = system().await;
    script(&system).set(
        0,
        vec![
            Rule::new(Verb::Rcpt, Fault::Say("550 5.1.1 nobody\r\n".into())).to("nobody@"),
            Rule::new(Verb::Rset, Fault::Silence),
            Rule::new(Verb::Quit, Fault::Silence),
        ],
    );
    let asked = system.api().accepted("nobody@silence.test").await;
    let (events, at) = until(&system, &asked, &["sent", "deferred", "failed"]).await;
    assert_eq!((&events[at]["event"], &events[at]["data"]["reason"]), (&"failed".into(), &"refused".into()));
    fine(&system, "next@silence.test").await;
    // An idle connection is there now, and its QUIT is not answered.
    let started = std::time::Instant::now();
    system.stack.restart(Part::Mailer).await.expect("it drains and starts");
    assert_eq!(script(&system).applied(), [1, 1, 1]);
    assert!(started.elapsed() < DEFERRED_WITHIN, "{:?}", started.elapsed());
    fine(&system, "last@silence.test").await;
    system.stack.stop().await;
}
