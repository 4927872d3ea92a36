//! Whose request it is, by address.

use std::net::{IpAddr, Ipv6Addr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use otp_nats::settings::{List, Setting};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Hops of `X-Forwarded-For` that are looked at, from the right.
const MAX_HOPS: usize = 16;

/// Networks whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

#[derive(Debug, Clone, Copy)]
struct Network(IpNet);

impl Setting for Network {
    const FORM: &'static str = "an IP address or network, as 10.0.0.0/8";

    fn parse(text: &str) -> Result<Self, String> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().or_else(|_| address()).map(Self).map_err(|_| String::new())
    }
}

impl Setting for TrustedProxies {
    const FORM: &'static str = "a comma-separated list of IP addresses and networks, as 10.0.0.0/8,::1";

    fn parse(text: &str) -> Result<Self, String> {
        List::<Network>::parse(text).map(|list| Self(list.0.into_iter().map(|network| network.0).collect()))
    }
}

impl TrustedProxies {
    /// The client's address: the peer's own, or, when the peer is a trusted proxy, the rightmost address in
    /// `X-Forwarded-For` that is not one. What stands left of it the client may have written itself.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let values: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
        for hop in values.iter().rev().flat_map(|value| value.rsplit(',')).take(MAX_HOPS) {
            let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// What limits count on: an IPv4 address, or the /64 network of an IPv6 address, which one customer gets as a whole.
pub fn limited_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &str, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        TrustedProxies::parse(proxies).unwrap().client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn forwarded_counts_from_trusted_proxies_only_and_from_the_right() {
        for (proxies, peer, forwarded, expected) in [
            ("", "192.0.2.1", vec!["198.51.100.1"], "192.0.2.1"),
            ("10.0.0.0/8", "10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", vec!["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.0/8", "10.0.0.1", vec!["203.0.113.9, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.0/8", "10.0.0.1", vec!["203.0.113.9", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.0/8", "10.0.0.1", vec!["nonsense, 10.0.0.3"], "10.0.0.3"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", vec!["2001:db8::1"], "2001:db8::1"),
            ("::1, 10.1.2.3", "::1", vec!["198.51.100.1"], "198.51.100.1"),
        ] {
            assert_eq!(client(proxies, peer, &forwarded), expected, "{proxies} {peer} {forwarded:?}");
        }
    }

    #[test]
    fn one_customer_has_one_network() {
        for (address, network) in
            [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
        {
            assert_eq!(limited_network(address.parse().unwrap()).to_string(), network);
        }
    }
}
