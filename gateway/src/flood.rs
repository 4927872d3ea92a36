//! The first gate of each process: a token bucket per network, in memory, before anything costs a look-up.
//!
//! It is far wider than the limits that Redis keeps for all gateways, so it never refuses what they would let through
//! from an honest client; it keeps a flood from costing more than a hash.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::altcha::Level;
use crate::limits::Violation;
use otp_nats::network::limited_network;

/// Requests of a network at once, of any kind.
const BURST: NonZeroU32 = NonZeroU32::new(500).unwrap();
/// Requests a second of a network in the long run.
const RATE: NonZeroU32 = NonZeroU32::new(100).unwrap();
/// A full bucket says nothing any more. Tidied this often, the map holds the networks of the last ten seconds only, and
/// the connection limit bounds how many those can be.
pub const TIDY_EVERY: Duration = Duration::from_secs(5);

/// Token buckets by network.
#[derive(Debug)]
pub struct FloodGate {
    buckets: DefaultKeyedRateLimiter<IpAddr, StateInformationMiddleware>,
    clock: DefaultClock,
}

impl Default for FloodGate {
    fn default() -> Self {
        Self {
            buckets: RateLimiter::dashmap(Quota::per_second(RATE).allow_burst(BURST)).with_middleware(),
            clock: DefaultClock::default(),
        }
    }
}

impl FloodGate {
    /// Lets a request through and says how full the bucket of its network's requests is, or how long to wait.
    ///
    /// # Errors
    /// The network has no tokens left.
    pub fn pass(&self, client: IpAddr) -> Result<Level, Violation> {
        let passed = self.buckets.check_key(&limited_network(client));
        let used = |left: u32| BURST.get().saturating_sub(left);
        passed.map(|state| Level::at(used(state.remaining_burst_capacity()), BURST.get())).map_err(|not_until| {
            Violation {
                policy: "flood".to_owned(),
                quota: BURST.get(),
                window: Duration::from_secs(u64::from(BURST.get() / RATE.get())),
                retry_after: not_until.wait_time_from(self.clock.now()),
            }
        })
    }

    /// Forgets networks whose buckets are full again; called now and then, since the map never shrinks by itself.
    pub fn tidy(&self) {
        self.buckets.retain_recent();
        self.buckets.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_the_flood_does_not() {
        let gate = FloodGate::default();
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        let levels: Vec<u8> = (0..2000).filter_map(|_| gate.pass(client).ok()).map(u8::from).collect();
        assert_eq!((levels.first(), levels.iter().max()), (Some(&0), Some(&3)), "{levels:?}");
        let client: IpAddr = "192.0.2.3".parse().unwrap();
        let passed = (0..2000).filter(|_| gate.pass(client).is_ok()).count();
        assert!((500..1500).contains(&passed), "{passed}");
        let violation = gate.pass(client).unwrap_err();
        assert_eq!(violation.retry_after_secs(), 1);
        assert!(gate.pass("192.0.2.2".parse().unwrap()).is_ok());
    }
}
