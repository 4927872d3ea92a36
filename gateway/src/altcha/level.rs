//! How hard challenges are: each level twice as hard as the one before. The level follows from how much of a limit is
//! used, whichever is the fullest of those that a request counts on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Policy;

/// A level of difficulty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Level(#[schemars(range(max = 3))] u8);

impl Level {
    /// The easiest: no limit is used by more than half.
    pub const LEAST: Self = Self(0);
    /// Eight times as hard, which is as long as a person with a slow phone waits.
    pub const MOST: Self = Self(3);

    /// The level of this number, if there is one.
    pub fn new(number: u8) -> Option<Self> {
        (number <= Self::MOST.0).then_some(Self(number))
    }

    /// The least count of uses among `count` for each level beyond the least: more than half, three quarters, nine
    /// tenths.
    pub fn thresholds(count: u32) -> [u32; 3] {
        let tenths = |part: u64| u32::try_from((u64::from(count) * part).div_ceil(20)).unwrap_or(u32::MAX);
        [count / 2 + 1, tenths(15), tenths(18)]
    }

    /// The level at `used` of `count`.
    pub fn at(used: u32, count: u32) -> Self {
        let passed = Self::thresholds(count).into_iter().filter(|threshold| used >= *threshold).count();
        Self(u8::try_from(passed).unwrap_or(Self::MOST.0)).min(Self::MOST)
    }

    /// This many times `cost`.
    pub(super) const fn times(self, cost: u32) -> u32 {
        cost << self.0
    }

    /// The level before.
    pub(super) const fn easier(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level.0
    }
}

impl Policy {
    /// How hard a challenge a request must have solved at this level of pressure, if any.
    pub fn demands(self, pressure: Level) -> Option<Level> {
        match self {
            Self::Off => None,
            Self::Always => Some(pressure),
            Self::Pressure => (pressure > Level::LEAST).then_some(pressure),
        }
    }
}
