//! A relay that repeats what it was told: its replies are shown to clients, who shall not find the address there.

use std::time::Duration;

use super::{timeline, unlimited};
use crate::support::{Heard, System, TalkingRelay};

/// A local part that is in no other word.
const LOCAL: &str = "zaphod.beeblebrox";

/// Names the recipient in whatever it says.
fn chatter(heard: Heard<'_>) -> String {
    match heard {
        Heard::Recipient(recipient) if recipient.contains("refused") => {
            let local = recipient.split('@').next().unwrap_or_default();
            format!(
                "550-5.1.1 <{recipient}>: no such user\r\n550 5.1.1 {local} is not \"{}\" here\r\n",
                local.to_uppercase()
            )
        }
        Heard::Recipient(recipient) => format!("250 2.1.5 <{recipient}> ok\r\n"),
        Heard::Message { recipient, .. } => format!("250 2.0.0 queued for {recipient} as 1A2B\r\n"),
    }
}

#[tokio::test]
async fn a_relay_may_repeat_the_address_and_no_client_reads_it() {
    let relay = TalkingRelay::serve(chatter).await;
    let system = System::with(|options| {
        unlimited(options);
        options.caller.set("OTP_SMTP_URL", &relay.url);
    })
    .await;
    for (domain, last, reply) in [("taken.test", "sent", "250 2.0.0"), ("refused.test", "failed", "550 5.1.1")] {
        let asked = system.api().accepted(&format!("{LOCAL}@{domain}")).await;
        let events = tokio::time::timeout(Duration::from_secs(30), timeline(&system, &asked, last, 1)).await;
        let events = events.expect("in time");
        let said = events.last().expect("events")["data"]["reply"].as_str().expect("a reply").to_owned();
        assert!(said.starts_with(reply), "{said}");
        assert!(!said.to_lowercase().contains(LOCAL), "{said}");
    }
    let mailer = std::fs::read_to_string(system.stack.log(otp_dev::stack::Part::Mailer)).expect("a log");
    assert!(!mailer.to_lowercase().contains(LOCAL), "{mailer}");
    system.stack.stop().await;
}
