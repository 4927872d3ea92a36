//! Texts in one piece of memory.

use std::fmt::{Arguments, Write as _};

/// A text of at most so many octets, or a few more. `format!` guesses how long a text becomes and moves it as it grows;
/// where memory is wiped as it is given back, each move costs twice.
pub fn sized(octets: usize, text: Arguments<'_>) -> String {
    let mut written = String::with_capacity(octets);
    let done = written.write_fmt(text);
    debug_assert!(done.is_ok(), "a string takes everything");
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_text_that_format_makes() {
        let (text, capacity) = (sized(8, format_args!("{}-{:03}", "a", 7)), 8);
        assert_eq!((text.as_str(), text.capacity()), ("a-007", capacity));
        assert_eq!(sized(0, format_args!("{}", "longer")), "longer");
    }
}
