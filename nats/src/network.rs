//! Clients by network: what one customer of a provider has, and how many connections that may hold.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use crate::settings::Setting;

/// What is counted as one client: an IPv4 address, or the /64 network of an IPv6 address, which one customer gets as a
/// whole.
pub fn limited_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

/// Most connections of one network at once; `None` when only all together are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionCap(pub Option<NonZeroUsize>);

impl Setting for ConnectionCap {
    const FORM: &'static str = "a number from 1 on, or off";

    fn parse(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self(None));
        }
        text.parse().map(|most| Self(Some(most))).map_err(|_| String::new())
    }
}

/// Connections by network. Clones share the count, which holds networks with a connection only.
#[derive(Debug, Clone)]
pub struct Connections {
    cap: ConnectionCap,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection's place, free again when dropped.
#[derive(Debug)]
pub struct Place(Option<(IpAddr, Connections)>);

impl Connections {
    /// None yet.
    pub fn new(cap: ConnectionCap) -> Self {
        Self { cap, open: Arc::default() }
    }

    /// A place for a connection from this address; `None` when its network has as many as it may.
    pub fn admit(&self, peer: IpAddr) -> Option<Place> {
        let Some(most) = self.cap.0 else { return Some(Place(None)) };
        let network = limited_network(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let held = open.entry(network).or_default();
        if *held >= most.get() {
            return None;
        }
        *held += 1;
        Some(Place(Some((network, self.clone()))))
    }

    /// A place that counts for no network: that of a proxy, which stands for many.
    pub const fn uncounted() -> Place {
        Place(None)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((network, connections)) = self.0.take() else { return };
        let mut open = connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = open.get_mut(&network) {
            *held -= 1;
            if *held == 0 {
                open.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_customer_has_one_network() {
        for (from, network) in
            [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
        {
            assert_eq!(limited_network(address(from)).to_string(), network);
        }
    }

    #[test]
    fn places_are_a_networks_own_and_come_back() {
        let connections = Connections::new(ConnectionCap::parse("2").unwrap());
        let first = connections.admit(address("2001:db8::1")).unwrap();
        let second = connections.admit(address("2001:db8::2")).unwrap();
        assert!(connections.admit(address("2001:db8::3")).is_none());
        assert!(connections.admit(address("2001:db8:0:1::1")).is_some());
        drop(first);
        let third = connections.clone().admit(address("2001:db8::4"));
        assert!(third.is_some() && connections.admit(address("2001:db8::5")).is_none());
        drop((second, third));
        assert!(connections.open.lock().unwrap().is_empty());
    }

    #[test]
    fn off_counts_nothing() {
        let connections = Connections::new(ConnectionCap::parse("off").unwrap());
        let places: Vec<_> = (0..1000).map(|_| connections.admit(address("192.0.2.1")).unwrap()).collect();
        assert!(connections.open.lock().unwrap().is_empty());
        drop(places);
        assert!(ConnectionCap::parse("0").is_err() && ConnectionCap::parse("-1").is_err());
    }
}
