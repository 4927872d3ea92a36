//! Whether a delivery that the server counts as the first may not be the first.
//!
//! The leader of a consumer counts deliveries, and what it counted in its last second may go with it: its successor then
//! delivers again, as new, what mailers have long had. A leader that hung does the same when it goes on, until it hears
//! that it leads no more. Nothing in such a delivery tells, but first deliveries come in the order of the stream.

use std::time::Duration;

use tokio::time::Instant;

/// After a pull that was lost or complained about, the consumer may have a new leader. It begins with what it does not
/// know to be delivered; of that, each mailer recognises what came to itself by the order, and so long also asks for what
/// came to others.
const LASTS: Duration = Duration::from_secs(10);

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    highest: u64,
    until: Option<Instant>,
}

impl Doubt {
    /// The consumer may have another leader from now on.
    pub(super) fn raise(&mut self, now: Instant) {
        self.until = Some(now + LASTS);
    }

    /// Whether this delivery, `delivered` times by the server's count, may have been made before all the same.
    pub(super) fn about(&mut self, seq: u64, delivered: i64, now: Instant) -> bool {
        if delivered > 1 {
            return true;
        }
        let again = seq <= self.highest;
        self.highest = self.highest.max(seq);
        if again {
            self.raise(now);
        }
        again || self.until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_out_of_order_or_after_a_loss_is_doubted() {
        let start = Instant::now();
        let mut doubt = Doubt::default();
        assert!(!doubt.about(5, 1, start) && !doubt.about(9, 1, start));
        assert!(doubt.about(3, 2, start), "the server says so itself");
        assert!(!doubt.about(10, 1, start), "a redelivery says nothing of others");
        assert!(doubt.about(10, 1, start), "the same once more");
        assert!(doubt.about(11, 1, start), "and what follows, for a while");
        let later = start + LASTS;
        assert!(!doubt.about(12, 1, later));
        doubt.raise(later);
        assert!(doubt.about(13, 1, later));
        assert!(!doubt.about(14, 1, later + LASTS));
    }
}
