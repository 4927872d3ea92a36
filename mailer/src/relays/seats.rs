//! Who may hand a mail to a relay now: as many at once as its [`Window`] says.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::window::Window;

/// See the module's description.
#[derive(Debug)]
pub(super) struct Seats {
    free: Semaphore,
    all: Mutex<All>,
}

#[derive(Debug)]
struct All {
    window: Window,
    /// Free ones and those that are taken.
    number: usize,
}

/// A place with the relay, given back when dropped. What becomes of the mail changes how many there are.
#[derive(Debug)]
pub(super) struct Seat<'s> {
    seats: &'s Seats,
    permit: Option<SemaphorePermit<'s>>,
    since: Instant,
}

impl Seats {
    /// At most so many.
    pub(super) fn new(most: usize) -> Self {
        let window = Window::new(most);
        let number = window.size();
        Self { free: Semaphore::new(number), all: Mutex::new(All { window, number }) }
    }

    /// How many there are, free or taken.
    pub(super) fn number(&self) -> usize {
        self.with(|all| all.number)
    }

    /// Waits for one.
    pub(super) async fn take(&self) -> Seat<'_> {
        // Nobody closes the semaphore.
        let permit = self.free.acquire().await.ok();
        Seat { seats: self, permit, since: Instant::now() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut All) -> T) -> T {
        act(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seat<'_> {
    /// The relay took the mail, or refused it for good.
    pub(super) fn answered(self) {
        self.leave(Window::answered);
    }

    /// The relay said that it is given too much.
    pub(super) fn refused(self) {
        self.leave(|window, _, _, now| window.refused(now));
    }

    fn leave(self, tell: impl FnOnce(&mut Window, Duration, bool, Instant)) {
        let Self { seats, permit, since } = self;
        let (free, now) = (&seats.free, Instant::now());
        seats.with(|All { window, number }| {
            let is_used = 2 * free.available_permits() <= *number;
            tell(window, now - since, is_used, now);
            let size = window.size();
            if size >= *number {
                free.add_permits(size - *number);
                *number = size;
                return;
            }
            // This one goes, and those that are free; of the others each when it is left.
            if let Some(permit) = permit {
                permit.forget();
                *number -= 1;
            }
            *number -= free.forget_permits(number.saturating_sub(size));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_are_as_many_as_the_window_says() {
        let seats = Seats::new(32);
        let mut taken = futures_util::future::join_all((0..32).map(|_| seats.take())).await;
        assert_eq!(seats.free.available_permits(), 0);
        taken.pop().unwrap().refused();
        assert_eq!((seats.number(), seats.free.available_permits()), (31, 0));
        for _ in 0..15 {
            taken.pop().unwrap().answered();
        }
        assert_eq!((seats.number(), seats.free.available_permits()), (16, 0));
        // Given back without a word: nothing is known of the relay then.
        taken.clear();
        assert_eq!((seats.number(), seats.free.available_permits()), (16, 16));
    }
}
