//! Clocks: proofs, tickets and codes end by time, on several machines.

use std::time::Duration;

use otp_nats::Timestamp;
use reqwest::header::DATE;

use super::Finding;
use super::settings::Public;
use crate::stack::http_client;

const CHECK: &str = "clock";
/// Clocks that are further apart shorten or lengthen what lives for minutes by a part that is felt.
const APART_MAX: Duration = Duration::from_secs(2);

/// A clock that was asked between two looks at this machine's, and tells no finer than `grain`.
pub(super) fn compared(
    whose: &str,
    theirs: Timestamp,
    before: Timestamp,
    after: Timestamp,
    grain: Duration,
) -> Finding {
    let apart = if theirs + grain < before { (theirs + grain).until(before) } else { after.until(theirs) };
    let about = format!("{whose} and this machine");
    if apart <= APART_MAX {
        return Finding::ok(CHECK, &about, "within 2 s of each other");
    }
    let said = format!("{:.1} s apart", apart.as_secs_f64());
    Finding::fault(CHECK, &about, &said, "time synchronisation (NTP) on both")
}

/// The gateway's clock, as its answers are dated.
pub(super) async fn check_http(public: &Public) -> Vec<Finding> {
    let Some(url) = public.page.as_ref().and_then(|page| page.join("/health").ok()) else { return Vec::new() };
    let about = url.origin().ascii_serialization();
    let Ok(client) = http_client() else { return Vec::new() };
    let before = Timestamp::now();
    match client.get(url).send().await {
        Ok(answer) => {
            let after = Timestamp::now();
            let healthy = if answer.status().is_success() {
                Finding::ok("gateway", &about, "it answers")
            } else {
                let said = format!("/health answers {}", answer.status());
                Finding::warning("gateway", &about, &said, "the proxy before it, or the gateway's log")
            };
            let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok()).and_then(read_date);
            let clock = date.map(|date| compared(&about, date, before, after, Duration::from_secs(1)));
            std::iter::once(healthy).chain(clock).collect()
        }
        Err(error) => {
            let said = format!("no answer: {}", error.without_url());
            let mend = "nothing, if the system is not up yet; else OTP_PUBLIC_URL, and the proxy there";
            vec![Finding::warning("gateway", &about, &said, mend)]
        }
    }
}

/// `Tue, 15 Nov 1994 08:12:31 GMT` (RFC 9110 §5.6.7).
fn read_date(text: &str) -> Option<Timestamp> {
    let date =
        time::OffsetDateTime::parse(&text.replace("GMT", "+0000"), &time::format_description::well_known::Rfc2822);
    date.ok().map(Timestamp::from)
}
