//! W3C Trace Context (Level 1): the header `traceparent` that ties one verification's steps together.

use std::fmt;

use crate::random;

/// Name of the header, in HTTP and on the bus.
pub const HEADER: &str = "traceparent";

/// A trace id with the id of the span that speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    flags: u8,
}

impl TraceParent {
    /// A new trace, sampled. Zeros are no valid ids, so random bytes that come out as zero count as one.
    pub fn start() -> Self {
        Self {
            trace: u128::from_be_bytes(random::bytes()).max(1),
            span: u64::from_be_bytes(random::bytes()).max(1),
            flags: 1,
        }
    }

    /// The same trace with a span of its own.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span: u64::from_be_bytes(random::bytes()).max(1), ..*self }
    }

    /// Reads version 00, and what a later version has in common with it; `None` for everything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let lower_hex = |field: &str| field.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let lengths = [(version, 2), (trace, 32), (span, 16), (flags, 2)];
        if lengths.iter().any(|(field, length)| field.len() != *length || !lower_hex(field)) {
            return None;
        }
        if version == "ff" || (version == "00" && fields.next().is_some()) {
            return None;
        }
        let trace = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
        let span = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
        Some(Self { trace, span, flags: u8::from_str_radix(flags, 16).ok()? & 1 })
    }

    /// Whether its steps are recorded.
    pub const fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// The same, recorded or not.
    #[must_use]
    pub fn sampled(self, is_sampled: bool) -> Self {
        Self { flags: u8::from(is_sampled), ..self }
    }

    /// The ids of the trace and of the span.
    pub const fn ids(&self) -> (u128, u64) {
        (self.trace, self.span)
    }

    /// The trace id as logs show it: 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let parent = TraceParent::start();
        assert_eq!(TraceParent::parse(&parent.to_string()), Some(parent));
        let child = parent.child();
        assert_eq!(child.trace_id(), parent.trace_id());
        assert_ne!(child, parent);
    }

    #[test]
    fn refuses_what_the_standard_refuses() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(TraceParent::parse(good).unwrap().to_string(), good);
        for bad in [
            "",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }
}
