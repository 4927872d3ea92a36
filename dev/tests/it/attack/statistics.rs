//! Whether two sets of times are alike: Welch's t-test, and Kolmogorov and Smirnov's.
//!
//! As dudect does it (Reparaz, Balasch, Verbauwhede, 2017): the samples are taken interleaved, and once more without
//! their slowest part, which is the machine's doing and hides small differences of the code's.

use std::fmt;

/// Of both sets together, this part is kept for the second look.
const KEPT: f64 = 0.9;
/// Chance gives a |t| beyond 7 once in 4e11 comparisons, a leak of a tenth of the spread reaches it with 10,000 samples.
const T_MAX: f64 = 7.0;
/// The same for the distance of the distributions: beyond 3.6 once in 9e10 (2 exp(-2 x^2)).
const KS_MAX: f64 = 3.6;

/// How two sets of samples compare.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison {
    /// Samples of the one and of the other.
    sizes: (usize, usize),
    /// Their medians.
    medians: (f64, f64),
    /// Welch's t over all samples.
    t_all: f64,
    /// Welch's t without the slowest.
    t_kept: f64,
    /// The largest distance of the two distribution functions, times the root of the effective size.
    ks: f64,
}

impl Comparison {
    pub(super) fn of(one: &[f64], other: &[f64]) -> Self {
        let (one, other) = (sorted(one), sorted(other));
        let mut both: Vec<f64> = one.iter().chain(&other).copied().collect();
        both.sort_by(f64::total_cmp);
        let limit = quantile(&both, KEPT);
        let kept = |samples: &[f64]| samples.iter().copied().filter(|time| *time <= limit).collect::<Vec<_>>();
        Self {
            sizes: (one.len(), other.len()),
            medians: (quantile(&one, 0.5), quantile(&other, 0.5)),
            t_all: welch(&one, &other),
            t_kept: welch(&kept(&one), &kept(&other)),
            ks: kolmogorov_smirnov(&one, &other),
        }
    }

    /// Whether chance does not explain the difference.
    pub(super) fn differs(&self) -> bool {
        self.t_all.abs() > T_MAX || self.t_kept.abs() > T_MAX || self.ks > KS_MAX
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sizes, medians, t_all, t_kept, ks } = self;
        write!(
            f,
            "n {}/{}, medians {:.1}/{:.1} us, Welch t {t_all:+.2} ({t_kept:+.2} without the slowest tenth; limit \
             {T_MAX}), Kolmogorov-Smirnov {ks:.2} (limit {KS_MAX})",
            sizes.0, sizes.1, medians.0, medians.1
        )
    }
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples
}

#[expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^52")]
const fn real(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a length is a position")]
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = (real(sorted.len().saturating_sub(1)) * part) as usize;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

/// The difference of the means in units of its own standard error.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let mean = |samples: &[f64]| samples.iter().sum::<f64>() / real(samples.len());
    let error = |samples: &[f64], mean: f64| {
        let squares: f64 = samples.iter().map(|time| (time - mean).powi(2)).sum();
        squares / real(samples.len() - 1) / real(samples.len())
    };
    let (m1, m2) = (mean(one), mean(other));
    (m1 - m2) / (error(one, m1) + error(other, m2)).sqrt()
}

fn kolmogorov_smirnov(one: &[f64], other: &[f64]) -> f64 {
    let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
    while let (Some(a), Some(b)) = (one.get(i), other.get(j)) {
        let next = a.min(*b);
        while one.get(i).is_some_and(|time| *time <= next) {
            i += 1;
        }
        while other.get(j).is_some_and(|time| *time <= next) {
            j += 1;
        }
        distance = distance.max((real(i) / real(one.len()) - real(j) / real(other.len())).abs());
    }
    let (n, m) = (real(one.len()), real(other.len()));
    distance * (n * m / (n + m)).sqrt()
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    /// Times as a busy machine gives them: a floor, a spread, and now and then a pause a hundred times as long.
    fn times(random: &mut StdRng, count: usize, floor: f64) -> Vec<f64> {
        let mut time = || {
            let spread: f64 = (0..6).map(|_| random.random_range(0.0..100.0)).sum();
            floor + spread + if random.random_bool(0.02) { random.random_range(0.0..50_000.0) } else { 0.0 }
        };
        (0..count).map(|_| time()).collect()
    }

    #[test]
    fn chance_is_no_difference_and_a_small_leak_is_one() {
        let mut random = StdRng::seed_from_u64(1);
        for round in 0..200 {
            let comparison = Comparison::of(&times(&mut random, 300, 1_000.0), &times(&mut random, 300, 1_000.0));
            assert!(!comparison.differs(), "round {round}: {comparison}");
        }
        // A tenth of the floor, about the spread, among pauses that are a hundred times as long.
        let comparison = Comparison::of(&times(&mut random, 300, 1_000.0), &times(&mut random, 300, 1_100.0));
        assert!(comparison.differs(), "{comparison}");
    }

    #[test]
    fn the_figures_are_those_of_the_textbook() {
        let (one, other) = ([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0]);
        // Means 2.5 and 5, variances 5/3 and 20/3: t = -2.5 / sqrt(5/12 + 20/12).
        assert!((welch(&one, &other) + 2.5 / (25.0_f64 / 12.0).sqrt()).abs() < 1e-12);
        // The distribution functions are half apart at 4 (1 and 1/2), and the effective size is 2.
        assert!((kolmogorov_smirnov(&one, &other) - 0.5 * 2.0_f64.sqrt()).abs() < 1e-12);
    }
}
