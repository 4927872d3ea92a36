//! What is answered to a question; no I/O.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{MX, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// Seconds that a record may be cached.
const POSITIVE_TTL_S: u32 = 60;
/// Seconds that an absence may be cached.
const NEGATIVE_TTL_S: u32 = 30;
/// Labels of the zone that the SOA names: the domain under the top level.
const ZONE_LABELS: usize = 2;

/// Longest string of a TXT record in bytes (RFC 1035 §3.3.14); a record may have several.
const STRING_MAX: usize = 255;

/// TXT records by name: lower case, without the last dot.
pub(super) type Texts = BTreeMap<String, Vec<String>>;

/// When an answer goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delay {
    /// At once.
    None,
    /// Late.
    Slow,
    /// Never.
    Forever,
}

/// An answer.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) code: ResponseCode,
    pub(super) records: Vec<Record>,
    /// In the authority section where something does not exist.
    pub(super) soa: Option<Record>,
    pub(super) delay: Delay,
}

impl Answer {
    /// A failure without records.
    pub(super) fn failure(code: ResponseCode) -> Self {
        Self { code, records: Vec::new(), soa: None, delay: Delay::None }
    }
}

/// How a domain differs from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quirk {
    NoDomain,
    NullExchanger,
    NoExchanger,
    NoAddress,
    ServerFailure,
    Timeout,
    Slow,
}

/// The answer for a name and a type.
pub(super) fn answer(name: &Name, kind: RecordType, texts: &Texts) -> Answer {
    let quirk = Quirk::of(name);
    let (code, delay) = match quirk {
        Some(Quirk::ServerFailure) => return Answer::failure(ResponseCode::ServFail),
        Some(Quirk::NoDomain) => (ResponseCode::NXDomain, Delay::None),
        Some(Quirk::Timeout) => (ResponseCode::NoError, Delay::Forever),
        Some(Quirk::Slow) => (ResponseCode::NoError, Delay::Slow),
        Some(Quirk::NullExchanger | Quirk::NoExchanger | Quirk::NoAddress) | None => {
            (ResponseCode::NoError, Delay::None)
        }
    };
    let data: Vec<RData> = match kind {
        RecordType::MX => exchanger(quirk, name).into_iter().collect(),
        RecordType::A | RecordType::AAAA => address(quirk, kind).into_iter().collect(),
        RecordType::TXT => texts.get(&spelled(name)).into_iter().flatten().map(|text| in_strings(text)).collect(),
        _ => Vec::new(),
    };
    let soa = data.is_empty().then(|| soa(name));
    let records = data.into_iter().map(|data| Record::from_rdata(name.clone(), POSITIVE_TTL_S, data)).collect();
    Answer { code, records, soa, delay }
}

impl Quirk {
    /// By the last two labels, so that all below such a name are like it.
    fn of(name: &Name) -> Option<Self> {
        let zone = name.trim_to(ZONE_LABELS).to_lowercase();
        let mut labels = zone.iter();
        let (domain, top) = (labels.next()?, labels.next()?);
        if top != b"test" {
            return None;
        }
        Some(match domain {
            b"nxdomain" => Self::NoDomain,
            b"nullmx" => Self::NullExchanger,
            b"nomx" => Self::NoExchanger,
            b"noaddress" => Self::NoAddress,
            b"servfail" => Self::ServerFailure,
            b"timeout" => Self::Timeout,
            b"slow" => Self::Slow,
            _ => return None,
        })
    }
}

fn spelled(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

fn in_strings(text: &str) -> RData {
    let strings = text.as_bytes().chunks(STRING_MAX).map(|string| String::from_utf8_lossy(string).into_owned());
    RData::TXT(TXT::new(strings.collect()))
}

fn exchanger(quirk: Option<Quirk>, name: &Name) -> Option<RData> {
    match quirk {
        Some(Quirk::NoDomain | Quirk::NoExchanger | Quirk::NoAddress) => None,
        Some(Quirk::NullExchanger) => Some(RData::MX(MX::new(0, Name::root()))),
        Some(Quirk::ServerFailure | Quirk::Timeout | Quirk::Slow) | None => {
            // A name so long that nothing fits before it has no exchanger, as nothing could name it.
            name.prepend_label("mx").ok().map(|exchanger| RData::MX(MX::new(10, exchanger)))
        }
    }
}

fn address(quirk: Option<Quirk>, kind: RecordType) -> Option<RData> {
    match quirk {
        Some(Quirk::NoDomain | Quirk::NoAddress) => None,
        Some(Quirk::NullExchanger | Quirk::NoExchanger | Quirk::ServerFailure | Quirk::Timeout | Quirk::Slow)
        | None => Some(if kind == RecordType::A {
            RData::A(Ipv4Addr::LOCALHOST.into())
        } else {
            RData::AAAA(Ipv6Addr::LOCALHOST.into())
        }),
    }
}

fn soa(name: &Name) -> Record {
    let zone = name.trim_to(ZONE_LABELS);
    let [refresh_s, retry_s, expire_s] = [3600, 600, 86_400];
    let soa = SOA::new(zone.clone(), zone.clone(), 1, refresh_s, retry_s, expire_s, NEGATIVE_TTL_S);
    Record::from_rdata(zone, NEGATIVE_TTL_S, RData::SOA(soa))
}
