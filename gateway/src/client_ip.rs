//! Whose request it is, by address.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use otp_nats::settings::{List, Setting};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Hops that are looked at, from the right.
const MAX_HOPS: usize = 16;

/// Networks whose word on the client is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

/// The header in which proxies say whom they speak for. One alone is believed: a proxy that writes one of them lets
/// through what the client wrote into the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`.
    #[default]
    ForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl Setting for ProxyHeader {
    const FORM: &'static str = "x-forwarded-for or forwarded";

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Ok(Self::ForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err(String::new()),
        }
    }
}

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
    /// The client's address: the peer's own, or, when the peer is a trusted proxy, the rightmost address in the header
    /// that is not one. What stands left of it the client may have written itself.
    pub fn client(&self, peer: IpAddr, header: ProxyHeader, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let name = match header {
            ProxyHeader::ForwardedFor => FORWARDED_FOR,
            ProxyHeader::Forwarded => header::FORWARDED,
        };
        let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        for hop in values.iter().rev().flat_map(|value| value.rsplit(',')).take(MAX_HOPS) {
            let address = match header {
                ProxyHeader::ForwardedFor => hop.trim().parse().ok(),
                ProxyHeader::Forwarded => forwarded_for(hop),
            };
            let Some(address): Option<IpAddr> = address else { break };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is a proxy's address.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The address of a forwarded element's `for` (RFC 7239 §6): a node's name, with a port or without; an obfuscated one
/// or `unknown` is none. No quoted string of an address holds a comma or a semicolon, so elements can be split there.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pair = |part: &str| {
        part.split_once('=').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    let (_, value) = element.split(';').filter_map(pair).find(|(name, _)| name == "for")?;
    let node = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&value);
    if let Some((address, port)) = node.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let port = port.is_empty() || port.starts_with(':');
        return address.parse().ok().filter(|_| port).map(IpAddr::V6);
    }
    let (address, _port) = node.split_once(':').unwrap_or((node, ""));
    address.parse().ok().map(IpAddr::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &str, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let proxies = TrustedProxies::parse(proxies).unwrap();
        proxies.client(peer.parse().unwrap(), ProxyHeader::ForwardedFor, &headers).to_string()
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
    fn forwarded_is_read_as_its_grammar_has_it() {
        let proxies = TrustedProxies::parse("10.0.0.0/8").unwrap();
        for (value, expected) in [
            ("for=198.51.100.1", "198.51.100.1"),
            ("For=\"198.51.100.1:4711\";proto=https;by=10.0.0.1", "198.51.100.1"),
            ("proto=https; for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("for=\"[2001:db8::7]\"", "2001:db8::7"),
            ("for=203.0.113.9, for=198.51.100.1, for=10.0.0.2", "198.51.100.1"),
            ("for=203.0.113.9, for=unknown", "10.0.0.1"),
            ("for=_hidden", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
            ("for=\"[2001:db8::7]x\"", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::FORWARDED, value.parse().unwrap());
            // What the client wrote into the other header counts for nothing.
            headers.insert(FORWARDED_FOR, "192.0.2.99".parse().unwrap());
            let client = proxies.client("10.0.0.1".parse().unwrap(), ProxyHeader::Forwarded, &headers);
            assert_eq!(client.to_string(), expected, "{value}");
        }
    }
}
