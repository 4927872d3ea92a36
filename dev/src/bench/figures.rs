//! What is measured, and what it is held against.

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// What is measured, for people.
    pub(super) figure: &'static str,
    /// What of it is compared with; empty without.
    pub(super) anchor: &'static str,
    pub(super) unit: &'static str,
    pub(super) target: Target,
}

/// What a row has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    /// So many times the anchor, or more.
    TimesAtLeast(f64),
    /// So many times the anchor, or less.
    TimesAtMost(f64),
    /// So many of the unit, or less.
    AtMost(f64),
    /// It is told and not judged.
    Told,
}

impl Target {
    pub(super) fn is_met(self, subject: f64, ratio: Option<f64>) -> Option<bool> {
        match self {
            Self::TimesAtLeast(least) => ratio.map(|ratio| ratio >= least),
            Self::TimesAtMost(most) => ratio.map(|ratio| ratio <= most),
            Self::AtMost(most) => Some(subject <= most),
            Self::Told => None,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TimesAtLeast(least) => write!(f, ">= {least}x"),
            Self::TimesAtMost(most) => write!(f, "<= {most}x"),
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::Told => Ok(()),
        }
    }
}

/// A row's figures in one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// The row's name.
    pub(super) row: &'static str,
    pub(super) subject: f64,
    pub(super) anchor: Option<f64>,
}

impl Sample {
    pub(super) const fn new(row: &'static str, subject: f64, anchor: f64) -> Self {
        Self { row, subject, anchor: Some(anchor) }
    }

    pub(super) const fn alone(row: &'static str, subject: f64) -> Self {
        Self { row, subject, anchor: None }
    }
}

/// What one run has found.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) samples: Vec<Sample>,
    /// What else is worth a line: who used how much CPU, what was counted.
    pub(super) notes: Vec<String>,
}

/// Middle, least and most.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// Of all these; `None` of nothing.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let (low, high) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
        Some(Self { median: f64::midpoint(*low, *high), least, most })
    }
}

/// A count as a figure; what is beyond four thousand million is none.
pub(crate) fn float(count: impl TryInto<u32>) -> f64 {
    count.try_into().map_or(f64::NAN, f64::from)
}

/// The value below which this share of sorted values lies.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let at = ((sorted.len().saturating_sub(1)) as f64 * share).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).expect("values");
        assert_eq!(spread, Spread { median: 2.5, least: 1.0, most: 4.0 });
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_target_is_met_or_not() {
        assert_eq!(Target::TimesAtLeast(0.7).is_met(1.0, Some(0.69)), Some(false));
        assert_eq!(Target::TimesAtMost(3.0).is_met(1.0, Some(3.0)), Some(true));
        assert_eq!(Target::AtMost(12.0).is_met(12.1, None), Some(false));
        assert_eq!(Target::TimesAtMost(3.0).is_met(1.0, None), None);
        assert_eq!(Target::Told.is_met(1.0, Some(1.0)), None);
    }

    #[test]
    fn quantiles_of_sorted_values() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert!((quantile(&values, 0.5) - 50.0).abs() < f64::EPSILON);
        assert!((quantile(&values, 0.99) - 99.0).abs() < f64::EPSILON);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
