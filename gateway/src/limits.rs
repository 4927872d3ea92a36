//! Limits as settings spell them: `5/1h,12/1d`, or `off`.

use std::time::Duration;

use otp_nats::settings::Setting;

/// Most events one limit may count. Redis keeps a time for each, so it bounds the memory of one key.
const MAX_COUNT: u32 = 10_000;
/// Most limits in one list.
const MAX_LIMITS: usize = 4;

/// At most `count` within any `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub count: u32,
    /// Within how long.
    pub period: Duration,
}

/// Limits that hold together; none when switched off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits(Vec<Limit>);

impl Limits {
    /// The limits, none when switched off.
    pub fn as_slice(&self) -> &[Limit] {
        &self.0
    }

    /// Whether nothing is limited.
    pub fn is_off(&self) -> bool {
        self.0.is_empty()
    }
}

impl Setting for Limits {
    const FORM: &'static str = "a list of N/period, as 5/1h,12/1d, or off";

    fn parse(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::default());
        }
        let limits: Vec<Limit> =
            (1..).zip(text.split(',')).map(|(n, entry)| limit(n, entry)).collect::<Result<_, _>>()?;
        if limits.len() > MAX_LIMITS {
            return Err(format!("more than {MAX_LIMITS} limits"));
        }
        Ok(Self(limits))
    }
}

fn limit(number: usize, entry: &str) -> Result<Limit, String> {
    let faulty = || format!("entry {number} is not N/period with N from 1 to {MAX_COUNT}");
    let (count, period) = entry.trim().split_once('/').ok_or_else(faulty)?;
    let count = count.trim().parse().ok().filter(|count| (1..=MAX_COUNT).contains(count)).ok_or_else(faulty)?;
    let period = period.trim();
    // A bare unit stands for one of it: `5/hour`.
    let spelled =
        if period.starts_with(|c: char| c.is_ascii_digit()) { period.to_owned() } else { format!("1{period}") };
    let period = Duration::parse(&spelled).ok().filter(|period| !period.is_zero()).ok_or_else(faulty)?;
    Ok(Limit { count, period })
}

/// The limit that refused, for `violated-policies`, `RateLimit` and `Retry-After`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The policy's name.
    pub policy: String,
    /// Its count.
    pub quota: u32,
    /// Its period.
    pub window: Duration,
    /// How long until the same request would be let through.
    pub retry_after: Duration,
}

impl Violation {
    /// For one limit of a list that counts `what`.
    pub fn of(what: &str, limit: Limit, retry_after: Duration) -> Self {
        Self {
            policy: format!("{what}-{}s", limit.period.as_secs().max(1)),
            quota: limit.count,
            window: limit.period,
            retry_after,
        }
    }

    /// Whole seconds to wait, rounded up, at least one.
    pub fn retry_after_secs(&self) -> u64 {
        self.retry_after.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_units_and_off() {
        let five_an_hour = Limit { count: 5, period: Duration::from_secs(3600) };
        for text in ["5/1h", "5/h", "5/hour", "5/3600", "5/60m", " 5 / 3600s "] {
            assert_eq!(Limits::parse(text), Ok(Limits(vec![five_an_hour])), "{text}");
        }
        assert_eq!(Limits::parse("10/1m,60/1h").unwrap().as_slice().len(), 2);
        assert!(Limits::parse("OFF").unwrap().is_off());
        for bad in ["", "5", "0/1h", "5/0s", "x/1h", "5/fortnight", "5/1h,", "99999/1h", "1/s,1/m,1/h,1/d,2/d"] {
            assert!(Limits::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn waits_are_rounded_up() {
        let violation =
            Violation::of("ip", Limit { count: 10, period: Duration::from_secs(60) }, Duration::from_millis(1));
        assert_eq!((violation.policy.as_str(), violation.retry_after_secs()), ("ip-60s", 1));
    }
}
