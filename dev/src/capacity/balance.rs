//! How evenly a hash spreads over cells.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::bench::float;

/// More requests than this show nothing more.
const REQUESTS_MAX: f64 = 2e6;

/// Requests of the fullest of so many cells next to the mean, when a hash of the recipient chooses the cell of each. All
/// are of different recipients: the limits leave one recipient a few an hour.
pub(super) fn by_recipient(cells: usize, requests: f64, seed: u64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and the most")]
    let requests = requests.clamp(1.0, REQUESTS_MAX) as u32;
    fullest(cells, (0..requests).map(|recipient| (recipient, 1.0)), seed)
}

/// The same when each application has one cell for all its requests, and the second asks half as often as the first, the
/// third a third, and so on.
pub(super) fn by_application(cells: usize, applications: u32, seed: u64) -> f64 {
    fullest(cells, (0..applications).map(|application| (application, 1.0 / (f64::from(application) + 1.0))), seed)
}

fn fullest(cells: usize, asked: impl Iterator<Item = (u32, f64)>, seed: u64) -> f64 {
    let (mut loads, mut all) = (vec![0.0_f64; cells], 0.0);
    for (who, load) in asked {
        let mut hasher = DefaultHasher::new();
        (seed, who).hash(&mut hasher);
        let chosen = u64::try_from(cells).ok().and_then(|cells| hasher.finish().checked_rem(cells));
        let chosen = chosen.and_then(|cell| usize::try_from(cell).ok()).and_then(|cell| loads.get_mut(cell));
        if let Some(cell) = chosen {
            *cell += load;
        }
        all += load;
    }
    loads.into_iter().fold(0.0, f64::max) * float(cells) / all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_spread_as_dice_do_and_applications_do_not() {
        // The fullest of 200 cells is some three standard deviations above the mean of 5,000, which are 71 each.
        let balance = by_recipient(200, 1e6, 1);
        assert!((1.02..1.07).contains(&balance), "{balance}");
        // The first of 1,000 applications is 13 % of all: 26 times the mean of 200 cells.
        let top = 1.0 / (1..=1000).map(|rank| 1.0 / f64::from(rank)).sum::<f64>();
        let balance = by_application(200, 1000, 1);
        assert!((200.0 * top..250.0 * top).contains(&balance), "{balance}");
        assert!((by_recipient(1, 1000.0, 1) - 1.0).abs() < 1e-9);
    }
}
