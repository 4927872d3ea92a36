//! The parts of the stack that are processes of their own.

use std::fmt;

/// A program of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `otp-gateway`.
    Gateway,
    /// `otp-mailer`.
    Mailer,
    /// `otp-notifier`.
    Notifier,
    /// `nats-server`.
    Nats,
    /// `redis-server`.
    Redis,
}

impl Part {
    /// Our own services.
    pub const SERVICES: [Self; 3] = [Self::Gateway, Self::Mailer, Self::Notifier];
    /// The servers they need.
    pub const SERVERS: [Self; 2] = [Self::Nats, Self::Redis];

    /// The part's name in `stack.json`, in log file names and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Mailer => "mailer",
            Self::Notifier => "notifier",
            Self::Nats => "nats",
            Self::Redis => "redis",
        }
    }

    /// The program's file name.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Gateway => "otp-gateway",
            Self::Mailer => "otp-mailer",
            Self::Notifier => "otp-notifier",
            Self::Nats => "nats-server",
            Self::Redis => "redis-server",
        }
    }

    /// The part with this name, the number of an instance aside: `gateway`, `gateway-2`.
    pub fn of(name: &str) -> Option<Self> {
        let base = name.split_once('-').map_or(name, |(base, _)| base);
        Self::SERVICES.into_iter().chain(Self::SERVERS).find(|part| part.name() == base)
    }
}

/// One process of a part; the first has the number 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    /// Which program.
    pub part: Part,
    /// Which of its processes.
    pub number: u16,
}

impl Instance {
    /// The instance with this name: `gateway`, `gateway-2`.
    pub fn of(name: &str) -> Option<Self> {
        let part = Part::of(name)?;
        let number = name.split_once('-').map_or(Some(1), |(_, number)| number.parse().ok())?;
        Some(Self { part, number }).filter(|instance| instance.to_string() == name)
    }
}

impl From<Part> for Instance {
    fn from(part: Part) -> Self {
        Self { part, number: 1 }
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            1 => f.write_str(self.part.name()),
            number => write!(f, "{}-{number}", self.part.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_parts() {
        for part in Part::SERVICES.into_iter().chain(Part::SERVERS) {
            assert_eq!(Part::of(part.name()), Some(part));
            for number in [1, 2] {
                let instance = Instance { part, number };
                assert_eq!(Part::of(&instance.to_string()), Some(part));
                assert_eq!(Instance::of(&instance.to_string()), Some(instance));
            }
        }
        for name in ["dev", "nats-", "nats-x", "nats-01", "nats-1"] {
            assert_eq!(Instance::of(name), None, "{name}");
        }
    }
}
